"""Saves the log of a run into a file that a person named.

Must never write over anything. Called by ``remote``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from runwisp.errors import Refused, RunWispError
from runwisp.logfile import write_all

MODE = 0o600
"""Logs may hold what is not for every user of the machine."""


def save(pieces: Iterable[bytes], path: str) -> str:
    """The path of the new file, absolute. Raises: Refused, and what reading ``pieces`` raises."""
    place = os.path.abspath(os.path.expanduser(path))
    try:
        fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    except FileExistsError as error:
        raise Refused(f"{place} is there already", "Choose another name.") from error
    except OSError as error:
        raise _failed(place, error) from error
    try:
        for piece in pieces:
            write_all(fd, piece)
    except BaseException as error:
        os.unlink(place)
        if isinstance(error, OSError):
            raise _failed(place, error) from error
        raise
    finally:
        os.close(fd)
    return place


def _failed(place: str, error: OSError) -> RunWispError:
    return Refused(f"cannot save the log in {place}: {error.strerror}", "Choose another place.")
