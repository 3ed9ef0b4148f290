"""Cron expressions: what each names, what is refused and how, and that croniter agrees."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta
from itertools import product

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from runwisp import cron
from runwisp.clock import HOUR, MINUTE, SECOND
from runwisp.cron import CronError

NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def firsts(expression: str, start: datetime, count: int) -> list[datetime]:
    found: list[datetime] = []
    at = cron.parse(expression).first_from(start)
    while at is not None and len(found) < count:
        found.append(at)
        at = cron.parse(expression).first_from(at + timedelta(minutes=1))
    return found


@pytest.mark.parametrize(
    ("expression", "minutes", "hours"),
    [
        ("5 4 * * *", (5,), (4,)),
        ("*/20 */12 * * *", (0, 20, 40), (0, 12)),
        ("1-5/2,7 22,23 * * *", (1, 3, 5, 7), (22, 23)),
        ("50/4 9-11 * * *", (50, 54, 58), (9, 10, 11)),
        ("07 00-01 * * *", (7,), (0, 1)),
        ("*/90 0 * * *", (0,), (0,)),
        ("@hourly", (0,), tuple(range(24))),
        ("@daily", (0,), (0,)),
    ],
)
def test_numbers_ranges_steps_and_lists_are_read(
    expression: str, minutes: tuple[int, ...], hours: tuple[int, ...]
) -> None:
    read = cron.parse(expression)
    assert (read.minutes, read.hours) == (minutes, hours)


@pytest.mark.parametrize(
    ("field", "same"),
    [
        ("MON-FRI", "1-5"),
        ("fri-sun", "5,6,0"),
        ("5-7", "5,6,0"),
        ("7", "0"),
        ("0-7", "*"),
        ("Sat", "6"),
        ("5/2", "5,0"),
    ],
)
def test_days_of_the_week_are_read(field: str, same: str) -> None:
    named, numbered = cron.parse(f"0 0 * * {field}"), cron.parse(f"0 0 * * {same}")
    assert named.week_days.numbers == numbered.week_days.numbers


def test_months_are_read_by_name_and_number() -> None:
    assert cron.parse("0 0 1 jan-MAR,12 *").months == {1, 2, 3, 12}


@pytest.mark.parametrize(
    ("alias", "expression"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        (" @Daily ", "0 0 * * *"),
    ],
)
def test_an_alias_is_its_expression(alias: str, expression: str) -> None:
    assert cron.parse(alias) == cron.parse(expression)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("* * * * * *", 'has five fields, not six; for seconds use "@every 30s"'),
        ("* * * *", "five fields (minute, hour, day of month, month, day of week), not 4"),
        ("", "five fields (minute, hour, day of month, month, day of week), not 0"),
        ("@reboot", "use run_on_start = true"),
        ("@hurly", '"@hurly" is not known; use one of @hourly @daily'),
        ("R * * * *", "minute: random and hashed values (R, H) are not supported"),
        ("0 h(0-5) * * *", "hour: random and hashed values (R, H) are not supported"),
        ("0 0 H/2 * *", "day of month: random and hashed values (R, H) are not supported"),
        ("60 * * * *", "minute: 60 is out of range; write 0-59"),
        ("0 24 * * *", "hour: 24 is out of range; write 0-23"),
        ("0 0 0 * *", "day of month: 0 is out of range; write 1-31"),
        ("0 0 1 13 *", "month: 13 is out of range; write 1-12 or JAN FEB"),
        ("0 0 * * 8", "day of week: 8 is out of range; write 0-7 or SUN MON"),
        ("0 0 * * FUNDAY", 'day of week: "FUNDAY" is not known; write 0-7 or SUN MON'),
        ("0 0 MON * *", 'day of month: "MON" is not known; write 1-31'),
        ("0 22-2 * * *", 'hour: the range "22-2" runs backwards; write "22-23,0-2"'),
        ("0 0 * * FRI-MON", 'day of week: the range "FRI-MON" runs backwards; write "FRI-7,0-MON"'),
        ("*/0 * * * *", 'minute: the step of "*/0" must be at least 1'),
        ("1,,2 * * * *", 'minute: "" cannot be read'),
        ("*-5 * * * *", 'minute: "*-5" cannot be read'),
        ("-5 * * * *", 'minute: "-5" cannot be read'),
        ("1.5 * * * *", 'minute: "1.5" cannot be read'),
        (f"{'1' * 5000} * * * *", "minute:"),
        ("0 0 ? * *", 'day of month: "?" cannot be read'),
        ("0 0 15W * *", 'day of month: "15W" is not known'),
        ("0 0 * * L8", 'day of week: "L8" is not known'),
        ("0 0 * * MON#6", 'day of week: "MON#6" cannot be read'),
        ("0 0 * * MON-FRI#2", 'day of week: "MON-FRI#2" cannot be read'),
        ("0 L * * *", 'hour: "L" is not known'),
        ("@every", '@every takes a length such as "30s" or "1h30m"'),
        ("@every 5", 'did you mean "5s"?'),
        ("@every fortnight", '"fortnight" is not a length'),
        ("@every 999ms", "@every takes a length from 1s to 3650d, not 999ms"),
        ("@every 9999d", "@every takes a length from 1s to 3650d, not 9999d"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_write_instead(expression: str, sentence: str) -> None:
    with pytest.raises(CronError) as refused:
        cron.check(expression)
    assert sentence in str(refused.value)


def test_what_is_offered_for_a_backward_range_is_what_it_meant() -> None:
    assert cron.parse("0 22-23,0-2 * * *").hours == (0, 1, 2, 22, 23)
    assert cron.parse("0 0 * * FRI-7,0-MON").week_days.numbers == {5, 6, 0, 1}


@pytest.mark.parametrize(
    ("expression", "length"),
    [
        ("@every 30s", 30 * SECOND),
        ("@every 1h30m", HOUR + 30 * MINUTE),
        (" @EVERY\t1.5h ", HOUR + 30 * MINUTE),
    ],
)
def test_every_takes_a_length(expression: str, length: int) -> None:
    cron.check(expression)
    assert cron.every(expression) == length


def test_an_expression_is_kept_once_however_many_ask_for_it() -> None:
    assert cron.parse("1 2 3 4 5") is cron.parse("1 2 3 4 5")


def test_two_restricted_day_fields_are_alternatives() -> None:
    assert [at.day for at in firsts("0 0 10 6 FRI", datetime(2025, 6, 1), 5)] == [6, 10, 13, 20, 27]


@pytest.mark.parametrize("expression", ["0 0 */2 6 FRI", "0 0 1-31/2 6 */5"])
def test_a_day_field_that_begins_with_a_star_must_match_as_well(expression: str) -> None:
    friday_or_sunday = {5} if "FRI" in expression else {0, 5}
    wanted = [
        day
        for day in range(1, 31)
        if day % 2 == 1 and date(2025, 6, day).isoweekday() % 7 in friday_or_sunday
    ]
    assert [at.day for at in firsts(expression, datetime(2025, 6, 1), len(wanted))] == wanted


def test_a_leap_day_on_a_given_weekday_is_found_across_a_century_without_one() -> None:
    on_a_sunday = "0 0 29 2 */7"
    assert cron.parse(on_a_sunday).first_from(datetime(2088, 3, 1)) == datetime(2128, 2, 29)


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 2 */2"])
def test_a_day_that_no_month_has_never_comes(expression: str) -> None:
    assert cron.parse(expression).first_from(datetime(2000, 1, 1)) is None


def test_a_search_ends_with_the_calendar() -> None:
    assert cron.parse("0 0 1 1 *").first_from(datetime(9998, 6, 1)) is None


@pytest.mark.parametrize(
    ("start", "first"),
    [
        (datetime(2025, 1, 1, 10, 0), datetime(2025, 1, 1, 10, 0)),
        (datetime(2025, 1, 1, 10, 0, 0, 1), datetime(2025, 1, 1, 10, 30)),
        (datetime(2025, 1, 1, 10, 29, 59), datetime(2025, 1, 1, 10, 30)),
        (datetime(2025, 12, 31, 23, 30, 1), datetime(2026, 1, 1, 0, 0)),
    ],
)
def test_the_first_match_is_at_or_after_the_start(start: datetime, first: datetime) -> None:
    assert cron.parse("0,30 * * * *").first_from(start) == first


def last_day(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def means(term: str, day: date) -> bool:
    """What the manual of croniter says of a special term, read independently."""
    last = last_day(day.year, day.month)
    weekday = day.isoweekday() % 7
    if term == "L":
        return day.day == last
    if term.startswith("L"):
        return weekday == int(term[1:]) % 7 and day.day + 7 > last
    if "#" in term:
        name, nth = term.split("#")
        number = NAMES.index(name) if name in NAMES else int(name) % 7
        return weekday == number and (day.day + 6) // 7 == int(nth)
    return weekday == NAMES.index(term) if term in NAMES else day.day == int(term)


@pytest.mark.parametrize(
    ("month_day", "week_day"),
    [
        *product(["L", "1,L", "31,L", "15,30,L"], ["*"]),
        *product(
            ["*"], ["L5", "L0", "L7", "FRI#1", "5#5", "0#2", "7#2", "MON#1,MON#3", "L1,WED#2", "MON,FRI#2"]
        ),
    ],
)
def test_last_and_nth_days_are_those_of_the_calendar(month_day: str, week_day: str) -> None:
    """1.3.5 of croniter loses ``L`` in ``31,L`` in short months, which is why it is asked term by term."""
    read = cron.parse(f"0 0 {month_day} * {week_day}")
    terms = (month_day if week_day == "*" else week_day).split(",")
    for offset in range(2 * 365):
        day = date(2023, 3, 1) + timedelta(days=offset)
        assert read.falls_on(day) == any(means(term, day) for term in terms), day


def test_special_days_obey_the_rule_of_two_day_fields() -> None:
    assert [at.day for at in firsts("0 0 L 6 MON#1", datetime(2025, 6, 1), 2)] == [2, 30]
    both = cron.parse("0 0 */30 * L1")
    assert both.first_from(datetime(2025, 1, 1)) == datetime(2025, 3, 31)


def test_a_range_up_to_the_last_day_is_one_up_to_31() -> None:
    assert cron.parse("0 0 25-L * *").month_days.numbers == set(range(25, 32))


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> str:
    def term() -> str:
        first = draw(st.integers(low, high - 1))
        last = draw(st.integers(first + 1, high))
        step = draw(st.integers(1, high - low))
        return draw(
            st.sampled_from(["*", f"*/{step}", f"{first}", f"{first}-{last}", f"{first}-{last}/{step}"])
        )

    return ",".join(term() for _ in range(draw(st.integers(1, 3))))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Of those on which cron's day rule and croniter's agree: one of the day fields is a bare star."""
    day = draw(fields(1, 28))
    weekday = draw(fields(0, 6))
    days = draw(st.sampled_from([(day, "*"), ("*", weekday)]))
    return f"{draw(fields(0, 59))} {draw(fields(0, 23))} {days[0]} {draw(fields(1, 12))} {days[1]}"


@given(expressions(), st.datetimes(datetime(2019, 1, 1), datetime(2036, 1, 1)))
def test_the_calendar_is_the_one_that_croniter_sees(expression: str, start: datetime) -> None:
    theirs = croniter(expression, start)
    wanted = [theirs.get_next(datetime) for _ in range(5)]
    assert firsts(expression, start + timedelta(microseconds=1), 5) == wanted


@given(expressions(), st.integers(0, 24 * 60 - 1))
def test_the_matches_of_a_day_are_counted_as_they_are_listed(expression: str, minute: int) -> None:
    read = cron.parse(expression)
    listed = [60 * hour + each for hour in read.hours for each in read.minutes]
    assert read.count_until(minute) == sum(1 for each in listed if each <= minute)
    assert read.count_until(-1) == 0
