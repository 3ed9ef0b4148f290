"""Deadlines: which timers are armed, which are due, when to wake next. Reads no clock."""

from __future__ import annotations

import heapq
from enum import StrEnum
from itertools import count

from runwisp.clock import Mono
from runwisp.frozen import frozen


class TimerKind(StrEnum):
    START = "start"
    TIMEOUT = "timeout"
    KILL = "kill"
    RECOVERY = "recovery"
    SHUTDOWN = "shutdown"
    SIDECAR = "sidecar"
    CHECK = "check"
    SWEEP = "sweep"
    RECORD = "record"
    WATCHDOG = "watchdog"
    READY = "ready"
    BEAT = "beat"
    FOLLOW = "follow"
    OUTBOX = "outbox"


@frozen
class Timer:
    """What a deadline is for: its kind and, where there are many of a kind, whose: a run's id and task."""

    kind: TimerKind
    key: str = ""
    task_name: str = ""


SPARE = 64
"""How many entries of no use are not worth a clean-up."""


class Timers:
    """A heap of deadlines; arming a timer again moves it."""

    def __init__(self) -> None:
        self._armed: dict[Timer, Mono] = {}
        self._heap: list[tuple[Mono, int, Timer]] = []
        self._order = count()

    def arm(self, timer: Timer, at: Mono) -> None:
        self._armed[timer] = at
        heapq.heappush(self._heap, (at, next(self._order), timer))
        if len(self._heap) > SPARE + 2 * len(self._armed):
            self._forget_stale()

    def disarm(self, timer: Timer) -> None:
        self._armed.pop(timer, None)

    def next_at(self) -> Mono | None:
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def due(self, now: Mono) -> list[Timer]:
        """Takes out and gives every timer whose deadline has come, the earliest first."""
        due = []
        while (at := self.next_at()) is not None and at <= now:
            timer = heapq.heappop(self._heap)[2]
            del self._armed[timer]
            due.append(timer)
        return due

    def _forget_stale(self) -> None:
        """Those far ahead too: a timeout of a day that is armed every second would pile up."""
        self._heap = [entry for entry in self._heap if self._armed.get(entry[2]) == entry[0]]
        heapq.heapify(self._heap)

    def _drop_stale(self) -> None:
        while self._heap and self._armed.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
