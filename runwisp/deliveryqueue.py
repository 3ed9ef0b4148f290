"""The queue of deliveries: which one is sent next, which has to wait, and which is given up.

Pure. Owns every delivery that is not over, a line of them for each channel, in order. Called by the daemon's
outbox, which does the sending and keeps the rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from runwisp.clock import HOUR, Millis, Mono, Now, Wall, after, spell
from runwisp.delivery import Delivery, DeliveryState, Outcome, Verdict, move, wait_after
from runwisp.frozen import frozen

MOST_AT_ONCE = 4
MOST_OF_FAILING = 2
"""Of channels whose last attempt failed: those that work are not to wait for those that hang."""
AT_ONCE = Mono(0)
LONGEST_PAUSE: Millis = HOUR
"""No service can silence its channel for longer."""


@dataclass(slots=True)
class Entry:
    """``due``: not before; ``gives_up_at``: when its budget is used up."""

    delivery: Delivery
    due: Mono
    gives_up_at: Mono


@dataclass(slots=True)
class Line:
    """The deliveries of one channel. Only the first one is ever sent. ``reason`` is why the last attempt
    failed; None when it did not, or there was none in this life."""

    entries: deque[Entry] = field(default_factory=deque)
    is_busy: bool = False
    reason: str | None = None
    paused_until: Mono = AT_ONCE

    @property
    def head(self) -> Entry:
        return self.entries[0]

    @property
    def starts_at(self) -> Mono:
        return max(self.head.due, self.paused_until)

    def is_hopeless(self, now: Mono) -> bool:
        """Its first one could only be tried when its budget is used up. A channel that works, or was not
        tried yet, may be late."""
        return self.reason is not None and max(self.starts_at, now) >= self.head.gives_up_at


@frozen
class GivenUp:
    """``is_refused``: by the service, for good; else it was not reached in time."""

    delivery: Delivery
    reason: str
    is_refused: bool = False


class DeliveryQueue:
    """``dropped`` counts those that found no room. ``budget`` is how long one is tried, from the event on or,
    of one from a former life, from the start of this one. ``chance`` gives a number from 0 up to 1."""

    def __init__(self, size: int, budget: Millis, chance: Callable[[], float]) -> None:
        self.dropped = 0
        self._size = size
        self._budget = budget
        self._chance = chance
        self._lines: dict[str, Line] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Delivery]:
        return (entry.delivery for line in self._lines.values() for entry in line.entries)

    def restore(self, deliveries: Iterable[Delivery], now: Now) -> None:
        """Those of a former life, in the order they were made."""
        for delivery in deliveries:
            wait = min(max(0, (delivery.due_at or now.wall) - now.wall), self._budget)
            self._append(delivery, now.mono, wait)

    def add(self, delivery: Delivery, now: Now) -> bool:
        """False when there is no room."""
        if self._count >= self._size:
            self.dropped += 1
            return False
        self._append(delivery, now.mono, 0)
        return True

    def start(self, now: Mono) -> list[Delivery]:
        """Those whose turn it is; each has to be answered by ``done``."""
        ready = [line for line in self._idle() if line.starts_at <= now]
        started = []
        for line in sorted(ready, key=lambda line: (line.starts_at, line.head.delivery.id)):
            if not line.is_hopeless(now) and self._has_room(line):
                line.is_busy = True
                line.head.delivery = move(line.head.delivery, DeliveryState.SENDING)
                started.append(line.head.delivery)
        return started

    def done(self, delivery: Delivery, outcome: Outcome, now: Now) -> Delivery | GivenUp:
        """How it stands after an attempt."""
        line = self._lines[delivery.channel]
        line.is_busy = False
        delivery = replace(delivery, attempts=delivery.attempts + 1)
        line.reason = None if outcome.verdict is Verdict.SENT else outcome.reason
        match outcome.verdict:
            case Verdict.SENT:
                self._remove_head(delivery.channel)
                return replace(move(delivery, DeliveryState.SENT), due_at=None)
            case Verdict.GAVE_UP:
                return self._give_up(delivery, outcome.reason, is_refused=True)
            case Verdict.AGAIN:
                return self._wait(line, delivery, outcome, now)

    def give_up(self, now: Mono, most: int) -> list[GivenUp]:
        """Those that are hopeless, at most so many."""
        given_up: list[GivenUp] = []
        for line in self._idle():
            while line.entries and line.is_hopeless(now) and len(given_up) < most:
                assert line.reason is not None
                given_up.append(self._give_up(line.head.delivery, line.reason))
        return given_up

    def next_at(self, now: Mono) -> Mono | None:
        """When there is something to start or to give up, if nothing happens before."""
        wakes = (_wakes_at(line, now) for line in self._idle())
        return min((at for at in wakes if at is not None), default=None)

    def _idle(self) -> list[Line]:
        return [line for line in self._lines.values() if line.entries and not line.is_busy]

    def _append(self, delivery: Delivery, now: Mono, wait: Millis) -> None:
        line = self._lines.setdefault(delivery.channel, Line())
        line.entries.append(Entry(delivery, after(now, wait), after(now, self._budget)))
        self._count += 1

    def _has_room(self, line: Line) -> bool:
        busy = [each for each in self._lines.values() if each.is_busy]
        failing = [each for each in busy if each.reason is not None]
        return len(busy) < MOST_AT_ONCE and (line.reason is None or len(failing) < MOST_OF_FAILING)

    def _wait(self, line: Line, delivery: Delivery, outcome: Outcome, now: Now) -> Delivery | GivenUp:
        wait, reason = wait_after(delivery.attempts, self._chance()), outcome.reason
        asked = min(outcome.retry_after or 0, LONGEST_PAUSE)
        line.paused_until = after(now.mono, asked)
        if asked > wait:
            wait, reason = asked, f"{reason}; it is to be left alone for {spell(asked)}"
        if after(now.mono, wait) >= line.head.gives_up_at:
            return self._give_up(delivery, reason)
        line.head.due = after(now.mono, wait)
        due_at = Wall(now.wall + wait)
        line.head.delivery = replace(move(delivery, DeliveryState.WAITING), due_at=due_at)
        return line.head.delivery

    def _give_up(self, delivery: Delivery, reason: str, *, is_refused: bool = False) -> GivenUp:
        self._remove_head(delivery.channel)
        return GivenUp(replace(move(delivery, DeliveryState.GAVE_UP), due_at=None), reason, is_refused)

    def _remove_head(self, channel: str) -> None:
        self._lines[channel].entries.popleft()
        self._count -= 1


def _wakes_at(line: Line, now: Mono) -> Mono | None:
    """One that is kept waiting by others has to be given up in time; else it is looked at when they are
    done."""
    if line.is_hopeless(now):
        return now
    if line.starts_at > now:
        return line.starts_at
    return line.head.gives_up_at if line.reason is not None else None
