"""What of the history is kept: decides which runs and logs go, and sees to it a small part at a time.

Deletes rows through ``history`` and has the pump delete files. Must never hold up the loop: one ``step`` is
some hundred rows. Must never touch a run that has not ended, nor a file whose run this database did not have.
Called by the daemon's loop: ``begin`` at start and every hour, ``step`` a little later again and again while
``wants_step``.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping
from itertools import count

from runwisp.clock import DAY, Millis, Wall
from runwisp.errors import HistoryError, RunUnfinished, UnknownRun
from runwisp.frozen import frozen
from runwisp.history import Deleted, History
from runwisp.notifier import NotifySettings
from runwisp.task import AnyTask, Task
from runwisp.wire import Remove

BATCH = 100
"""Rows deleted in one transaction, and logs in one message to the pump."""

WORTH_A_SWEEP = 1.1
"""Times ``keep_runs`` that a task may have before its runs are swept out of turn."""

UNDER_WAY = 4
"""Messages that the pump has not answered yet; the next ones wait in the database."""

ENDS_KEPT_FOR: Millis = 35 * DAY
"""The summary shows 30 days, in any time zone."""

LOG_FILES = (".log", ".log.prev", ".log.idx", ".log.meta")

Sweep = Generator[int, None, None]
"""A sweep in the making: each part gives what it cost, about one for a row."""


@frozen
class Keep:
    """How much of one task's history is kept; None is all. ``is_scheduled``: and when its schedule fired."""

    keep_runs: int | None
    keep_for: Millis | None
    is_scheduled: bool = False


def keep_of(definition: AnyTask) -> Keep:
    is_scheduled = isinstance(definition, Task) and definition.cron is not None
    return Keep(definition.keep_runs, definition.keep_for, is_scheduled)


class Retention:
    """``default`` is for tasks that are no longer in the configuration. ``max_size`` 0 is no cap. ``tell``
    hears of every run that was deleted."""

    def __init__(
        self,
        history: History,
        keeps: Mapping[str, Keep],
        default: Keep,
        max_size: int,
        logs_dir: str,
        *,
        tell: Callable[[Deleted], None],
        notify: NotifySettings,
    ) -> None:
        self._history = history
        self._keeps = keeps
        self._default = default
        self._max_size = max_size
        self._logs_dir = logs_dir
        self._tell = tell
        self._notify = notify
        self._sweep: Sweep | None = None
        self._overgrown: deque[str] = deque()
        self._counts: Counter[str] = Counter()
        self._tickets = count(1)
        self._under_way: dict[int, tuple[int, int]] = {}
        self._gone: list[tuple[int, int]] = []
        self._sent_up_to = 0
        self._has_removals = True

    @property
    def wants_step(self) -> bool:
        return bool(self._sweep or self._overgrown or self._gone or self._may_send())

    def go_on(self, history: History) -> None:
        """With a new database in the place of a malformed one; it knows nothing of what was under way."""
        self._history = history
        self._sweep = None
        self._under_way.clear()
        self._gone.clear()
        self._sent_up_to = 0
        self._has_removals = True

    def begin(self, now: Wall) -> None:
        """Starts a whole sweep, unless one is under way."""
        if not self._sweep:
            self._sweep = self._whole(now)
        if not self._under_way:
            self._sent_up_to = 0
            self._has_removals = True

    def run_ended(self, task_name: str) -> None:
        """A run of this task was added to the history; touches nothing but a counter."""
        self._counts[task_name] += 1
        keep_runs = self._keep(task_name).keep_runs
        if keep_runs is None or self._counts[task_name] <= keep_runs * WORTH_A_SWEEP:
            return
        if task_name not in self._overgrown:
            self._overgrown.append(task_name)

    def delete(self, run_id: str) -> None:
        """A person wants this run gone, row and files.

        Raises: UnknownRun, RunUnfinished, HistoryUnwritable, HistoryMalformed.
        """
        if self._deleted(self._history.delete_run(run_id)):
            return
        if self._history.run(run_id):
            raise RunUnfinished(f"run {run_id} has not ended", "Stop it first.")
        raise UnknownRun(f"there is no run {run_id}", "It may have been deleted meanwhile.")

    def removed(self, ticket: int) -> None:
        """The pump's answer: these files are gone. One pump may repeat what another has said."""
        if span := self._under_way.pop(ticket, None):
            self._gone.append(span)

    def not_removed(self, ticket: int) -> None:
        """The pump's answer: not all of these files are gone; the next whole sweep asks again."""
        self._under_way.pop(ticket, None)

    def step(self, now: Wall) -> list[Remove]:
        """Does one small part of what there is to do; gives what to tell the pump.

        Raises: HistoryUnwritable, HistoryMalformed. The sweep under way is given up then; a later one finds
        what it left. What the pump was not told yet stays in the database.
        """
        while self._gone:
            self._history.forget_removals(*self._gone[-1])
            self._gone.pop()
        self._sweep_on(now)
        return self._to_send()

    def _sweep_on(self, now: Wall) -> None:
        cost = 0
        while cost < BATCH:
            if not self._sweep and self._overgrown:
                self._sweep = self._trim(self._overgrown.popleft(), now)
            if not self._sweep:
                return
            try:
                cost += next(self._sweep)
            except StopIteration:
                self._sweep = None
            except HistoryError:
                self._sweep = None
                raise

    def _whole(self, now: Wall) -> Sweep:
        yield from self._all(lambda: self._history.delete_without_log(now, BATCH))
        for task_name in self._history.task_names():
            yield from self._trim(task_name, now)
        if self._max_size:
            yield from self._shrink(now)
        self._history.forget_lives(Wall(now - DAY))
        self._history.forget_marks({name for name, keep in self._keeps.items() if keep.is_scheduled})
        self._history.forget_notices(self._notify.history_keep, Wall(now - self._notify.history_keep_for))
        self._history.forget_ends(Wall(now - ENDS_KEPT_FOR))

    def _trim(self, task_name: str, now: Wall) -> Sweep:
        """One task: what is too old goes, then what is beyond the number to keep."""
        history, keep = self._history, self._keep(task_name)
        if keep.keep_for is not None:
            before = Wall(now - keep.keep_for)
            yield from self._all(lambda: history.delete_aged(task_name, before, BATCH))
        if keep.keep_runs is not None:
            newest = history.newest_beyond(task_name, keep.keep_runs)
            if newest is not None:
                yield from self._all(lambda: history.delete_beyond(task_name, newest, BATCH))
        self._counts[task_name] = history.run_count(task_name)

    def _shrink(self, now: Wall) -> Sweep:
        """All logs together: what is over ``max_size`` goes; logs being written count, and stay."""
        being_written = sum(bytes_on_disk(f"{self._logs_dir}/{log}") for log in self._history.running_logs())
        while (surplus := being_written + self._history.log_disk_bytes() - self._max_size) > 0:
            removed = self._history.remove_logs(surplus, BATCH, now)
            if not removed:
                return
            self._has_removals = True
            yield removed

    def _all(self, delete: Callable[[], Deleted]) -> Sweep:
        """Batch after batch until nothing is left of it."""
        count = BATCH
        while count == BATCH:
            count = self._deleted(delete())
            yield 1 + count

    def _deleted(self, runs: Deleted) -> int:
        if runs:
            self._has_removals = True
            self._tell(runs)
        return len(runs)

    def _keep(self, task_name: str) -> Keep:
        return self._keeps.get(task_name, self._default)

    def _may_send(self) -> bool:
        return self._has_removals and len(self._under_way) < UNDER_WAY

    def _to_send(self) -> list[Remove]:
        messages: list[Remove] = []
        while self._may_send():
            removals = self._history.removals(self._sent_up_to, BATCH)
            self._has_removals = len(removals) == BATCH
            if removals:
                numbers, logs = zip(*removals, strict=True)
                ticket = next(self._tickets)
                self._under_way[ticket] = (numbers[0], numbers[-1])
                self._sent_up_to = numbers[-1]
                messages.append(Remove(ticket, logs))
        return messages


def bytes_on_disk(log: str) -> int:
    """Of all files of a log, given without suffix; what cannot be looked at cannot be removed either."""
    size = 0
    for suffix in LOG_FILES:
        try:
            size += os.stat(log + suffix, follow_symlinks=False).st_size
        except OSError:
            continue
    return size
