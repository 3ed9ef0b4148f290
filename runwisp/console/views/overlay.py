"""A question in a box over everything else.

Pure. Called by ``view``.
"""

from __future__ import annotations

from collections.abc import Sequence

from runwisp.console.cells import cut, fitted, folded, line_width, padded, shifted, width
from runwisp.console.model import Question
from runwisp.console.style import Line, Span, Tone
from runwisp.console.views.sheet import Sheet

WIDEST = 64
CANCEL, CLOSE = "Esc Cancel", "Esc Close"


def over(lines: Sequence[Line], question: Question, on: Sheet) -> list[Line]:
    """The lines with the box in their middle."""
    box = _box(question, min(WIDEST, max(1, on.columns - 4)), on)[: on.rows]
    start = max(0, (len(lines) - len(box)) // 2)
    found = list(lines)
    for number, row in enumerate(box, start):
        found[number] = _laid(found[number], row, on.columns)
    return found


def _laid(under: Line, row: Line, columns: int) -> Line:
    """One row of the box over one line."""
    used = line_width(row)
    left = max(0, (columns - used) // 2)
    return fitted([*fitted(under, left), *row, *shifted(under, left + used)], columns)


def _box(question: Question, columns: int, on: Sheet) -> list[Line]:
    inside = max(1, columns - 4)
    upper, right, lower, end = tuple(on.signs.corners)
    rows: list[Line] = [((padded(question.title, inside, on.signs.more), Tone.TITLE),)]
    rows += [((text, Tone.PLAIN),) for text in ["", *folded(question.text, inside), ""]]
    rows += _choices(question, inside)
    edge = on.signs.across * max(0, columns - 2)
    framed = [_framed(row, inside, on) for row in rows]
    return [((upper + edge + right, Tone.DIM),), *framed, ((lower + edge + end, Tone.DIM),)]


def _framed(row: Line, inside: int, on: Sheet) -> Line:
    side: Span = (on.signs.line, Tone.DIM)
    blank: Span = (" ", Tone.PLAIN)
    return (side, blank, *fitted(row, inside), blank, side)


def _choices(question: Question, columns: int) -> list[Line]:
    """In one row where they fit; the first is what Enter takes."""
    told = [(_told(choice.key, choice.words), at) for at, choice in enumerate(question.choices)]
    spans: list[Line] = [((text, Tone.KEY if at else Tone.SELECTED),) for text, at in told]
    spans.append(((CANCEL if told else CLOSE, Tone.DIM),))
    if sum(map(line_width, spans)) + 2 * len(spans) > columns:
        return spans
    return [tuple(span for each in spans for span in (*each, ("  ", Tone.PLAIN)))]


def _told(key: str, words: str) -> str:
    return f" {key} {cut(words, 60)} " if width(words) else key
