"""The lines of a log that the console holds: a stretch of it without holes, bounded in lines and bytes.

Pure. Lines that a stream brings are kept as the JSON that they came as, and read when they are looked at: of
ten thousand a second a screen shows a few dozen. Called by ``update`` and the view of a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from runwisp.console.records import LogLine, event, log_line
from runwisp.frozen import frozen

MOST_LINES = 5000
MOST_BYTES = 16 * 1024 * 1024
MERGED = 250
MERGED_BYTES = 256 * 1024
"""Lines and bytes of a chunk below which the next ones go into the same."""

Kept = bytes | LogLine


@frozen(eq=False)
class Chunk:
    """``lines`` have the numbers from ``first`` on."""

    first: int
    lines: tuple[Kept, ...]
    size: int

    @property
    def last(self) -> int:
        return self.first + len(self.lines) - 1


@frozen(eq=False)
class Window:
    """``first_available`` is the oldest line that the daemon still has, ``total`` the number of the last one
    that is known to be there. Invariant: ``chunks`` follow on each other."""

    chunks: tuple[Chunk, ...] = ()
    first_available: int = 1
    total: int = 0

    @property
    def first(self) -> int:
        """Of the lines held; one more than ``last`` where there are none."""
        return self.chunks[0].first if self.chunks else 1

    @property
    def last(self) -> int:
        return self.chunks[-1].last if self.chunks else 0

    @property
    def is_empty(self) -> bool:
        return not self.chunks

    @property
    def has_end(self) -> bool:
        """Whether the last line that there is, is held."""
        return self.last >= self.total

    def line(self, n: int) -> LogLine | None:
        """None where it is not held."""
        for chunk in reversed(self.chunks):
            if chunk.first <= n <= chunk.last:
                return read(chunk.lines[n - chunk.first])
        return None

    def lines(self, first: int) -> Iterator[LogLine]:
        """From this one on."""
        for chunk in self.chunks:
            if chunk.last >= first:
                yield from map(read, chunk.lines[max(0, first - chunk.first) :])


def read(kept: Kept) -> LogLine:
    return kept if isinstance(kept, LogLine) else _read(kept)


@lru_cache(maxsize=512)  # a screen of lines is looked at several times before the next one comes
def _read(data: bytes) -> LogLine:
    return log_line(event(data))


def appended(window: Window, lines: Sequence[Kept]) -> Window:
    """With lines that came after; those that are held already are passed over. After a hole the lines before
    it are let go, as they can be asked for again. The oldest go where there are too many."""
    if not lines:
        return window
    first = read(lines[0]).n
    if window.chunks and first <= window.last:
        lines = lines[window.last + 1 - first :]
        if not lines:
            return window
        first = window.last + 1
    if window.is_empty or first > window.last + 1:
        return _with(window, (_chunk(first, lines),))
    return _with(window, _bounded(_joined(window.chunks, lines)))


def prepended(window: Window, lines: Sequence[Kept]) -> Window:
    """With lines that came before; the newest go where there are too many. Lines that do not reach what is
    held take its place."""
    if not lines:
        return window
    first = read(lines[0]).n
    if window.is_empty or first + len(lines) < window.first:
        return _with(window, (_chunk(first, lines),))
    lines = lines[: window.first - first]
    if not lines:
        return window
    chunks = (_chunk(first, lines), *window.chunks)
    return _with(window, _bounded(chunks[::-1])[::-1])


def rotated(window: Window, first_available: int) -> Window:
    """Older lines are gone from the daemon. Those that are held can be read still."""
    return replace(window, first_available=max(window.first_available, first_available))


def known(window: Window, total: int) -> Window:
    return replace(window, total=max(window.total, total))


def _with(window: Window, chunks: tuple[Chunk, ...]) -> Window:
    return replace(window, chunks=chunks, total=max(window.total, chunks[-1].last))


def _chunk(first: int, lines: Sequence[Kept]) -> Chunk:
    is_raw = isinstance(lines[0], bytes)  # then all of them are, and there are many
    return Chunk(first, tuple(lines), sum(map(len, lines) if is_raw else map(_size, lines)))  # type: ignore[arg-type]


def _size(kept: Kept) -> int:
    return len(kept) if isinstance(kept, bytes) else len(kept.text) + 100


def _joined(chunks: tuple[Chunk, ...], lines: Sequence[Kept]) -> tuple[Chunk, ...]:
    last = chunks[-1]
    new = _chunk(last.last + 1, lines)
    if len(last.lines) >= MERGED or last.size >= MERGED_BYTES:
        return (*chunks, new)
    return (*chunks[:-1], Chunk(last.first, last.lines + new.lines, last.size + new.size))


def _bounded(chunks: tuple[Chunk, ...]) -> tuple[Chunk, ...]:
    """Without the first ones where there are too many; one always stays."""
    count = sum(len(chunk.lines) for chunk in chunks)
    size = sum(chunk.size for chunk in chunks)
    start = 0
    while start < len(chunks) - 1 and (count > MOST_LINES or size > MOST_BYTES):
        count -= len(chunks[start].lines)
        size -= chunks[start].size
        start += 1
    return chunks[start:]
