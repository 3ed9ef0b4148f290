"""Debug: the daemon's own log, as it is written.

Pure. Called by ``view`` and by ``update``, which scrolls in it.
"""

from __future__ import annotations

from runwisp.console.cells import fitted, wrapped
from runwisp.console.inks import inked
from runwisp.console.model import Model
from runwisp.console.style import Line, Tone
from runwisp.console.views.sheet import Sheet, heading, notes

INDENT = " "


def lines(model: Model, on: Sheet) -> list[Line]:
    """The last ones, or those so many rows before them as is scrolled up."""
    log = model.daemon_log
    found = [fitted(heading("The daemon's log", _place(model)).line, on.columns)]
    room = max(0, on.rows - len(found))
    rows = _rows(model, on.columns, room + model.position.at) if log.lines else []
    if not rows:
        rows = [row.line for row in notes(log.trouble or "Nothing yet.", on)]
    end = max(min(room, len(rows)), len(rows) - model.position.at)
    shown = [fitted(row, on.columns) for row in rows[max(0, end - room) : end]]
    return found + shown + [fitted((), on.columns)] * (room - len(shown))


def height(model: Model, columns: int) -> int:
    """Rows that all of it takes."""
    return len(_rows(model, columns))


def _place(model: Model) -> str:
    return "paused, G follows again" if model.position.at else "as it is written"


def _rows(model: Model, columns: int, most: int | None = None) -> list[Line]:
    """The last of them."""
    found: list[Line] = []
    for text in reversed(model.daemon_log.lines):
        rows = wrapped(inked(text), max(2, columns - len(INDENT)))
        found += reversed([((INDENT, Tone.PLAIN), *row) for row in rows])
        if most is not None and len(found) >= most:
            break
    return found[::-1]
