"""Which schedules are due, on time or late, and where each of them stands.

Owns the marks of the schedules and the next tick of every task, decides what becomes of ticks that passed
while the daemon was down or the clock jumped, and notices that the clock was set. Reads no clock, saves
nothing and starts nothing: the daemon's loop calls it and hands what it gives to the supervisor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from operator import itemgetter

from runwisp import schedule
from runwisp.clock import HOUR, MINUTE, SECOND, Millis, Mono, Now, Wall, after
from runwisp.firing import Anchored, Cause, ClockStepped, Firing, Mark, Missed, Ticked
from runwisp.schedule import Every, Schedule, Span
from runwisp.task import CatchUp, Task
from runwisp.tick import Note, Tick

LOOK_EVERY: Millis = 10 * SECOND
"""So soon is it noticed that the clock was set."""

FORWARD_STEP: Millis = MINUTE
"""A clock set forward by more is handled as a downtime; by less, what is due fires late."""

BACKWARD_STEP: Millis = 3 * HOUR
"""A clock set back by no more is waited for, so that nothing fires twice."""


@dataclass(slots=True)
class Scheduled:
    """How far the schedule of one task has come."""

    task: Task
    schedule: Schedule
    mark: Mark
    next_at: Wall | None = None

    @property
    def position(self) -> Wall:
        """The tick last handled or, when later, the moment the schedule was first loaded."""
        return max(self.mark.anchored_at, self.mark.last_fired_at or self.mark.anchored_at)

    @property
    def kept(self) -> int:
        """How many of its missed firings are made up for."""
        match self.task.catch_up:
            case CatchUp.SKIP:
                return 0
            case CatchUp.LATEST:
                return 1
            case CatchUp.ALL:
                return self.task.max_catch_up_runs

    def anchor(self, at: Wall) -> Anchored:
        self.mark = replace(self.mark, anchored_at=at, last_fired_at=None)
        return Anchored(self.mark)

    def next(self) -> Tick | None:
        return next(self.schedule.ticks_after(self.position), None)

    def fire(self, at: Wall, cause: Cause) -> Firing:
        self.mark = replace(self.mark, last_fired_at=at)
        return Firing(at, cause, self.mark)

    def catch_up(self, next_at: Wall, until: Wall) -> Iterator[tuple[Wall, Ticked]]:
        """What becomes of its ticks, from the next one up to and including ``until``, each with its time."""
        passed = self.schedule.passed(self.position, until, self.kept)
        # A tick that was not to run leaves no trace, as nobody was there to skip it; but it is past.
        self.mark = replace(self.mark, last_fired_at=next_at)
        if passed.older:
            yield passed.older.last, self._missed(passed.older)
        for at in passed.newest:
            yield at, self.fire(at, Cause.CATCH_UP)

    def _missed(self, span: Span) -> Missed:
        self.mark = replace(self.mark, last_fired_at=span.last)
        return Missed(span.count, span.first, span.last, self.mark)


class Ticker:
    """The schedules of one configuration, whose tasks come in file order.

    ``start`` is called once, then ``due`` whenever ``next_at`` says so or sooner.
    """

    def __init__(self, tasks: Iterable[Task], marks: Mapping[str, Mark]) -> None:
        self._marks = marks
        self._tasks = tuple(tasks)
        self._scheduled: list[Scheduled] = []
        self._heap: list[tuple[Wall, int, Cause]] = []
        self._by_name: dict[str, Scheduled] = {}
        self._seen = Now(Wall(0), Mono(0))
        self._reached = Wall(0)

    @property
    def marks(self) -> list[Mark]:
        return [scheduled.mark for scheduled in self._scheduled]

    def start(self, now: Now) -> list[Ticked]:
        """Anchors what is new or edited, and catches up on what passed while the daemon was down."""
        ticked: list[Ticked] = []
        for task in self._tasks:
            if task.cron is None:
                continue
            scheduled = _scheduled(task, task.cron, now.wall)
            mark = self._marks.get(task.name)
            if mark is not None and mark.schedule == scheduled.mark.schedule:
                scheduled.mark = mark
            else:
                ticked.append(Anchored(scheduled.mark))
            self._scheduled.append(scheduled)
            self._by_name[task.name] = scheduled
        self._seen = now
        self._reached = max((scheduled.position for scheduled in self._scheduled), default=now.wall)
        self._aim_all()
        return ticked + self._advance(now, expected=self._reached, jumped_to=now.wall)

    def due(self, now: Now) -> list[Ticked]:
        """Everything that has come due, in order of time and, at one time, of the file."""
        elapsed = now.mono - self._seen.mono
        jumped_to = Wall(now.wall - min(elapsed, LOOK_EVERY))
        if jumped_to - self._seen.wall <= FORWARD_STEP:
            jumped_to = self._seen.wall
        self._seen = now
        return self._advance(now, Wall(self._reached + elapsed), jumped_to)

    def next_at(self, now: Now) -> Mono | None:
        """When ``due`` is to be called next; None while there is nothing to wait for."""
        if not self._heap:
            return None
        return after(now.mono, min(LOOK_EVERY, max(0, self._heap[0][0] - now.wall)))

    def next_run_at(self, task_name: str) -> Wall | None:
        """When its schedule is due next; None where it has none, or never is again."""
        scheduled = self._by_name.get(task_name)
        return scheduled.next_at if scheduled else None

    def _advance(self, now: Now, expected: Wall, jumped_to: Wall) -> list[Ticked]:
        """Takes what is due.

        ``expected`` is where the wall clock would be had nobody set it back. Ticks up to ``jumped_to`` came
        and went without giving us the time to look, whether the clock was set forward, the machine was
        suspended, or we were stopped: they were missed.
        """
        if expected - now.wall > BACKWARD_STEP:
            self._reached = now.wall
            return [ClockStepped(now.wall - expected), *self._anchor_all(now.wall)]
        self._reached = max(self._reached, now.wall)
        found: list[tuple[Wall, int, Ticked]] = []
        while self._heap and self._heap[0][0] <= now.wall:
            at, index, cause = heappop(self._heap)
            scheduled = self._scheduled[index]
            if at <= jumped_to:
                found.extend((late, index, ticked) for late, ticked in scheduled.catch_up(at, jumped_to))
            else:
                found.append((at, index, scheduled.fire(at, cause)))
            self._aim(index)
        found.sort(key=itemgetter(0, 1))
        return [ticked for _, _, ticked in found]

    def _anchor_all(self, at: Wall) -> list[Ticked]:
        anchored: list[Ticked] = [scheduled.anchor(at) for scheduled in self._scheduled]
        self._heap.clear()
        self._aim_all()
        return anchored

    def _aim_all(self) -> None:
        for index in range(len(self._scheduled)):
            self._aim(index)

    def _aim(self, index: int) -> None:
        """Wait for the next tick of one task."""
        tick = self._scheduled[index].next()
        self._scheduled[index].next_at = tick.at if tick else None
        if tick is not None:
            cause = Cause.DST_SKIPPED if tick.note is Note.DST_SKIPPED else Cause.ON_TIME
            heappush(self._heap, (tick.at, index, cause))


def _scheduled(task: Task, expression: str, at: Wall) -> Scheduled:
    """A task's schedule as if first loaded now; its text in the mark is what makes it another one."""
    parsed = schedule.parse(expression, task.timezone)
    words = expression.split() if isinstance(parsed, Every) else [*expression.split(), task.timezone]
    return Scheduled(task, parsed, Mark(task.name, " ".join(words), at))
