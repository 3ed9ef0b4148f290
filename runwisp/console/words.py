"""Numbers and times as words, in those of the web dashboard.

Pure. Lengths are milliseconds. Called by the views.
"""

from __future__ import annotations

from datetime import tzinfo
from functools import lru_cache
from math import floor

from runwisp.clock import DAY, HOUR, MINUTE, SECOND, Millis, Wall, utc
from runwisp.console.records import Run

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def count(number: int) -> str:
    return f"{number:,}"


def plural(number: int, word: str) -> str:
    return f"{count(number)} {word}" if number == 1 else f"{count(number)} {word}s"


def percent(part: float) -> str:
    """``part`` from 0 to 1; 99.96 % is not rounded to 100 %."""
    value = floor(part * 1000) / 10
    return f"{value:g} %"


def size(number: int) -> str:
    value, unit = float(number), 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit and value < 100 else f"{value:.0f} {UNITS[unit]}"


def length(ms: Millis) -> str:
    if ms < 1:
        return "0 s"
    if ms < SECOND:
        return f"{ms} ms"
    if ms < 10 * SECOND:
        return f"{ms // 100 / 10:g} s"
    return clock_length(ms)


def clock_length(ms: Millis) -> str:
    """Without parts of a second."""
    at = max(0, ms)
    if at < MINUTE:
        return f"{at // SECOND} s"
    for unit, name, below, part in (
        (MINUTE, "min", HOUR, (SECOND, "s")),
        (HOUR, "h", DAY, (MINUTE, "min")),
        (DAY, "d", at + 1, (HOUR, "h")),
    ):
        if at < below:
            rest = at % unit // part[0]
            return f"{at // unit} {name} {rest} {part[1]}" if rest else f"{at // unit} {name}"
    raise AssertionError("the last unit takes all there is")


def whole_minutes(ms: Millis) -> str:
    """For what is seen all the time, and is not to change all the time."""
    return clock_length(ms - ms % MINUTE) if ms >= MINUTE else "less than a minute"


def run_length(run: Run, now: Wall) -> str:
    """How long it took, or has taken so far; empty where it did not start."""
    if run.start_at is None:
        return ""
    return length(run.end_at - run.start_at) if run.end_at else clock_length(now - run.start_at)


def seconds(value: float) -> str:
    """Of processor time."""
    digits = 3 if value < 0.1 else 2 if value < 10 else 0
    return f"{value:.{digits}f} s"


def ago(at: Wall, now: Wall) -> str:
    passed = now - at
    if passed < 2 * SECOND:
        return "just now"
    for unit, name, below in ((SECOND, "s", MINUTE), (MINUTE, "min", HOUR), (HOUR, "h", DAY)):
        if passed < below:
            return f"{passed // unit} {name} ago"
    return f"{passed // DAY} d ago"


def until(at: Wall, now: Wall) -> str:
    return "now" if at - now < SECOND else f"in {clock_length(at - now)}"


@lru_cache(maxsize=64)
def exact(at: Wall, zone: tzinfo) -> str:
    """Tue, 25 Nov 2025, 03:00:12 CET."""
    local = utc(at).astimezone(zone)
    return f"{local:%a}, {local.day} {local:%b %Y, %H:%M:%S} {local.tzname()}"


def clock_time(at: Wall, zone: tzinfo) -> str:
    return f"{utc(at).astimezone(zone):%H:%M:%S}"


@lru_cache(maxsize=256)  # a screen is drawn many times with the same times on it
def date_time(at: Wall, zone: tzinfo) -> str:
    local = utc(at).astimezone(zone)
    return f"{local.day:>2} {local:%b %H:%M:%S}"
