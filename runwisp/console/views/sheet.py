"""What views draw on and with: a sheet of some columns, rows that may stand for something, and their parts.

Pure. Called by the views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from runwisp.clock import Wall
from runwisp.console.cells import fitted, folded, padded, short, width
from runwisp.console.model import Model, Position, Target
from runwisp.console.state import ASCII, UNICODE, Signs
from runwisp.console.style import Line, Span, Tone
from runwisp.frozen import frozen
from runwisp.zones import is_zone

MARGIN = 4
"""Rows that are seen below the chosen one, where there are."""

LABEL = 18
"""Cells of the names of facts."""


@frozen
class Sheet:
    columns: int
    rows: int
    signs: Signs
    now: Wall
    zone: tzinfo


@frozen
class Row:
    """``target``: what Enter opens. ``draw`` makes the line once it is seen: of long lists few rows are."""

    line: Line = ()
    target: Target | None = None
    draw: Callable[[], Line] | None = None

    @property
    def drawn(self) -> Line:
        return self.draw() if self.draw else self.line


BLANK = Row(())


def sheet(model: Model, columns: int, rows: int) -> Sheet:
    """Times are told in the daemon's zone."""
    name = model.info.zone if model.info else ""
    zone = ZoneInfo(name) if name and is_zone(name) else UTC
    signs = UNICODE if model.is_unicode else ASCII
    return Sheet(columns, rows, signs, model.now.wall, zone)


def heading(text: str, detail: str = "") -> Row:
    return Row((("  " + text, Tone.TITLE), (f"  {detail}" if detail else "", Tone.DIM)))


def note(text: str, tone: Tone = Tone.DIM) -> Row:
    return Row((("  " + text, tone),))


def notes(text: str, on: Sheet, tone: Tone = Tone.DIM) -> list[Row]:
    """Prose, in as many rows as it takes."""
    return [note(row, tone) for row in folded(text, max(10, on.columns - 4))]


def fact(name: str, *spans: Span | str) -> Row:
    value = tuple((span, Tone.PLAIN) if isinstance(span, str) else span for span in spans)
    return Row(((f"  {name:<{LABEL}}", Tone.DIM), *value))


def facts(name: str, text: str, on: Sheet) -> list[Row]:
    """A fact whose value may take several rows."""
    pieces = folded(text, max(10, on.columns - LABEL - 4))
    return [fact(name if not number else "", piece) for number, piece in enumerate(pieces)]


@frozen
class Cell:
    """One of a row of aligned ones; ``columns`` 0 takes what is left. ``is_whole``: not there at all where
    not all of it fits."""

    text: str
    columns: int
    tone: Tone = Tone.PLAIN
    is_whole: bool = False


def aligned(cells: Sequence[Cell], on: Sheet, target: Target | None = None) -> Row:
    """Cells that do not fit are left out, the last ones first."""
    spans: list[Span] = [("  ", Tone.PLAIN)]
    left = on.columns - 3
    for cell in cells:
        wanted = cell.columns or left
        if left < (wanted if cell.is_whole else min(wanted, 6)) or left <= 0:
            break
        used = min(wanted, left)
        spans.append((padded(cell.text, used, on.signs.more), cell.tone))
        if used < left:
            spans.append((" ", Tone.PLAIN))
        left -= used + 1
    return Row(tuple(spans), target)


def ruled(text: str, on: Sheet, tone: Tone = Tone.DIM) -> Line:
    """A line across with words in it."""
    words = short(text, max(0, on.columns - 4), on.signs.more)
    start = f"{on.signs.across}{on.signs.across} {words} " if words else ""
    return fitted(((start + on.signs.across * max(0, on.columns - width(start)), tone),), on.columns)


def chosen(rows: Sequence[Row], position: Position) -> int | None:
    """The number of the row that is chosen; None where there is nothing to choose."""
    choices = [at for at, row in enumerate(rows) if row.target is not None]
    if not choices:
        return None
    for at in choices:
        if position.target is not None and _key(rows[at].target) == _key(position.target):
            return at
    return choices[min(position.at, len(choices) - 1)]


def _key(target: Target | None) -> object:
    """A notice stays the same one however it changes."""
    return getattr(target, "id", target)


def first_row(rows: Sequence[Row], position: Position, on: Sheet) -> int:
    """The number of the uppermost row that is seen: as much above the chosen one as there is room."""
    at = chosen(rows, position)
    wanted = position.at if at is None else at - on.rows + MARGIN
    return max(0, min(wanted, len(rows) - on.rows))


def pane(rows: Sequence[Row], position: Position, on: Sheet, *, has_focus: bool) -> list[Line]:
    """Exactly as many rows as the sheet has; the chosen one stands out while keys go to it."""
    start, at = first_row(rows, position, on), chosen(rows, position) if has_focus else None
    lines = []
    for number, row in enumerate(rows[start : start + on.rows], start):
        lines.append(highlighted(row.drawn, on) if number == at else fitted(row.drawn, on.columns))
    return lines + [fitted((), on.columns)] * (on.rows - len(lines))


def highlighted(line: Line, on: Sheet) -> Line:
    text = "".join(text for text, _ in line)
    return fitted(((">" + text[1:], Tone.SELECTED),), on.columns, Tone.SELECTED)
