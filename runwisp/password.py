"""The password: where it comes from, and the file it is kept in.

Owns ``<data>/password``. Must never follow a symlink, nor let the password into an error or a log. Called by
the daemon, which makes one where there is none, and by whoever logs in to it.
"""

from __future__ import annotations

import errno
import os
import string
from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum

from runwisp.errors import PasswordUnusable
from runwisp.frozen import frozen
from runwisp.paths import DataDir
from runwisp.runmeta import is_text

VARIABLE = "RUNWISP_PASSWORD"
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Source: systemd.exec(5), LoadCredential=."""

FILE = "password"
BASE62 = string.digits + string.ascii_letters
LETTERS = 22
LONGEST = 4096
WRITE_IT = "Write one line into it"
WRITE_OR_MAKE = f"{WRITE_IT}, or delete it and start the daemon, which then makes a new one."


class Source(StrEnum):
    VARIABLE = "variable"
    CREDENTIAL = "credential"
    FILE = "file"


@frozen
class Password:
    """``is_fresh``: just made, so nobody knows it yet. ``is_kept``: the next start finds it again."""

    text: str = field(repr=False)
    source: Source
    is_fresh: bool = False
    is_kept: bool = True


def find(environ: Mapping[str, str], data: DataDir) -> Password | None:
    """The first of: the variable, systemd's credential, the file. None where there is none.

    Raises: PasswordUnusable, SymlinkRefused, DataDirError.
    """
    if text := environ.get(VARIABLE):
        if not is_text(text):
            raise PasswordUnusable(
                f"cannot use the password in {VARIABLE}: it is not UTF-8", "Choose another one."
            )
        return Password(text, Source.VARIABLE)
    if (folder := environ.get(CREDENTIALS)) and (text := _credential(f"{folder}/{FILE}")):
        return Password(text, Source.CREDENTIAL)
    try:
        fd = data.open(FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    return Password(_read(fd, f"{data.path}/{FILE}", WRITE_OR_MAKE), Source.FILE)


def read(path: str) -> str:
    """The password in a file of any kind, which a person named. Raises: PasswordUnusable."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise PasswordUnusable(
            f"cannot use the password in {path}: {why}", "Name another file with --password-file."
        ) from error
    return _read(fd, path)


def find_or_make(environ: Mapping[str, str], data: DataDir, random_bytes: Callable[[int], bytes]) -> Password:
    """As ``find``; where there is none, a fresh one is made and kept in the file, if the disk has room:
    without it services have to come up all the same.

    Raises: PasswordUnusable, SymlinkRefused, DataDirError.
    """
    if found := find(environ, data):
        return found
    text = _spelled(int.from_bytes(random_bytes(32), "big"))
    return Password(text, Source.FILE, is_fresh=True, is_kept=_is_written(data, f"{text}\n"))


def _is_written(data: DataDir, content: str) -> bool:
    """False where the disk is full; then nothing of it is there."""
    fd = data.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        os.write(fd, content.encode())
        os.fsync(fd)
    except OSError as error:
        os.unlink(f"{data.absolute}/{FILE}")
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise _unusable(
                f"{data.path}/{FILE}", f"it cannot be written: {error.strerror}", WRITE_OR_MAKE
            ) from error
        return False
    finally:
        os.close(fd)
    return True


def _spelled(number: int) -> str:
    """256 random bits, of which 131 are used: no letter is likelier than another by more than 2**-124."""
    letters = []
    for _ in range(LETTERS):
        number, digit = divmod(number, len(BASE62))
        letters.append(BASE62[digit])
    return "".join(letters)


def _credential(path: str) -> str | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, (error.strerror or str(error)).lower()) from error
    return _read(fd, path)


def _read(fd: int, shown: str, hint: str = f"{WRITE_IT}.") -> str:
    """The content but for the newline at its end."""
    try:
        with os.fdopen(fd, "rb") as file:
            text = file.read(LONGEST + 1).decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise _unusable(shown, (error.strerror or str(error)).lower(), hint) from error
    except UnicodeDecodeError as error:
        raise _unusable(shown, "it is not UTF-8", hint) from error
    if not text.strip():
        raise _unusable(shown, "it is empty", hint)
    if len(text) > LONGEST or "\n" in text:
        raise _unusable(shown, "it is not one line of at most 4096 bytes", hint)
    return text


def _unusable(shown: str, why: str, hint: str = f"{WRITE_IT}.") -> PasswordUnusable:
    return PasswordUnusable(f"cannot use the password in {shown}: {why}", hint)
