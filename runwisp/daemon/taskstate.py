"""One task as it stands: its running attempts, its chains that wait for a retry, its queue.

A slot is taken by a chain of attempts from the start of the first to the end of the last, waits between them
included. Pure; asks ``Processes`` for everything that concerns a process.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from runwisp.clock import Millis, Wall
from runwisp.daemon.effects import Turn
from runwisp.daemon.processes import Processes, explained, publish_end, start_timer
from runwisp.firing import Cause, Firing, Missed
from runwisp.ids import UlidMaker
from runwisp.overlap import Decision, decide
from runwisp.retry import RETRY_CAP, on_failure_wait, retry_wait
from runwisp.run import NEVER_STARTED, EndReason, Phase, Run, Trigger, WaitsFor, drafted, ended
from runwisp.task import OnOverlap, Restart, Task

SKIP_MESSAGE = "task already running, skipping (policy: skip)"
STOPPED_WAITING = "stopped by hand before it started"
REPLACED = "replaced by a newer run (policy: terminate)"


@dataclass(slots=True)
class TaskState:
    """``slots``: the latest attempt of each chain, the one that started or began to wait first in front.
    ``leaving``: those among them that nothing follows, however they end: stopped by hand or replaced.

    Invariant: runs wait in ``queue`` only while all slots are taken or the daemon is stopping.
    """

    task: Task
    ids: UlidMaker
    processes: Processes
    slots: dict[str, Run] = field(default_factory=dict)
    queue: deque[Run] = field(default_factory=deque)
    leaving: set[str] = field(default_factory=set)

    def fired(self, turn: Turn, firing: Firing) -> None:
        run = self._draft(turn, Trigger.CRON, firing.scheduled_for)
        match firing.cause:
            case Cause.DST_SKIPPED:
                why = "second occurrence of this time on the night clocks go back; the first one ran"
                self._refuse(turn, run, EndReason.DST_SKIPPED, why)
            case Cause.CATCH_UP:
                self._admit(turn, replace(run, message="catch-up of a firing that was missed"))
            case Cause.ON_TIME:
                self._admit(turn, run)

    def missed(self, turn: Turn, missed: Missed, why: str) -> None:
        """One row for all firings that are not caught up."""
        run = self._draft(turn, Trigger.CRON, missed.last)
        self._refuse(turn, run, EndReason.MISSED, why)

    def triggered(self, turn: Turn, by: Trigger) -> Run:
        """Gives the run as the gate left it: running, pending or already ended as refused."""
        return self._admit(turn, self._draft(turn, by))

    def run_ended(self, turn: Turn, run: Run) -> None:
        """An attempt of this task has ended: the chain goes on or gives its slot back."""
        del self.slots[run.id]
        wait = self._wait_after(run)
        self.leaving.discard(run.id)
        if wait is None:
            self.fill(turn)
        else:
            self._go_on(turn, self._next_attempt(turn, run, wait), wait)

    def due(self, turn: Turn, run_id: str) -> None:
        """The wait of a retry is over."""
        if run_id in self.slots and not self.processes.is_closing:
            self._start(turn, self.slots[run_id])

    def stop_all(self, turn: Turn) -> int:
        """Gives how many runs were running or waiting."""
        count = len(self.queue) + len(self.slots)
        while self.queue:
            self._end_waiting(turn, self.queue.popleft(), STOPPED_WAITING)
        for run_id in list(self.slots):
            self._stop_slot(turn, run_id, "stopped by hand", STOPPED_WAITING)
        return count

    def stop_run(self, turn: Turn, run_id: str) -> bool:
        """False when this task has no such run alive."""
        waiting = next((run for run in self.queue if run.id == run_id), None)
        if waiting:
            self.queue.remove(waiting)
            self._end_waiting(turn, waiting, STOPPED_WAITING)
        elif run_id in self.slots:
            self._stop_slot(turn, run_id, "stopped by hand", STOPPED_WAITING)
            self.fill(turn)
        else:
            return False
        return True

    def restore(self, turn: Turn, run: Run) -> None:
        """A run that a former life left waiting; called in the order they came, then ``resume``.

        There may be fewer slots than there were, and the clock may have been set back.
        """
        if run.due_at is None:
            self.queue.append(run)
        elif len(self.slots) < self.task.parallelism:
            self._wait_in_slot(turn, run, min(max(0, run.due_at - turn.now.wall), RETRY_CAP))
        else:
            self._enqueue(turn, run)

    def crashed(self, turn: Turn, run: Run) -> None:
        """A run of this task was found dead at start; its chain may go on."""
        wait = self._wait_after(run)
        if wait is not None:
            self.restore(turn, self._next_attempt(turn, run, wait))

    def resume(self, turn: Turn) -> None:
        """All that a former life left is back. Where the newer replaces the older, only the newest go on."""
        if self.task.on_overlap is OnOverlap.TERMINATE:
            for _ in range(len(self.slots) + len(self.queue) - self.task.parallelism):
                self._drop_oldest(turn)
        self.fill(turn)

    def waiting(self) -> list[Run]:
        return [*self.queue, *(run for run in self.slots.values() if run.phase is Phase.PENDING)]

    def fill(self, turn: Turn) -> None:
        """Starts what waits, as far as there are slots."""
        while self.queue and len(self.slots) < self.task.parallelism and not self.processes.is_closing:
            self._start(turn, self.queue.popleft())

    def _draft(self, turn: Turn, by: Trigger, scheduled_for: Wall | None = None) -> Run:
        now = turn.now.wall
        return drafted(self.ids.next(now), self.task, by, now, scheduled_for)

    def _admit(self, turn: Turn, run: Run) -> Run:
        match decide(self.task, len(self.slots), len(self.queue)):
            case Decision.START:
                return self._start(turn, run)
            case Decision.WAIT:
                return self._enqueue(turn, run)
            case Decision.REPLACE:
                self._make_room(turn)
                run = self._enqueue(turn, run)
                self.fill(turn)
                return run
            case Decision.SKIP:
                return self._refuse(turn, run, EndReason.SKIPPED, SKIP_MESSAGE)
            case Decision.QUEUE_FULL:
                waiting = f"{len(self.queue)} runs waiting (queue_max = {self.task.queue_max})"
                return self._refuse(turn, run, EndReason.QUEUE_FULL, f"task already running and {waiting}")

    def _start(self, turn: Turn, run: Run) -> Run:
        self.slots.pop(run.id, None)
        run = self.slots[run.id] = self.processes.start(turn, run, self.task)
        return run

    def _enqueue(self, turn: Turn, run: Run) -> Run:
        run = replace(run, waits_for=WaitsFor.QUEUE, due_at=None)
        self.queue.append(run)
        turn.save(run)
        return run

    def _refuse(self, turn: Turn, run: Run, reason: EndReason, why: str) -> Run:
        run = ended(run, reason, NEVER_STARTED, explained(run, why), turn.now.wall)
        turn.save(run)
        publish_end(turn, run)
        return run

    def _make_room(self, turn: Turn) -> None:
        """For one more run, unless a slot is on its way to be free already."""
        if len(self.queue) >= len(self.leaving):
            self._drop_oldest(turn)

    def _drop_oldest(self, turn: Turn) -> None:
        oldest = next((run_id for run_id in self.slots if run_id not in self.leaving), None)
        if oldest:
            self._stop_slot(turn, oldest, REPLACED, REPLACED)
        else:
            self._end_waiting(turn, self.queue.popleft(), REPLACED)

    def _stop_slot(self, turn: Turn, run_id: str, why: str, why_waiting: str) -> None:
        if run_id in self.processes.active:
            self.leaving.add(run_id)
            self.processes.stop(turn, run_id, EndReason.STOPPED, why)
        else:
            waiting = self.slots.pop(run_id)
            turn.disarm(start_timer(waiting))
            self._end_waiting(turn, waiting, why_waiting)

    def _end_waiting(self, turn: Turn, run: Run, why: str) -> None:
        self._refuse(turn, run, EndReason.STOPPED, why)

    def _wait_after(self, run: Run) -> Millis | None:
        """How long the chain waits before its next attempt; None when it is over. An `exec` has just one."""
        if not run.meaning.is_retried or run.id in self.leaving or run.triggered_by is Trigger.EXEC:
            return None
        attempt = run.retry_attempt + 1
        if self.task.restart is Restart.ON_FAILURE:
            return on_failure_wait(attempt)
        return retry_wait(self.task, attempt) if attempt <= self.task.retry_attempts else None

    def _next_attempt(self, turn: Turn, former: Run, wait: Millis) -> Run:
        return replace(
            self._draft(turn, former.triggered_by, former.scheduled_for),
            retry_attempt=former.retry_attempt + 1,
            retry_of_run_id=former.id,
            waits_for=WaitsFor.RETRY,
            due_at=Wall(turn.now.wall + wait),
        )

    def _go_on(self, turn: Turn, run: Run, wait: Millis) -> None:
        if wait or self.processes.is_closing:
            self._wait_in_slot(turn, run, wait)
        else:
            self._start(turn, run)

    def _wait_in_slot(self, turn: Turn, run: Run, wait: Millis) -> None:
        self.slots[run.id] = run
        turn.save(run)
        turn.arm(start_timer(run), wait)
