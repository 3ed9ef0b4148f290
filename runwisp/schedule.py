"""Schedules: the instants at which a task fires.

Owns zones and daylight saving, after Debian's cron, and the counting of what passed while nobody looked.
Reads no clock and no file but zoneinfo's tables. Called by the ticker, ``next`` and ``list``.

Source: cron(8) of Debian, "Notes": jobs at a fixed time run once in a night whose clocks change; those whose
minute or hour begins with ``*`` follow elapsed time. Ours differ from it in two points: times of one job that
are skipped together run once, and a change of any size counts, not only one of less than three hours.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from runwisp import cron
from runwisp.clock import DAY, MINUTE, Millis, Wall, utc, wall_of
from runwisp.cron import Cron, every
from runwisp.frozen import frozen
from runwisp.tick import Note, Tick

END = wall_of(datetime(MAXYEAR, 1, 1, tzinfo=UTC))
"""Ticks end here, where the calendar of datetime does."""

ONE_DAY = timedelta(days=1)
ONE_MINUTE = timedelta(minutes=1)
ONE_SECOND = timedelta(seconds=1)
INSTANT = timedelta.resolution
NO_TIME = timedelta(0)
EPOCH = datetime(1970, 1, 1)


@frozen
class Span:
    """So many ticks, from the first to the last."""

    count: int
    first: Wall
    last: Wall


@frozen
class Passed:
    """The ticks of a stretch of time: the newest of them one by one, the older ones counted."""

    older: Span | None
    newest: tuple[Wall, ...]


@frozen
class Change:
    """A moment at which local time jumps, and the naive times between: skipped, or passed twice."""

    at: Wall
    start: datetime
    end: datetime
    is_forward: bool


@frozen
class Every:
    """``@every D``: so long after the tick before, whatever the clock on the wall does."""

    length: Millis
    zone: ZoneInfo

    def ticks_after(self, at: Wall) -> Iterator[Tick]:
        """``at`` must be a tick or, before the first, the moment this schedule was first loaded."""
        for moment in range(at + self.length, END, self.length):
            yield Tick(Wall(moment), local(Wall(moment), self.zone))

    def passed(self, after: Wall, until: Wall, keep: int) -> Passed:
        """The ticks after ``after``, which must be one, up to and including ``until``."""
        moments = range(after + self.length, until + 1, self.length)
        kept = min(keep, len(moments))
        older = moments[: len(moments) - kept]
        return Passed(
            Span(len(older), Wall(older[0]), Wall(older[-1])) if older else None,
            tuple(map(Wall, moments[len(older) :])),
        )


@frozen
class Calendar:
    """A cron expression in a zone."""

    cron: Cron
    zone: ZoneInfo

    def ticks_after(self, at: Wall) -> Iterator[Tick]:
        """Its ticks strictly after an instant, in the order of time, those that are not to run included."""
        here = local(at, self.zone)
        naive = here.replace(tzinfo=None, fold=0)
        start = naive + INSTANT
        change = change_at(naive, self.zone)
        if change is not None:
            yield from self._second_pass(start, change) if here.fold else self._both_passes(start, change)
            start = change.end
        yield from self._ticks_from(start)

    def passed(self, after: Wall, until: Wall, keep: int) -> Passed:
        """The ticks after one instant up to and including another, without those that are not to run."""
        total = self._count(after, until)
        wanted = min(keep + 1, total)
        width = MINUTE * wanted
        while self._count(start := max(after, Wall(until - width)), until) < wanted:
            width *= 8
        newest = tuple(self._between(start, until))
        if total <= keep:
            return Passed(None, newest)
        older = Span(total - keep, next(self._between(after, until)), newest[-keep - 1])
        return Passed(older, newest[len(newest) - keep :])

    def _ticks_from(self, start: datetime) -> Iterator[Tick]:
        """The ticks at or after a naive time that is not passed twice."""
        while (match := self.cron.first_from(start)) is not None:
            change = change_at(match, self.zone)
            if change is None:
                yield self._tick(match, 0, None)
                start = match + ONE_MINUTE
            elif not change.is_forward:
                yield from self._both_passes(match, change)
                start = change.end
            elif self.cron.is_elapsed:
                start = change.end
            else:
                yield Tick(change.at, local(change.at, self.zone), Note.MOVED)
                start = change.end + INSTANT  # a regular tick at that very moment is the same run

    def _both_passes(self, start: datetime, change: Change) -> Iterator[Tick]:
        yield from self._pass(start, change.end, 0, None)
        yield from self._second_pass(change.start, change)

    def _second_pass(self, start: datetime, change: Change) -> Iterator[Tick]:
        note = Note.REPEATED if self.cron.is_elapsed else Note.DST_SKIPPED
        yield from self._pass(start, change.end, 1, note)

    def _pass(self, start: datetime, end: datetime, fold: int, note: Note | None) -> Iterator[Tick]:
        while (match := self.cron.first_from(start)) is not None and match < end:
            yield self._tick(match, fold, note)
            start = match + ONE_MINUTE

    def _tick(self, naive: datetime, fold: int, note: Note | None) -> Tick:
        aware = naive.replace(tzinfo=self.zone, fold=fold)
        return Tick(wall_of(aware), aware, note)

    def _between(self, after: Wall, until: Wall) -> Iterator[Wall]:
        """As ``passed``, one by one."""
        for tick in takewhile(lambda tick: tick.at <= until, self.ticks_after(after)):
            if tick.note is not Note.DST_SKIPPED:
                yield tick.at

    def _count(self, after: Wall, until: Wall) -> int:
        """How many ``_between`` gives; only days on which the clocks change are walked through."""
        total = 0
        day = local(until, self.zone).date()
        while after < until:
            midnight, is_plain = day_of(day, self.zone)
            start = min(until, max(after, Wall(midnight - 1)))
            if not is_plain:
                total += sum(1 for _ in self._between(start, until))
            elif self.cron.falls_on(day):
                total += self.cron.count_until((until - midnight) // MINUTE)
                total -= self.cron.count_until((start - midnight) // MINUTE)
            until = start
            day -= ONE_DAY
        return total


Schedule = Calendar | Every


def parse(expression: str, timezone: str) -> Schedule:
    """Raises: CronError for a bad expression, zoneinfo.ZoneInfoNotFoundError for an unknown zone."""
    length = every(expression)
    zone = ZoneInfo(timezone)
    return Calendar(cron.parse(expression), zone) if length is None else Every(length, zone)


def can_fire(expression: str) -> bool:
    """False when the calendar has no day for it, such as a 30 February.

    Raises: CronError for a bad expression.
    """
    return (
        every(expression) is not None or cron.parse(expression).first_from(datetime(2000, 1, 1)) is not None
    )


def local(at: Wall, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone)


def change_at(naive: datetime, zone: ZoneInfo) -> Change | None:
    """The change of the clocks that skips a naive time or passes it twice; None for other times."""
    before = naive.replace(tzinfo=zone, fold=0).utcoffset() or NO_TIME
    after = naive.replace(tzinfo=zone, fold=1).utcoffset() or NO_TIME
    if before == after:
        return None
    early, late = sorted((_second(naive - before), _second(naive - after)))
    moments = range(early + 1, late + 1)
    found = bisect_left(
        moments, True, key=lambda second: datetime.fromtimestamp(second, zone).utcoffset() == after
    )
    at = Wall(moments[found] * 1000)
    there = utc(at).replace(tzinfo=None)
    start, end = sorted((there + before, there + after))
    return Change(at, start, end, is_forward=before < after)


@lru_cache(maxsize=1024)
def day_of(day: date, zone: ZoneInfo) -> tuple[Wall, bool]:
    """When a day begins, and whether it is plain: 24 hours without a change of the clocks at either end."""
    midnight = datetime.combine(day, time())
    start, end = (wall_of(each.replace(tzinfo=zone)) for each in (midnight, midnight + ONE_DAY))
    edges = (midnight - INSTANT, midnight, midnight + ONE_DAY)
    return start, end - start == DAY and not any(change_at(edge, zone) for edge in edges)


def _second(naive_utc: datetime) -> int:
    """The second of the epoch in which it lies."""
    return (naive_utc - EPOCH) // ONE_SECOND
