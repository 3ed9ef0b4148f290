"""How text on the screen looks, by what it means; and lines made of it.

Pure. Which of it a terminal can show is known to ``palette``. Called by the views and by ``screen``.
"""

from __future__ import annotations

from enum import StrEnum

from runwisp.frozen import frozen


class Tone(StrEnum):
    """A meaning. None of them is told by its colour alone: a sign or a word stands beside it."""

    PLAIN = "plain"
    DIM = "dim"
    TITLE = "title"
    """Headings."""
    BAR = "bar"
    """The first line of the screen, and the frame of what asks."""
    SELECTED = "selected"
    """What Enter is for. Without colours it has to be seen still: reverse."""
    CHOSEN = "chosen"
    """What would be selected in the half of the screen that keys do not go to: bold."""
    OK = "ok"
    BAD = "bad"
    WARN = "warn"
    RUN = "run"
    STDERR = "stderr"
    SYSTEM = "system"
    KEY = "key"
    """A key that can be pressed."""
    FOUND = "found"
    """What a search has found: reverse where there are no colours."""


@frozen
class Ink:
    """What a task asked for with SGR. Colours are those of the 256 of xterm; None is the terminal's own."""

    fg: int | None = None
    bg: int | None = None
    is_bold: bool = False
    is_dim: bool = False
    is_italic: bool = False
    is_underlined: bool = False
    is_reversed: bool = False


Style = Tone | Ink
Span = tuple[str, Style]
"""Printable text: no control, no escape, nothing that changes the direction of writing."""

Line = tuple[Span, ...]
