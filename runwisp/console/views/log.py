"""The lines of a log as rows of the screen: which of them are seen, and how far it can be scrolled.

Pure. Reads no more lines than it shows. Called by the view of a run, and by ``update`` to scroll.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import tzinfo
from functools import lru_cache

from runwisp.console.cells import fitted, shifted, wrapped
from runwisp.console.inks import inked
from runwisp.console.logwindow import Window
from runwisp.console.model import Log, Search, Top
from runwisp.console.records import LogLine
from runwisp.console.style import Line, Span, Tone
from runwisp.console.words import clock_time
from runwisp.frozen import frozen

TONES = {"stderr": Tone.STDERR, "system": Tone.SYSTEM}
MARKS = {"stderr": "err ", "system": "sys "}
NO_MARK = "    "
FEWEST_DIGITS = 4


@frozen
class Shape:
    """The room for a log: ``rows``, and how its lines become them."""

    columns: int
    rows: int
    digits: int
    has_times: bool
    is_wrapped: bool
    is_bare: bool
    column: int
    zone: tzinfo

    @property
    def gutter(self) -> int:
        """Cells before the text."""
        if self.is_bare:
            return 0
        return self.digits + 1 + (13 if self.has_times else 0) + len(NO_MARK)

    @property
    def text_columns(self) -> int:
        return max(2, self.columns - self.gutter)


@frozen
class Seen:
    """A row of the screen: row ``row`` of line ``n``."""

    n: int
    row: int
    line: Line


def shape(log: Log, columns: int, rows: int, zone: tzinfo) -> Shape:
    return Shape(
        columns=columns,
        rows=rows,
        digits=max(FEWEST_DIGITS, len(str(log.window.total))),
        has_times=log.has_times,
        is_wrapped=log.is_wrapped,
        is_bare=log.is_full,
        column=0 if log.is_wrapped else log.column,
        zone=zone,
    )


def seen(log: Log, shape: Shape) -> list[Seen]:
    """From the top down, as many as there is room for; at the end with the line that is not finished."""
    if log.top:
        return _seen(log, log.top, shape)
    is_after = log.tail is not None and log.tail.n > log.window.last
    tail = _rows(log.tail, shape, log.search)[-shape.rows :] if log.tail and is_after and shape.rows else []
    room = replace(shape, rows=shape.rows - len(tail))
    return _seen(log, end_top(log.window, room), room) + tail


def _seen(log: Log, top: Top, shape: Shape) -> list[Seen]:
    found: list[Seen] = []
    for line in log.window.lines(top.line):
        skipped = top.row if line.n == top.line else 0
        found += _rows(line, shape, log.search)[skipped:]
        if len(found) >= shape.rows:
            break
    return found[: shape.rows]


def end_top(window: Window, shape: Shape) -> Top:
    """The top where the last row is the last one of the log."""
    last = window.last
    line = window.line(last)
    if line is None:
        return Top(window.first)
    return moved(window, Top(last, height(line, shape) - 1), shape, 1 - shape.rows)


def moved(window: Window, top: Top, shape: Shape, rows: int) -> Top:
    """Scrolled down by so many rows, or up if that is negative, as far as lines are held."""
    if window.is_empty:
        return top
    n, row = min(max(top.line, window.first), window.last), top.row + rows
    while row < 0 and n > window.first:
        n -= 1
        row += _height(window, n, shape)
    while n < window.last and row >= (high := _height(window, n, shape)):
        row -= high
        n += 1
    return Top(n, min(max(0, row), _height(window, n, shape) - 1))


def height(line: LogLine, shape: Shape) -> int:
    if not shape.is_wrapped:
        return 1
    if line.text.isascii() and len(line.text) <= shape.text_columns and "\t" not in line.text:
        return 1
    return len(_texts(line.text, line.stream, shape.text_columns, 0, True))


def _height(window: Window, n: int, shape: Shape) -> int:
    line = window.line(n)
    return height(line, shape) if line else 1


def _rows(line: LogLine, shape: Shape, search: Search | None) -> list[Seen]:
    texts = _texts(line.text, line.stream, shape.text_columns, shape.column, shape.is_wrapped)
    is_hit = search is not None and search.at == line.n
    found = []
    for number, text in enumerate(texts):
        shown = marked(text, search.text) if search else text
        spans = (*_gutter(line, shape, is_first=not number, is_hit=is_hit), *shown)
        found.append(Seen(line.n, number, fitted(spans, shape.columns)))
    return found


def _gutter(line: LogLine, shape: Shape, *, is_first: bool, is_hit: bool) -> Iterator[Span]:
    if shape.is_bare:
        return
    if not is_first:
        yield " " * shape.gutter, Tone.DIM
        return
    yield f"{line.n:>{shape.digits}} ", Tone.FOUND if is_hit else Tone.DIM
    if shape.has_times:
        yield f"{clock_time(line.at, shape.zone)}.{line.at % 1000:03} ", Tone.DIM
    tone = TONES.get(line.stream, Tone.DIM)
    yield MARKS.get(line.stream, "+   " if line.is_continued else NO_MARK), tone


@lru_cache(maxsize=512)
def _texts(text: str, stream: str, columns: int, column: int, is_wrapped: bool) -> tuple[Line, ...]:
    line = inked(text, TONES.get(stream, Tone.PLAIN))
    if is_wrapped:
        return tuple(wrapped(line, columns))
    return (shifted(line, column) if column else line,)


def marked(line: Line, text: str) -> Line:
    """With what a search has found standing out."""
    wanted = text.lower()
    found: list[Span] = []
    for piece, style in line:
        lowered, at = piece.lower(), 0
        while wanted and len(lowered) == len(piece) and (start := lowered.find(wanted, at)) >= 0:
            found += [(piece[at:start], style), (piece[start : start + len(wanted)], Tone.FOUND)]
            at = start + len(wanted)
        found.append((piece[at:], style))
    return tuple(span for span in found if span[0])
