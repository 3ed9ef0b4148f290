"""Cron expressions: which minutes of the calendar they name.

Owns the grammar and the calendar of an expression, in naive local time: zones and daylight saving are
``schedule``'s. Reads no clock. The one home of croniter, which is asked only what ``L`` and ``#`` mean, one
term and month at a time, and is imported only when an expression has them: 1.3.5 misreads ``31,L``, and its
day rule is not cron's. Called by the loader (``check``), by ``schedule`` and by nobody else.

Source: crontab(5) of Debian for fields, names and the day rule; croniter for ``N/step``, ``L`` and ``#``.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import MAXYEAR, date, datetime, time, timedelta
from functools import cache, lru_cache

from runwisp.clock import DAY, SECOND, Millis, length, spell
from runwisp.frozen import frozen

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
SHORTEST_EVERY: Millis = SECOND
LONGEST_EVERY: Millis = 3650 * DAY
SEARCHED_YEARS = 40
"""Whatever comes at all comes within 40 years: a 29 February on a given weekday, across 2100."""

NOTHING = re.compile(r"(?!)")
RANDOM = re.compile(r"[RH](?:\(|/|$)")
TERM = re.compile(r"(?:\*|(?P<low>[0-9A-Z]{1,9})(?:-(?P<high>[0-9A-Z]{1,9}))?)(?:/(?P<step>[0-9]{1,9}))?")
ONE_MINUTE = timedelta(minutes=1)
ONE_DAY = timedelta(days=1)


class CronError(ValueError):
    """An expression that cannot be used; the text says why and what to write instead."""


@frozen
class Field:
    """One of the five.

    ``names`` stand for the numbers from ``low`` on; ``special`` are the terms that croniter reads, and
    ``asked`` is the expression it is asked them in.
    """

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    special: re.Pattern[str] = NOTHING
    asked: str = ""


MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAY_OF_MONTH = Field("day of month", 1, 31, special=re.compile("L"), asked="0 0 {} * *")
DAY_OF_WEEK = Field(
    name="day of week",
    low=0,
    high=7,
    names=("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
    special=re.compile("L[0-7]|(?:[0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#[1-5]"),
    asked="0 0 * * {}",
)
FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    DAY_OF_MONTH,
    Field("month", 1, 12, MONTHS),
    DAY_OF_WEEK,
)


@frozen
class Values:
    """What one field names: numbers, and as expressions for croniter its ``L`` and ``#`` terms."""

    numbers: frozenset[int]
    special: tuple[str, ...]
    is_starred: bool

    def include(self, number: int, day: date) -> bool:
        return number in self.numbers or any(
            day.day in days_of(expression, day.year, day.month) for expression in self.special
        )


@frozen
class Cron:
    """The calendar of one expression.

    ``is_elapsed``: its minute or hour field begins with ``*``, so that daylight saving does not concern it.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    month_days: Values
    months: frozenset[int]
    week_days: Values
    is_elapsed: bool

    def falls_on(self, day: date) -> bool:
        """Whether it matches on that day; two restricted day fields are alternatives, as in crontab(5)."""
        if day.month not in self.months:
            return False
        in_month = self.month_days.include(day.day, day)
        in_week = self.week_days.include(day.isoweekday() % 7, day)
        if self.month_days.is_starred or self.week_days.is_starred:
            return in_month and in_week
        return in_month or in_week

    def first_from(self, start: datetime) -> datetime | None:
        """The first matching minute at or after a naive time; None when none ever comes."""
        if start.second or start.microsecond:
            start = start.replace(second=0, microsecond=0) + ONE_MINUTE
        if self.falls_on(start.date()):
            at = self._time_from(start.hour, start.minute)
            if at is not None:
                return datetime.combine(start, at)
        for day in self._days_after(start.date()):
            if self.falls_on(day):
                return datetime.combine(day, time(self.hours[0], self.minutes[0]))
        return None

    def count_until(self, minute_of_day: int) -> int:
        """How many minutes match, on a day it falls on, up to and including one counted from midnight."""
        hour, minute = divmod(minute_of_day, 60)
        in_hour = bisect_right(self.minutes, minute) if hour in self.hours else 0
        return bisect_left(self.hours, hour) * len(self.minutes) + in_hour

    def _time_from(self, hour: int, minute: int) -> time | None:
        if hour in self.hours:
            at = bisect_left(self.minutes, minute)
            if at < len(self.minutes):
                return time(hour, self.minutes[at])
        at = bisect_right(self.hours, hour)
        return time(self.hours[at], self.minutes[0]) if at < len(self.hours) else None

    def _days_after(self, day: date) -> Iterator[date]:
        """The later days of its months, as far as there is any use in looking."""
        last = date(min(day.year + SEARCHED_YEARS, MAXYEAR - 1), 12, 31)
        while day < last:
            day += ONE_DAY
            if day.month in self.months:
                yield day


def check(expression: str) -> None:
    """Raises: CronError with a sentence when the expression cannot be used."""
    if every(expression) is None:
        parse(expression)


def every(expression: str) -> Millis | None:
    """The length of an ``@every D``; None when it is another kind of expression.

    Raises: CronError when it is one, with a bad length.
    """
    word, *rest = expression.split(maxsplit=1)[:2] or [""]
    if word.lower() != "@every":
        return None
    text = "".join(rest).strip()
    try:
        found = length(text)
    except ValueError as error:
        raise CronError(f'@every takes a length such as "30s" or "1h30m": {error}') from error
    if not SHORTEST_EVERY <= found <= LONGEST_EVERY:
        shortest, longest = spell(SHORTEST_EVERY), spell(LONGEST_EVERY)
        raise CronError(f"@every takes a length from {shortest} to {longest}, not {text}")
    return found


@cache
def parse(expression: str) -> Cron:
    """The one object of each distinct expression.

    Raises: CronError with a sentence when the expression cannot be used.
    """
    words = _fields(expression)
    minutes, hours, month_days, months, week_days = map(_read, FIELDS, words)
    return Cron(
        minutes=tuple(sorted(minutes.numbers)),
        hours=tuple(sorted(hours.numbers)),
        month_days=month_days,
        months=months.numbers,
        week_days=week_days,
        is_elapsed=minutes.is_starred or hours.is_starred,
    )


@lru_cache(maxsize=1024)
def days_of(expression: str, year: int, month: int) -> frozenset[int]:
    """The days of one month on which croniter sees an expression match."""
    from croniter import croniter  # noqa: PLC0415  (it costs 60 ms and megabytes, and few ask)

    days = set()
    ticks = croniter(expression, datetime(year, month, 1) - ONE_MINUTE)
    while (tick := ticks.get_next(datetime)).month == month and tick.year == year:
        days.add(tick.day)
    return frozenset(days)


def _fields(expression: str) -> list[str]:
    text = expression.strip()
    if text.startswith("@"):
        text = _unaliased(text.lower())
    words = text.upper().split()
    if len(words) == 6:
        raise CronError('a cron expression has five fields, not six; for seconds use "@every 30s"')
    if len(words) != 5:
        names = ", ".join(field.name for field in FIELDS)
        raise CronError(f"a cron expression has five fields ({names}), not {len(words)}")
    return words


def _unaliased(alias: str) -> str:
    if alias in ALIASES:
        return ALIASES[alias]
    if alias == "@reboot":
        raise CronError('"@reboot" is not a schedule; use run_on_start = true')
    raise CronError(f'"{alias}" is not known; use one of {" ".join(ALIASES)} or "@every 30s"')


def _read(field: Field, word: str) -> Values:
    numbers: set[int] = set()
    special = []
    for term in word.split(","):
        if field.special.fullmatch(term):
            special.append(field.asked.format(term))
            days_of(special[-1], 2000, 1)  # imports croniter now, not amid work: its 7.0 then runs file(1)
        else:
            numbers.update(_range(field, term))
    if field is DAY_OF_WEEK:
        numbers = {number % 7 for number in numbers}
    return Values(frozenset(numbers), tuple(special), word.startswith("*"))


def _range(field: Field, term: str) -> range:
    if RANDOM.match(term):
        raise CronError(f"{field.name}: random and hashed values (R, H) are not supported; write a number")
    parts = TERM.fullmatch(term)
    if parts is None:
        raise CronError(f'{field.name}: "{term}" cannot be read; write {_choice(field)}, a list or a range')
    low, high, step = parts.group("low", "high", "step")
    if step is not None and int(step) == 0:
        raise CronError(f'{field.name}: the step of "{term}" must be at least 1')
    if low is None:
        return range(field.low, field.high + 1, int(step or 1))
    first = _number(field, low)
    last = _last(field, first, high, has_step=step is not None)
    if first > last:
        turned = f"{low}-{field.high},{field.low}-{high}"
        raise CronError(f'{field.name}: the range "{term}" runs backwards; write "{turned}"')
    return range(first, last + 1, int(step or 1))


def _last(field: Field, first: int, high: str | None, has_step: bool) -> int:
    if high is None:
        return field.high if has_step else first
    if field is DAY_OF_MONTH and high == "L":
        return field.high
    last = _number(field, high)
    if field is DAY_OF_WEEK and last == 0 < first:
        return 7
    return last


def _number(field: Field, word: str) -> int:
    if word in field.names:
        return field.low + field.names.index(word)
    if not word.isdecimal():
        raise CronError(f'{field.name}: "{word}" is not known; write {_choice(field)}')
    if not field.low <= int(word) <= field.high:
        raise CronError(f"{field.name}: {word} is out of range; write {_choice(field)}")
    return int(word)


def _choice(field: Field) -> str:
    span = f"{field.low}-{field.high}"
    return f"{span} or {' '.join(field.names)}" if field.names else span
