"""The time zone of this machine, by name.

Reads the variable TZ, /etc/localtime and /etc/timezone, in this order, as the C library and Debian do; a
process that keeps running keeps its zone. Called by ``config``, for files that name none.
Source: tzset(3), localtime(5).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from zoneinfo import TZPATH, available_timezones

from runwisp.frozen import frozen
from runwisp.zones import is_zone

LOCALTIME = "etc/localtime"
TIMEZONE = "etc/timezone"
DIRECTORY = "zoneinfo/"
UTC = "UTC"
SAME_AS_MACHINE = f"/{LOCALTIME}"
"""A usual value of TZ: it spares the C library from looking at the file again and again."""


@frozen
class HostZone:
    """``doubt`` is a sentence for when the machine says something that cannot be followed."""

    name: str
    doubt: str = ""


def find(environ: Mapping[str, str], root: str = "/") -> HostZone:
    """The zone; UTC when the machine names none."""
    doubt = ""
    variable = environ.get("TZ", SAME_AS_MACHINE)
    if variable.removeprefix(":") != SAME_AS_MACHINE:
        name = _name_of_variable(variable)
        if is_zone(name):
            return HostZone(name)
        doubt = f'the variable TZ is "{variable}", which is not the name of a time zone'
    for name in _names(os.path.join(root, LOCALTIME), _name_in(os.path.join(root, TIMEZONE))):
        if is_zone(name):
            return HostZone(name, doubt and f"{doubt}; {name} is used, as this machine is set")
    if not doubt and os.path.exists(os.path.join(root, LOCALTIME)):
        doubt = f"/{LOCALTIME} is not a time zone that has a name"
    return HostZone(UTC, doubt and f"{doubt}; UTC is used")


def _name_of_variable(text: str) -> str:
    """Of ``Area/City``, ``:Area/City`` and paths of zone files; an empty variable means UTC."""
    text = text.removeprefix(":")
    return _name_of_file(text) if text.startswith("/") else text or UTC


def _name_of_file(path: str) -> str:
    return path.partition(DIRECTORY)[2].removeprefix("posix/")


def _names(localtime: str, told: str) -> Iterator[str]:
    """What the machine may mean, best first: a link's target, a copied file's equals, /etc/timezone."""
    try:
        yield _name_of_file(os.readlink(localtime))
    except OSError:
        yield from _names_of(_bytes(localtime), told)
    yield told


def _names_of(data: bytes, told: str) -> Iterator[str]:
    """Zones that have the very same data; of several the one that is told."""
    for name in (told, *sorted(available_timezones())) if data else ():
        if name and any(_bytes(os.path.join(folder, name)) == data for folder in TZPATH):
            yield name


def _name_in(path: str) -> str:
    return _bytes(path).decode("ascii", "replace").strip()


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(65_536)
    except OSError:
        return b""
