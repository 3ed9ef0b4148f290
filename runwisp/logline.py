"""Lines of a log: where they end, and how each stream is told apart in the file.

Pure. A line ends at a newline, or without one after ``LINE_MAX`` bytes; what follows such a cut is a line of
its own that reads as ``continued``. The writer, the readers and the pump share these rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from runwisp.clock import Wall
from runwisp.frozen import frozen

LINE_MAX = 64 * 1024


class Stream(IntEnum):
    """The values are those of the index."""

    STDOUT = 0
    STDERR = 1
    SYSTEM = 2

    @property
    def word(self) -> str:
        return self.name.lower()


PREFIXES = {Stream.STDOUT: b"", Stream.STDERR: b"[ERR] ", Stream.SYSTEM: b"[SYSTEM] "}


CONTINUED = 1
"""Flag of a record: its first line goes on with one that was cut or interrupted."""
BARE = 2
"""Flag of a record: its first line has no prefix, since it goes on where a cut was made."""


@frozen
class Record:
    """Opens a region of the log that lasts to the next record; a region begins where a line begins.

    ``line`` is the number of that line. ``offset`` counts the bytes written before it over the whole life of
    the run, so it never goes back when old output is dropped.
    """

    line: int
    offset: int
    at: Wall
    stream: Stream
    flags: int = 0


def prefixed(stream: Stream, text: bytes, is_line_start: bool) -> bytes:
    """``text`` as it lies in the file: the prefix before every line that begins in it."""
    prefix = PREFIXES[stream]
    if not prefix:
        return text
    marked = text.replace(b"\n", b"\n" + prefix)
    if text.endswith(b"\n"):
        marked = marked[: -len(prefix)]
    return prefix + marked if is_line_start else marked


def system_line(text: str) -> bytes:
    """A line of the daemon's own, as it lies in the file: one line, whatever the text."""
    flat = " ".join(text.splitlines())
    return PREFIXES[Stream.SYSTEM] + flat.encode(errors="replace") + b"\n"


SAMPLE = 512
SPARSE = 20
"""Bytes a line on average from which on ``newlines`` need not look at every byte."""


def newlines(data: bytes | bytearray, start: int, end: int) -> int:
    """How many there are in ``data[start:end]``, the hot path of capture.

    To take them out and see what is missing is the fastest way there is in Python where lines are not very
    short: it goes from one to the next by memchr(3), while ``count`` of 3.11 and 3.12 looks at every byte.
    """
    if data.count(b"\n", start, min(start + SAMPLE, end)) * SPARSE > SAMPLE:
        return data.count(b"\n", start, end)
    piece = data[start:end]
    return len(piece) - len(piece.replace(b"\n", b""))


CUT = -1
"""In place of a length: the line was ended for being too long, and what follows is another line."""


def stretches(
    data: bytes | bytearray, start: int, end: int, line_max: int, open_length: int = 0
) -> Iterator[tuple[int, int, int]]:
    """Cuts ``data[start:end]`` into stretches of at most ``line_max`` bytes and a newline.

    Each begins where a line begins (the first goes on with one that is ``open_length`` long) and holds whole
    lines, or one line cut for its length, or the unfinished rest. Gives its end, the number of newlines in
    it, and how long the line is that it leaves unfinished: 0 for none, ``CUT`` where one is cut.
    Costs two calls a stretch, nothing a line.
    """
    while start < end:
        too_long = start + line_max + 1 - open_length
        stop = data.rfind(b"\n", start, min(too_long, end)) + 1
        if stop:
            open_length = 0
            yield stop, newlines(data, start, stop), 0
        elif too_long <= end:
            stop = too_long - 1
            open_length = 0
            yield stop, 0, CUT
        else:
            stop = end
            open_length += end - start
            yield stop, 0, open_length
        start = stop


def lines_begun(
    data: bytes | bytearray, start: int, end: int, line_max: int, open_length: int = 0
) -> tuple[int, int]:
    """How many lines begin in ``data[start:end]``, and how long the last one is if it is unfinished."""
    lines = -1 if open_length and start < end else 0
    for _, newlines, left in stretches(data, start, end, line_max, open_length):
        lines += newlines + (left != 0)
        open_length = max(left, 0)
    return lines, open_length
