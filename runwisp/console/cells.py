"""Text in the cells of a terminal: how wide it is, cut and filled to a width, and broken into rows.

Pure. The one gate to the screen: whatever a line is made of, ``fitted`` lets nothing through that is not
printable. Source: Unicode Standard Annex #11, East Asian Width. Called by the views.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from runwisp.console.style import Line, Span, Style, Tone
from runwisp.printable import escaped

WIDE = frozenset("WF")
MARKS = frozenset(("Mn", "Me"))
SELECTORS = re.compile("[\ufe00-\ufe0f]")
"""They change the width of the letter before them in some terminals and in others not."""

CLIPPED = 4000
"""Letters of a text that is one row in any case: no terminal is as wide."""


@lru_cache(maxsize=4096)
def cell(letter: str) -> int:
    """How many cells one printable letter takes."""
    if unicodedata.category(letter) in MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in WIDE else 1


def width(text: str) -> int:
    return len(text) if text.isascii() else sum(map(cell, text))


def safe(text: str) -> str:
    """Printable, whoever wrote it."""
    if text.isascii() and text.isprintable():
        return text
    return escaped(SELECTORS.sub("", text))


def cut(text: str, columns: int) -> str:
    """As much of it as fits."""
    if text.isascii():
        return text[: max(0, columns)]
    used = 0
    for at, letter in enumerate(text):
        used += cell(letter)
        if used > columns:
            return text[:at]
    return text


def short(text: str, columns: int, more: str) -> str:
    """Cut with a mark where it does not fit."""
    text = safe(text[:CLIPPED])
    return text if width(text) <= columns else cut(text, columns - width(more)) + cut(more, columns)


def padded(text: str, columns: int, more: str) -> str:
    """Exactly so wide."""
    text = short(text, columns, more)
    return text + " " * (columns - width(text))


def fitted(line: Iterable[Span], columns: int, ground: Style = Tone.PLAIN) -> Line:
    """Exactly so wide, filled with blanks of the style ``ground``."""
    spans, left = [], columns
    for text, style in line:
        if text.isascii() and text.isprintable():
            shown = text[:left]
            left -= len(shown)
        else:
            shown = cut(safe(text[:CLIPPED]), left)
            left -= width(shown)
        if shown:
            spans.append((shown, style))
    if left:
        spans.append((" " * left, ground))
    return tuple(spans)


def line_width(line: Iterable[Span]) -> int:
    return sum(width(text) for text, _ in line)


def wrapped(line: Line, columns: int) -> Iterator[Line]:
    """In rows of at most so many cells; one row at least. The text has to be safe already."""
    if line_width(line) <= columns:
        yield line
        return
    row: list[Span] = []
    left = columns
    for text, style in line:
        rest = text
        while rest:
            piece = cut(rest, left)
            if piece:
                row.append((piece, style))
                left -= width(piece)
                rest = rest[len(piece) :]
            elif left == columns:  # a letter wider than all there is
                rest = rest[1:]
            else:
                yield tuple(row)
                row, left = [], columns
    yield tuple(row)


def shifted(line: Line, columns: int) -> Line:
    """Without the first cells."""
    spans: list[Span] = []
    for text, style in line:
        gone = cut(text, columns)
        columns -= width(gone)
        rest = text[len(gone) :]
        if rest and columns:  # half of a wide letter
            rest, columns = rest[1:], 0
        if rest:
            spans.append((rest, style))
    return tuple(spans)


@lru_cache(maxsize=1024)
def folded(text: str, columns: int) -> tuple[str, ...]:
    """Prose in rows, broken between words where that can be."""
    rows: list[str] = []
    for paragraph in text.splitlines() or [""]:
        row = ""
        for word in safe(paragraph).split():
            if row and width(row) + 1 + width(word) > columns:
                rows.append(row)
                row = ""
            row = f"{row} {word}" if row else word
            while width(row) > columns:
                piece = cut(row, max(columns, 2))
                rows.append(piece)
                row = row[len(piece) :]
        rows.append(row)
    return tuple(rows)
