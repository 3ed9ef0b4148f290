"""The screen: lines of the view on their way to the terminal, and what is typed on its way back.

The home of blessed, which knows what each terminal understands. Must never write what has not changed, nor
wait for a terminal that takes nothing. Called by ``main``.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from blessed import Terminal

from runwisp.console.cells import cell
from runwisp.console.messages import Message
from runwisp.console.palette import FEW_COLOURS, Palette
from runwisp.console.style import Line
from runwisp.console.tty import Tty
from runwisp.console.typed import Typed

PADDING = re.compile(r"\$<[0-9.]+[*/]*>")
"""Waits that only a terminal of the seventies needs. Source: terminfo(5), Delays and Padding."""

FALLBACK = "xterm-256color"
"""What terminals that this machine has never heard of understand; nearly all of today's do."""

MOUSE_ON, MOUSE_OFF = "\x1b[?1000h\x1b[?1006h", "\x1b[?1006l\x1b[?1000l"
PASTE_ON, PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
"""Source: xterm's ctlseqs; terminfo does not have them. Others pass over modes that they do not know."""


class Screen:
    """What is on the terminal from ``enter`` to ``leave``. ``is_unicode`` and ``has_colour`` say what it can
    show."""

    def __init__(self, tty: Tty, environ: Mapping[str, str]) -> None:
        self._term = term = _terminal(environ)
        self._tty = tty
        self._typed = Typed()
        self._shown: Sequence[Line] = ()
        self._has_mouse = bool(_capability(term, "kmous"))
        self._is_mouse_on = False
        self.is_unicode = is_unicode(environ)
        self.has_colour = not environ.get("NO_COLOR") and term.number_of_colors >= FEW_COLOURS
        colours = term.number_of_colors if self.has_colour else 0
        self._styles = Palette(colours, partial(_capability, term), partial(_colour, term))
        self._normal = _capability(term, "sgr0")
        self._clear = self._normal + _capability(term, "clear")
        self._enter = "".join(_capability(term, name) for name in ("smcup", "civis", "rmam")) + PASTE_ON
        self._leave = self._way_back()

    def enter(self) -> None:
        self._tty.make_raw()
        self._tty.write(self._enter.encode())
        self._shown = ()

    def leave(self) -> None:
        self._is_mouse_on = False
        self._tty.restore(self._leave.encode())

    def redraw(self) -> None:
        """All of it at the next ``draw``: something else was written there, or it has another size."""
        self._shown = ()

    def draw(self, lines: Sequence[Line], *, has_mouse: bool) -> None:
        """Nothing while the terminal has not taken what it was given before: call it again once it has.

        ``has_mouse``: clicks come here; else the terminal's own marking and copying works.
        """
        if self._tty.is_writing:
            return
        pieces = list(self._switched(has_mouse))
        if not self._shown:
            pieces.append(self._clear)
        former = self._shown if len(self._shown) == len(lines) else (None,) * len(lines)
        for row, (line, before) in enumerate(zip(lines, former, strict=True)):
            if line is not before and line != before:
                pieces += [_place(self._term, row), *self._spelled(line)]
        self._shown = lines
        if pieces:
            self._tty.write("".join(pieces).encode(errors="replace"))

    def typed(self) -> list[Message] | None:
        """What was typed since; None once the terminal is gone."""
        data = self._tty.read()
        return None if data is None else self._typed.feed(data)

    @property
    def is_waiting(self) -> bool:
        """Whether an escape was typed that may be a key of its own or the begin of another."""
        return self._typed.is_waiting

    def settled(self) -> list[Message]:
        """Nothing more came of that escape."""
        return self._typed.settle()

    def _way_back(self) -> str:
        term = self._term
        mouse = MOUSE_OFF if self._has_mouse else ""
        modes = "".join(_capability(term, name) for name in ("smam", "cnorm", "sgr0"))
        # Where there is no second screen to leave, what we have drawn goes.
        return mouse + PASTE_OFF + modes + (_capability(term, "rmcup") or _capability(term, "clear"))

    def _switched(self, has_mouse: bool) -> Iterator[str]:
        if self._has_mouse and has_mouse != self._is_mouse_on:
            self._is_mouse_on = has_mouse
            yield MOUSE_ON if has_mouse else MOUSE_OFF

    def _spelled(self, line: Line) -> Iterator[str]:
        is_plain = True
        for text, style in line:
            sequence = self._styles[style]
            if not is_plain:
                yield self._normal
            yield sequence
            yield text if self.is_unicode else ascii_only(text)
            is_plain = not sequence
        if not is_plain:
            yield self._normal


def is_unicode(environ: Mapping[str, str]) -> bool:
    """Whether the terminal shows more than ASCII, by the locale of who sits at it.

    Python makes LC_CTYPE C.UTF-8 where the locale is C (PEP 538), which says nothing of the terminal.
    """
    names = [environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    if names[1] == "C.UTF-8":
        names[1] = ""
    locale = next((name for name in names if name), "")
    return locale.lower().replace("-", "").endswith("utf8")


def ascii_only(text: str) -> str:
    """With a question mark for every cell of what cannot be shown."""
    if text.isascii():
        return text
    return "".join(letter if letter.isascii() else "?" * cell(letter) for letter in text)


def _terminal(environ: Mapping[str, str]) -> Terminal:
    """On no stream, so that it asks the terminal nothing, and what it answers is not taken for keys."""
    kind = environ.get("TERM", FALLBACK)
    with open(os.devnull, "w") as nowhere, warnings.catch_warnings(), _without("NO_COLOR"):
        warnings.simplefilter("ignore")
        term = Terminal(kind, nowhere, force_styling=True)
        return term if term.does_styling else Terminal(FALLBACK, nowhere, force_styling=True)


@contextmanager
def _without(variable: str) -> Iterator[None]:
    """For blessed, which would do without all styles for it, and not only without colours."""
    value = os.environ.pop(variable, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[variable] = value


def _capability(term: Terminal, name: str) -> str:
    """Empty where the terminal does not have it."""
    return PADDING.sub("", str(getattr(term, name)))


def _colour(term: Terminal, number: int, is_ground: bool) -> str:
    paint: Any = term.on_color if is_ground else term.color  # differently typed where there are no colours
    return PADDING.sub("", str(paint(number)))


def _place(term: Terminal, row: int) -> str:
    return PADDING.sub("", str(term.move_yx(row, 0)))
