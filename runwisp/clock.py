"""Instants and lengths of time, and how they are written.

Owns the two instant types, which mypy keeps apart. Reads no clock: an instant is always an
argument, so that a test can be at any moment it likes. Every length is in milliseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NewType

from runwisp.frozen import frozen

Wall = NewType("Wall", int)
"""Milliseconds since 1970-01-01 UTC: what people and rows mean by a time. It may be set back."""

Mono = NewType("Mono", int)
"""Milliseconds since an arbitrary moment, never set back: what deadlines are made of."""

Millis = int
"""A length of time in milliseconds."""

SECOND: Millis = 1_000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

UNITS = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1}
TERM = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(ms|[smhdw])")


@frozen
class Now:
    """Both clocks, read together."""

    wall: Wall
    mono: Mono


def after(start: Mono, length: Millis) -> Mono:
    return Mono(start + length)


def wall_of(moment: datetime) -> Wall:
    """The wall instant of an aware datetime, cut to the millisecond."""
    return Wall((moment - EPOCH) // timedelta(milliseconds=1))


def utc(at: Wall) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def rfc3339(at: Wall) -> str:
    """RFC 3339 in UTC with milliseconds, as the API and the environment of a run spell times."""
    return utc(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def spell(length: Millis) -> str:
    """A length as a person writes it in runwisp.toml: ``1h30m``, ``5s``, ``300ms``."""
    if length == 0:
        return "0s"
    parts = []
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1)):
        count, length = divmod(length, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def length(text: str) -> Millis:
    """A length as written in runwisp.toml, the inverse of ``spell``: terms add up, decimals are allowed.

    Raises: ValueError with a sentence.
    """
    if text.isdecimal():
        raise ValueError(f'a length needs a unit, did you mean "{text}s"?')
    if not re.fullmatch(f"(?:{TERM.pattern})+", text):
        raise ValueError(f'"{text}" is not a length; write for example "300ms", "5s" or "1h30m"')
    return round(sum(float(count) * UNITS[unit] for count, unit in TERM.findall(text)))
