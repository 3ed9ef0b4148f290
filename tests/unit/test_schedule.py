"""Schedules: nights on which the clocks change, ``@every``, and the counting of what passed.

All zones and changes are swept in tests/integration/test_schedule_zones.py; here is what a person can check.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp import cron, schedule
from runwisp.clock import DAY, HOUR, MINUTE, SECOND, Wall, wall_of
from runwisp.cron import CronError
from runwisp.schedule import Passed, Span
from runwisp.tick import Note

BERLIN = "Europe/Berlin"

cron.check("0 0 L * *")  # imports croniter, which starts a process: no test may


def wall(text: str) -> Wall:
    """An instant; without an offset it is UTC."""
    found = datetime.fromisoformat(text)
    return wall_of(found if found.tzinfo else found.replace(tzinfo=UTC))


def ticks(expression: str, zone: str, after: str, count: int) -> list[tuple[str, Note | None]]:
    found = schedule.parse(expression, zone).ticks_after(wall(after))
    return [(tick.local.isoformat(timespec="minutes"), tick.note) for tick in islice(found, count)]


def test_a_time_of_day_is_one_of_the_zone() -> None:
    assert ticks("30 4 * * *", "Asia/Kolkata", "2025-01-01T00:00", 2) == [
        ("2025-01-02T04:30+05:30", None),
        ("2025-01-03T04:30+05:30", None),
    ]


def test_ticks_lie_strictly_after_the_instant() -> None:
    assert ticks("0 12 * * *", "UTC", "2025-01-01T12:00", 1) == [("2025-01-02T12:00+00:00", None)]
    assert ticks("0 12 * * *", "UTC", "2025-01-01T11:59:59.999", 1) == [("2025-01-01T12:00+00:00", None)]


def test_a_fixed_time_that_is_skipped_in_spring_runs_once_right_after_the_jump() -> None:
    assert ticks("30 2 * * *", BERLIN, "2025-03-29T12:00", 2) == [
        ("2025-03-30T03:00+02:00", Note.MOVED),
        ("2025-03-31T02:30+02:00", None),
    ]


def test_times_of_one_job_that_are_skipped_together_run_once() -> None:
    assert ticks("0,20,40 2 * * *", BERLIN, "2025-03-29T12:00", 2) == [
        ("2025-03-30T03:00+02:00", Note.MOVED),
        ("2025-03-31T02:00+02:00", None),
    ]


def test_a_skipped_time_and_a_regular_one_at_the_jump_are_one_run() -> None:
    assert ticks("0 2,3 * * *", BERLIN, "2025-03-29T12:00", 2) == [
        ("2025-03-30T03:00+02:00", Note.MOVED),
        ("2025-03-31T02:00+02:00", None),
    ]


def test_a_fixed_time_right_at_the_jump_is_no_news() -> None:
    assert ticks("0 3 * * *", BERLIN, "2025-03-29T12:00", 1) == [("2025-03-30T03:00+02:00", None)]


def test_a_fixed_time_that_is_repeated_in_autumn_runs_once() -> None:
    assert ticks("15,45 2 * * *", BERLIN, "2025-10-25T12:00", 5) == [
        ("2025-10-26T02:15+02:00", None),
        ("2025-10-26T02:45+02:00", None),
        ("2025-10-26T02:15+01:00", Note.DST_SKIPPED),
        ("2025-10-26T02:45+01:00", Note.DST_SKIPPED),
        ("2025-10-27T02:15+01:00", None),
    ]


def test_a_starred_minute_or_hour_follows_elapsed_time_in_autumn() -> None:
    assert ticks("*/30 2 * * *", BERLIN, "2025-10-25T12:00", 4) == [
        ("2025-10-26T02:00+02:00", None),
        ("2025-10-26T02:30+02:00", None),
        ("2025-10-26T02:00+01:00", Note.REPEATED),
        ("2025-10-26T02:30+01:00", Note.REPEATED),
    ]


@pytest.mark.parametrize("expression", ["0 * * * *", "0 */1 * * *", "@hourly"])
def test_an_hourly_job_runs_every_hour_through_both_changes(expression: str) -> None:
    for start in ("2025-03-29T20:30", "2025-10-25T20:30"):
        found = islice(schedule.parse(expression, BERLIN).ticks_after(wall(start)), 12)
        assert [tick.at for tick in found] == [
            wall(start) + HOUR * number + 30 * MINUTE for number in range(12)
        ]


def test_a_starred_job_in_the_skipped_hour_has_no_run_that_day() -> None:
    assert ticks("*/30 2 * * *", BERLIN, "2025-03-29T12:00", 1) == [("2025-03-31T02:00+02:00", None)]


def test_a_midnight_that_is_skipped_moves_to_the_first_moment_of_the_day() -> None:
    assert ticks("@daily", "Africa/Cairo", "2025-04-24T12:00", 2) == [
        ("2025-04-25T01:00+03:00", Note.MOVED),
        ("2025-04-26T00:00+03:00", None),
    ]


def test_half_an_hour_is_skipped_and_repeated_where_the_clocks_change_by_that() -> None:
    assert ticks("10 2 * * *", "Australia/Lord_Howe", "2025-10-04T00:00", 1) == [
        ("2025-10-05T02:30+11:00", Note.MOVED)
    ]
    assert ticks("40 1 * * *", "Australia/Lord_Howe", "2025-04-05T00:00", 2) == [
        ("2025-04-06T01:40+11:00", None),
        ("2025-04-06T01:40+10:30", Note.DST_SKIPPED),
    ]


def test_a_whole_day_that_is_skipped_is_made_up_for_once() -> None:
    """Samoa had no 30 December 2011."""
    assert ticks("0 9 * * *", "Pacific/Apia", "2011-12-29T08:00-10:00", 3) == [
        ("2011-12-29T09:00-10:00", None),
        ("2011-12-31T00:00+14:00", Note.MOVED),
        ("2011-12-31T09:00+14:00", None),
    ]


@pytest.mark.parametrize("milliseconds", [1, 999, 1_000, 59_999, 60_000, 1_799_999])
def test_a_start_within_the_repeated_hour_knows_which_of_the_two_it_is_in(milliseconds: int) -> None:
    for hour, offset in (("00", "+02:00"), ("01", "+01:00")):
        at = Wall(wall(f"2025-10-26T{hour}:30") - milliseconds)
        found = next(schedule.parse("30 * * * *", BERLIN).ticks_after(at))
        assert found.local.isoformat() == f"2025-10-26T02:30:00{offset}"


def test_every_counts_from_the_tick_before_and_does_not_drift() -> None:
    start = wall("2025-10-26T00:00:07.250")
    found = islice(schedule.parse("@every 90m", BERLIN).ticks_after(start), 1000)
    assert [tick.at for tick in found] == [start + 90 * MINUTE * number for number in range(1, 1001)]


def test_ticks_end_with_the_calendar() -> None:
    assert list(schedule.parse("@every 3650d", "UTC").ticks_after(wall("9990-01-01"))) == []
    assert list(schedule.parse("@yearly", "UTC").ticks_after(wall("9998-06-01"))) == []


@pytest.mark.parametrize(
    ("expression", "is_possible"),
    [
        ("@every 5m", True),
        ("0 0 29 2 *", True),
        ("0 0 30 2 *", False),
        ("0 0 31 6 *", False),
        ("* * * * *", True),
    ],
)
def test_a_schedule_that_can_never_fire_is_known(expression: str, is_possible: bool) -> None:
    assert schedule.can_fire(expression) is is_possible


def test_a_bad_expression_and_a_bad_zone_are_told_apart() -> None:
    with pytest.raises(CronError):
        schedule.parse("61 * * * *", "UTC")
    with pytest.raises(ZoneInfoNotFoundError):
        schedule.parse("1 * * * *", "Atlantis/Capital")


def test_of_what_passed_the_newest_are_kept_and_the_older_counted() -> None:
    passed = schedule.parse("0 * * * *", "UTC").passed(wall("2025-01-01T00:00"), wall("2025-01-01T05:00"), 2)
    assert passed == Passed(
        Span(3, wall("2025-01-01T01:00"), wall("2025-01-01T03:00")),
        (wall("2025-01-01T04:00"), wall("2025-01-01T05:00")),
    )


def test_what_passed_may_be_nothing_or_no_more_than_is_kept() -> None:
    hourly = schedule.parse("0 * * * *", "UTC")
    assert hourly.passed(wall("2025-01-01T00:00"), wall("2025-01-01T00:59"), 2) == Passed(None, ())
    kept = hourly.passed(wall("2025-01-01T00:00"), wall("2025-01-01T02:00"), 2)
    assert kept == Passed(None, (wall("2025-01-01T01:00"), wall("2025-01-01T02:00")))


def test_a_time_that_is_not_run_in_autumn_is_not_counted_as_passed() -> None:
    passed = schedule.parse("30 2 * * *", BERLIN).passed(
        wall("2025-10-25T12:00"), wall("2025-10-26T12:00"), 9
    )
    assert passed == Passed(None, (wall("2025-10-26T02:30+02:00"),))


@pytest.mark.parametrize(
    ("zone", "expression", "at"),
    [
        ("America/Nuuk", "0 23 * * *", "2024-03-31T00:00-01:00"),  # moved from one day to the next
        ("Africa/Cairo", "0 0 * * *", "2023-10-27T00:00+02:00"),  # an hour after 24:00 became 23:00
    ],
)
def test_what_passed_around_a_change_of_the_clocks_at_midnight_is_counted(
    zone: str, expression: str, at: str
) -> None:
    around = Wall(wall(at) - 5 * HOUR), Wall(wall(at) + 5 * HOUR)
    assert schedule.parse(expression, zone).passed(*around, 3) == Passed(None, (wall(at),))


def test_ten_years_of_every_minute_are_counted_without_walking_through_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = 0
    look = cron.Cron.first_from

    def counted(self: cron.Cron, start: datetime) -> datetime | None:
        nonlocal looks
        looks += 1
        return look(self, start)

    monkeypatch.setattr(cron.Cron, "first_from", counted)
    start, end = wall("2015-01-01"), wall("2025-01-01")
    passed = schedule.parse("* * * * *", BERLIN).passed(start, end, 100)
    assert passed.older
    assert passed.older.count + len(passed.newest) == (end - start) // MINUTE
    assert (passed.older.first, passed.newest[-1]) == (start + MINUTE, end)
    assert looks < passed.older.count // 100


spans = st.tuples(st.integers(wall("2024-09-01"), wall("2026-01-01")), st.integers(0, 12 * DAY))
calendars = st.sampled_from(
    [
        "* * * * *",
        "*/7 2-4 * * *",
        "0 0 * * *",
        "30 2 * * *",
        "59 23 * * 1-5",
        "0 0 1,15 * *",
        "5 1 29 2 *",
        "0 0 L * *",
    ]
)
lengths = st.sampled_from(["@every 1h", "@every 7h13m5s250ms", "@every 3d"])


@given(
    calendars | lengths,
    st.sampled_from([BERLIN, "Africa/Cairo", "America/Santiago"]),
    spans,
    st.integers(0, 5),
)
def test_what_passed_is_what_a_walk_through_the_ticks_finds(
    expression: str, zone: str, span: tuple[int, int], keep: int
) -> None:
    found = schedule.parse(expression, zone)
    after, until = Wall(span[0]), Wall(span[0] + span[1])
    walked = [
        tick.at
        for tick in takewhile(lambda tick: tick.at <= until, found.ticks_after(after))
        if tick.note is not Note.DST_SKIPPED
    ]
    older, newest = walked[: max(0, len(walked) - keep)], walked[max(0, len(walked) - keep) :]
    expected = Passed(Span(len(older), older[0], older[-1]) if older else None, tuple(newest))
    assert found.passed(after, until, keep) == expected


@given(
    st.integers(wall("1900-01-01") // SECOND, wall("2038-01-01") // SECOND),
    st.sampled_from(["30 2 * * *", "*/5 * * * *"]),
)
def test_ticks_come_in_the_order_of_time_in_any_age(second: int, expression: str) -> None:
    for zone in ("Europe/Amsterdam", "Africa/Monrovia", "Asia/Kathmandu", "Pacific/Kwajalein"):
        found = [
            tick.at
            for tick in islice(schedule.parse(expression, zone).ticks_after(Wall(second * SECOND)), 20)
        ]
        assert found == sorted(set(found))
        assert found[0] > second * SECOND
        assert found[-1] - found[0] < timedelta(days=25) // timedelta(milliseconds=1)
