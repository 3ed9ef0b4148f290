"""The text of a log as it lies on disk, or a part of it, as a download.

What there is when it is asked for, to the byte, even while the log grows and rotates: the open files stay
what they are. Called by the route of raw logs, and by the hub for every piece.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from runwisp.errors import LogUnavailable, RangeUnsatisfiable
from runwisp.frozen import frozen
from runwisp.web.feed import Wake

MEDIA = "text/plain; charset=utf-8"
PIECE = 128 * 1024
RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII)


@frozen
class Part:
    """Bytes of an open file. Nobody has to close it: it is when the last part of it is gone."""

    file: io.FileIO
    start: int
    size: int


@frozen
class TextFeed:
    parts: tuple[Part, ...]
    headers: tuple[tuple[str, str], ...]
    media: str = MEDIA

    def begin(self, _wake: Wake) -> TextFlow:
        return TextFlow([*self.parts])


@dataclass(slots=True)
class TextFlow:
    """``done``: bytes of the first part that are sent."""

    parts: list[Part]
    done: int = 0
    is_bulk: bool = field(default=True, init=False)

    def more(self) -> bytes | None:
        while self.parts and self.done == self.parts[0].size:
            del self.parts[0]
            self.done = 0
        if not self.parts:
            return None
        part = self.parts[0]
        count = min(PIECE, part.size - self.done)
        piece = os.pread(part.file.fileno(), count, part.start + self.done)
        if not piece:
            raise LogUnavailable("the log was cut short while it was read")
        self.done += len(piece)
        return piece

    def beat(self) -> bytes:
        return b""

    def close(self) -> None:
        self.parts.clear()


def asked(header: str, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last that a Range header asks for; None for everything.

    Several ranges at once, and what is no range of bytes, are not taken note of, as RFC 9110, 14.2 allows.

    Raises: RangeUnsatisfiable.
    """
    found = RANGE.fullmatch(header)
    if not found or not (found[1] or found[2]) or (found[1] and found[2] and int(found[2]) < int(found[1])):
        return None
    if found[1]:
        start, end = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
    else:
        start, end = max(0, size - int(found[2])), size
    if start >= end:
        raise RangeUnsatisfiable(f"The log has {size} bytes; none of those asked for is among them.", size)
    return start, end


def cut(parts: Sequence[Part], start: int, end: int) -> tuple[Part, ...]:
    """What of the parts, one after the other, lies between two offsets."""
    found = []
    for part in parts:
        first, last = max(start, 0), min(end, part.size)
        if first < last:
            found.append(Part(part.file, part.start + first, last - first))
        start, end = start - part.size, end - part.size
    return tuple(found)
