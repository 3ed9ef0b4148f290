"""Time zones by name: which there are on this machine.

Touches nothing but zoneinfo's tables. Called by ``configkeys`` for names in the file, by ``hostzone`` for the
machine's own.
"""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from runwisp.closest import did_you_mean

NOT_ZONES = re.compile(r"(?:posix|right)/.*|localtime|posixrules|")
"""What lies among zoneinfo's files without being a zone, or with leap seconds that nobody here counts."""
EXAMPLE = '; write an IANA name such as "Europe/Berlin"'


@cache
def is_zone(name: str) -> bool:
    try:
        return not NOT_ZONES.fullmatch(name) and ZoneInfo(name).key == name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


@cache
def told_unknown(name: str) -> str:
    """What to say of a name that is not one."""
    names = available_timezones()
    if not names:
        return f'"{name}" cannot be used: this machine has no time zones, install the package tzdata'
    ends = sorted(each for each in names if each.lower().endswith(f"/{name.lower()}"))
    hint = f', did you mean "{ends[0]}"?' if ends else did_you_mean(name, sorted(names))
    return f'"{name}" is not a time zone{hint or EXAMPLE}'
