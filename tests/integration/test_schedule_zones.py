"""The changes of the clocks in all zones from 2020 to 2035, held against two independent readings.

The oracle walks through time minute by minute as Debian's cron does, with a virtual clock that follows the
local one and never goes back; what an expression matches is read by cronsim. The other reading is cronsim's
own. No unit tests, only because they read the tables of all zones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from runwisp import schedule
from runwisp.clock import HOUR, MINUTE, Millis, Wall, wall_of
from runwisp.tick import Note

BEGIN = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
END = int(datetime(2036, 1, 1, tzinfo=UTC).timestamp())
FIVE_DAYS = 5 * 24 * 3600
"""No zone changes its clocks forth and back within them."""

ONE_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of the clocks, in UTC seconds, and one of the zones that have it."""

    at: int
    before: timedelta
    after: timedelta
    zone: str

    @property
    def start(self) -> datetime:
        """The earlier of the two local times at the change: where what is skipped or repeated starts."""
        return datetime.fromtimestamp(self.at, UTC).replace(tzinfo=None) + min(self.before, self.after)

    @property
    def end(self) -> datetime:
        return self.start + abs(self.after - self.before)

    def minutes(self, around: Millis) -> list[tuple[Wall, datetime]]:
        """Each minute around it with its local time."""
        zone = ZoneInfo(self.zone)
        moments = range(self.at * 1000 - around, self.at * 1000 + around, MINUTE)
        local = (
            datetime.fromtimestamp(moment // 1000, zone).replace(tzinfo=None, fold=0) for moment in moments
        )
        return list(zip(map(Wall, moments), local, strict=True))


@cache
def transitions() -> tuple[Transition, ...]:
    found: dict[tuple[int, timedelta, timedelta], Transition] = {}
    for name in sorted(available_timezones()):
        for each in transitions_of(name):
            found.setdefault((each.at, each.before, each.after), each)
    return tuple(found.values())


def transitions_of(name: str) -> Iterator[Transition]:
    zone = ZoneInfo(name)

    def offset(second: int) -> timedelta:
        return datetime.fromtimestamp(second, zone).utcoffset() or timedelta(0)

    for low in range(BEGIN, END, FIVE_DAYS):
        high = low + FIVE_DAYS
        before, after = offset(low), offset(high)
        if before == after:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == before else (low, middle)  # noqa: PLW2901
        yield Transition(high, before, after, name)


def shapes() -> list[Transition]:
    """One of each kind: as far, from the same offset, at the same time of day."""
    kinds = {(each.before, each.after, each.start.time()): each for each in transitions()}
    return list(kinds.values())


class Reading:
    """What an expression matches, as cronsim reads it."""

    def __init__(self, expression: str) -> None:
        self.sim = CronSim(expression, datetime(2020, 1, 1))
        words = expression.split()
        self.is_elapsed = words[0].startswith("*") or words[1].startswith("*")

    def has(self, naive: datetime) -> bool:
        return (
            naive.minute in self.sim.minutes
            and naive.hour in self.sim.hours
            and naive.month in self.sim.months
            and self.sim.match_day(naive.date())
        )


def oracle(expression: str, minutes: list[tuple[Wall, datetime]]) -> Iterator[tuple[Wall, Note | None]]:
    reading = Reading(expression)
    reached = minutes[0][1] - ONE_MINUTE
    for at, naive in minutes:
        if naive <= reached:
            if reading.has(naive):
                yield at, Note.REPEATED if reading.is_elapsed else Note.DST_SKIPPED
            continue
        skipped = (reached + ONE_MINUTE * number for number in range(1, (naive - reached) // ONE_MINUTE))
        if not reading.is_elapsed and any(map(reading.has, skipped)):
            yield at, Note.MOVED
        elif reading.has(naive):
            yield at, None
        reached = naive


def ours(expression: str, zone: str, minutes: list[tuple[Wall, datetime]]) -> list[tuple[Wall, Note | None]]:
    ticks = schedule.parse(expression, zone).ticks_after(Wall(minutes[0][0] - 1))
    return [(tick.at, tick.note) for tick in takewhile(lambda tick: tick.at <= minutes[-1][0], ticks)]


def step_by_step(expression: str, zone: str, minutes: list[tuple[Wall, datetime]]) -> Iterator[Wall]:
    """As the ticker does it: each tick found from the one before alone; from a millisecond before it, too."""
    found = schedule.parse(expression, zone)
    at = Wall(minutes[0][0] - 1)
    while (at := next(found.ticks_after(at)).at) <= minutes[-1][0]:
        assert next(found.ticks_after(Wall(at - 1))).at == at
        yield at


def cronsim(expression: str, zone: str, minutes: list[tuple[Wall, datetime]]) -> list[Wall]:
    """Its firings, each once: it gives several times that move to one moment several times."""
    start = datetime.fromtimestamp(minutes[0][0] / 1000 - 60, ZoneInfo(zone))
    return sorted(set(takewhile(lambda at: at <= minutes[-1][0], map(wall_of, CronSim(expression, start)))))


def is_witness(expression: str, transition: Transition) -> bool:
    """Whether cronsim can be held against us.

    Through elapsed time it strides in whole hours, and so loses minutes at a change that is not from one
    whole hour to another; and where a midnight is skipped it sets out from that midnight, which is no time.
    """
    is_hourly = not transition.start.minute and not transition.end.minute
    is_midnight_skipped = transition.after > transition.before and transition.start.time() == time()
    return not Reading(expression).is_elapsed or (is_hourly and not is_midnight_skipped)


def telling(transition: Transition) -> list[str]:
    """Expressions that fall into, before, after and on the edges of what the clocks skip or repeat."""
    start, end = transition.start, transition.end
    inside, before = start + ONE_MINUTE, start - ONE_MINUTE
    return [
        f"{start.minute} {start.hour} * * *",
        f"{inside.minute},{(inside.minute + 20) % 60} {inside.hour} * * *",
        f"{end.minute} {end.hour} * * *",
        f"{start.minute},{end.minute} {start.hour},{end.hour},{before.hour} * * *",
        f"{before.minute} {before.hour},{end.hour} {end.day} * *",
        f"*/25 {start.hour},{end.hour} * * *",
        "7 * * * *",
    ]


def thorough(transition: Transition) -> list[str]:
    start, end = transition.start, transition.end
    weekday = start.isoweekday() % 7
    return [
        *telling(transition),
        "* * * * *",
        "*/7 */2 * * *",
        "0 0 * * *",
        "0,30 0-4 * * *",
        "15,45 21-23 * * *",
        f"1-59/13 {start.hour} {start.day} {start.month} *",
        f"1-59/13 {start.hour} * * {weekday}",
        f"30 {start.hour} */{start.day} * {weekday}",
        f"30 {start.hour} {end.day} * {(weekday + 3) % 7}",
        f"*/5 {start.hour} {start.day} {start.month} *",
        f"0-59 {start.hour}-{max(start.hour, end.hour)} * * *",
    ]


def check(transition: Transition, expression: str, around: Millis) -> None:
    minutes = transition.minutes(around)
    found = ours(expression, transition.zone, minutes)
    assert found == list(oracle(expression, minutes)), (transition, expression)
    assert [at for at, _ in found] == list(step_by_step(expression, transition.zone, minutes))
    counted = [at for at, note in found if note is not Note.DST_SKIPPED]
    passed = schedule.parse(expression, transition.zone).passed(Wall(minutes[0][0] - 1), minutes[-1][0], 3)
    assert list(passed.newest) == counted[-3:], (transition, expression)
    if passed.older:
        span = (passed.older.count, passed.older.first, passed.older.last)
        assert span == (len(counted) - 3, counted[0], counted[-4]), (transition, expression)
    if is_witness(expression, transition):
        assert cronsim(expression, transition.zone, minutes) == counted, (transition, expression)


@st.composite
def expressions(draw: st.DrawFn, transition: Transition) -> str:
    """Of any kind, but likely to have to do with one change of the clocks."""

    def field(low: int, high: int, near: tuple[int, ...]) -> str:
        term = st.sampled_from(near) | st.integers(low, high)
        # Of an equal range with a step cronsim makes one that is open at its end.
        first, last = sorted(draw(st.lists(term, min_size=2, max_size=2, unique=True)))
        step = draw(st.integers(1, 30))
        return draw(
            st.sampled_from(["*", f"*/{step}", f"{first}", f"{first},{last}", f"{first}-{last}/{step}"])
        )

    start, end = transition.start, transition.end
    minute = field(0, 59, (start.minute, end.minute, 0, 59))
    hour = field(0, 23, (start.hour, end.hour, 0, 23))
    day = field(1, 31, (start.day, end.day))
    weekday = field(0, 6, (start.isoweekday() % 7,))
    return f"{minute} {hour} {day} * {weekday}"


def test_there_are_changes_of_all_kinds() -> None:
    sizes = {(each.after - each.before) // timedelta(minutes=30) for each in transitions()}
    assert sizes >= {-4, -2, -1, 1, 2, 4}
    assert len(transitions()) > 900


def test_every_kind_of_change_is_read_as_debians_cron_reads_it() -> None:
    for transition in shapes():
        for expression in telling(transition):
            check(transition, expression, 5 * HOUR)


@given(st.data())
def test_a_schedule_of_any_kind_is_read_so(data: st.DataObject) -> None:
    transition = data.draw(st.sampled_from(shapes()))
    check(transition, data.draw(expressions(transition)), 6 * HOUR)


@pytest.mark.slow
@pytest.mark.parametrize("year", range(2020, 2036))
def test_every_change_is_read_so_for_every_kind_of_schedule_over_days(year: int) -> None:
    for transition in (each for each in transitions() if each.start.year == year):
        for expression in thorough(transition):
            check(transition, expression, 30 * HOUR)
