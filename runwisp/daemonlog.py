"""The daemon's own log: one line a record, on stderr or in daemon.log.

Owns how a record is written. Must never raise for a log that cannot be written, never wait for whoever
reads it, and never let a control character through. Not the standard library's logging: importing that
costs every process more than all of this. Called by daemon and helpers.
"""

from __future__ import annotations

import json
import os
import select
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum

from runwisp.clock import Wall, rfc3339
from runwisp.printable import clipped, escaped, printable


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


PRIORITIES = {Level.DEBUG: 7, Level.INFO: 6, Level.WARN: 4, Level.ERROR: 3}
"""Source: sd-daemon(3)."""

RANKS = {level: rank for rank, level in enumerate(Level)}
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+:/@%,")

KEPT = 100
"""Records that are shown to who looks at the log later."""

Value = str | int | float | None


class Log:
    """Writes records of at least ``level`` to ``fd``.

    ``clock`` tells the time of a record. ``is_journal``: the reader is systemd's journal, which wants a
    priority in front and has the time itself.

    ``last_lines`` are the newest records, each with its time and without newline or priority, also those that
    could not be written; ``follow`` is told each.
    """

    def __init__(
        self,
        fd: int,
        level: Level,
        shape: Format,
        clock: Callable[[], Wall],
        *,
        is_journal: bool = False,
    ) -> None:
        self.level = level
        self.shape = shape
        self._fd = fd
        self._rank = RANKS[level]
        self._clock = clock
        self._is_journal = is_journal
        self._lost = 0
        self.last_lines: deque[str] = deque(maxlen=KEPT)
        self.follow: Callable[[str], None] | None = None
        self._room = select.poll()
        self._room.register(fd, select.POLLOUT)

    def debug(self, message: str, /, **fields: Value) -> None:
        self._log(Level.DEBUG, message, fields)

    def info(self, message: str, /, **fields: Value) -> None:
        self._log(Level.INFO, message, fields)

    def warn(self, message: str, /, **fields: Value) -> None:
        self._log(Level.WARN, message, fields)

    def error(self, message: str, /, **fields: Value) -> None:
        self._log(Level.ERROR, message, fields)

    def _log(self, level: Level, message: str, fields: Mapping[str, Value]) -> None:
        if RANKS[level] < self._rank:
            return
        self._keep(level, message, fields)
        if self._lost and self._write(Level.WARN, "records of this log were lost", {"count": self._lost}):
            self._lost = 0
        if not self._write(level, message, fields):
            self._lost += 1

    def _write(self, level: Level, message: str, fields: Mapping[str, Value]) -> bool:
        line = self._spelled(level, message, fields, is_stamped=not self._is_journal)
        priority = f"<{PRIORITIES[level]}>" if self._is_journal else ""
        record = f"{priority}{line}\n".encode(errors="backslashreplace")
        try:
            # A terminal that was stopped, or a pipe that nobody reads, must not stop the daemon.
            return bool(self._room.poll(0)) and os.write(self._fd, record) == len(record)
        except OSError:
            return False

    def _spelled(self, level: Level, message: str, fields: Mapping[str, Value], *, is_stamped: bool) -> str:
        if self.shape is Format.JSON:
            return as_json(self._clock(), level, message, fields)
        stamp = f"{rfc3339(self._clock())} {level.upper():5} " if is_stamped else ""
        return f"{stamp}{as_text(message, fields)}"

    def _keep(self, level: Level, message: str, fields: Mapping[str, Value]) -> None:
        line = self._spelled(level, message, fields, is_stamped=True)
        self.last_lines.append(line)
        if self.follow:
            self.follow(line)


def as_json(at: Wall, level: Level, message: str, fields: Mapping[str, Value]) -> str:
    """Names of the record's own come first and win over fields of the same name."""
    record: dict[str, Value] = {"time": rfc3339(at), "level": level, "message": clipped(message)}
    for name, value in fields.items():
        record.setdefault(name, clipped(value) if isinstance(value, str) else value)
    return json.dumps(record)


def as_text(message: str, fields: Mapping[str, Value]) -> str:
    return " ".join([printable(message), *(f"{name}={_value(value)}" for name, value in fields.items())])


def is_journal(fd: int, environ: Mapping[str, str]) -> bool:
    """Whether ``fd`` is the very stream that systemd connected to its journal.

    Source: systemd.exec(5), JOURNAL_STREAM; a stream that was redirected since has another inode.
    """
    status = os.fstat(fd)
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _value(value: Value) -> str:
    text = clipped(str(value))
    if text and PLAIN.issuperset(text):
        return text
    quotable = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped(quotable)}"'
