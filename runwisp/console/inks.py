"""A line of a log as a terminal would show it: text and the colours that its task asked for, nothing else.

Pure. Of escape sequences only SGR has an effect. Source: ECMA-48, 8.3.117 (SGR); xterm's ctlseqs (38;5 and
38;2). Called by the views of a run and of the daemon's log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from runwisp.console.cells import safe, width
from runwisp.console.style import Ink, Line, Span, Style, Tone
from runwisp.escapes import Plain

SGR = re.compile(r"\x1b\[([0-9;:]*)m")
TAB = 8
PLAIN = Ink()
SWITCHES: dict[int, dict[str, bool]] = {
    1: {"is_bold": True},
    2: {"is_dim": True},
    3: {"is_italic": True},
    4: {"is_underlined": True},
    7: {"is_reversed": True},
    22: {"is_bold": False, "is_dim": False},
    23: {"is_italic": False},
    24: {"is_underlined": False},
    27: {"is_reversed": False},
}
EXTENDED = {38: "fg", 48: "bg"}


def inked(text: str, style: Style = Tone.PLAIN) -> Line:
    """``style`` is that of what has no colour of its own."""
    if text.isascii() and text.isprintable():
        return ((text, style),) if text else ()
    shown = _overwritten(Plain().feed(text.encode(errors="replace")).decode(errors="replace"))
    spans: list[Span] = []
    column = 0
    for piece, ink in _pieces(shown):
        flat, column = _untabbed(piece, column)
        if flat:
            spans.append((flat, style if ink == PLAIN else ink))
    return tuple(spans)


def _overwritten(text: str) -> str:
    """A progress bar writes over itself: what a terminal shows in the end."""
    if "\r" not in text:
        return text
    parts = text.split("\r")
    return next((part for part in reversed(parts) if part), "")


def _pieces(text: str) -> Iterator[tuple[str, Ink]]:
    ink, at = PLAIN, 0
    for found in SGR.finditer(text):
        if found.start() > at:
            yield text[at : found.start()], ink
        ink, at = dipped(ink, found[1]), found.end()
    yield text[at:], ink


def _untabbed(text: str, column: int) -> tuple[str, int]:
    """With blanks for tabs and escapes for what cannot be printed, and the column after it."""
    if text.isascii() and text.isprintable():
        return text, column + len(text)
    pieces = []
    for number, part in enumerate(text.replace("\b", "").split("\t")):
        if number:
            blanks = TAB - column % TAB
            pieces.append(" " * blanks)
            column += blanks
        pieces.append(safe(part))
        column += width(pieces[-1])
    return "".join(pieces), column


@lru_cache(maxsize=1024)  # most tasks have a handful of colours
def dipped(ink: Ink, codes: str) -> Ink:
    """The ink after an SGR sequence with these parameters."""
    numbers = [int(code) if code else 0 for code in re.split("[;:]", codes)] if len(codes) < 200 else []
    at = 0
    while at < len(numbers):
        code = numbers[at]
        at += 1
        if code in EXTENDED:
            colour, used = _extended(numbers[at:])
            at += used
            if colour is not None:
                ink = _coloured(ink, code == 38, colour)
        else:
            ink = _simple(ink, code)
    return ink


def _simple(ink: Ink, code: int) -> Ink:
    if code == 0:
        return PLAIN
    if code in SWITCHES:
        return replace(ink, **SWITCHES[code])
    tens, colour = divmod(code, 10)
    if tens in (3, 4) and colour < 8:
        return _coloured(ink, tens == 3, colour)
    if tens in (9, 10) and colour < 8:
        return _coloured(ink, tens == 9, colour + 8)
    if code in (39, 49):
        return _coloured(ink, code == 39, None)
    return ink


def _coloured(ink: Ink, is_text: bool, colour: int | None) -> Ink:
    return replace(ink, fg=colour) if is_text else replace(ink, bg=colour)


def _extended(numbers: list[int]) -> tuple[int | None, int]:
    """The colour after 38 or 48, and how many numbers it took."""
    match numbers:
        case [5, colour, *_]:
            return (colour if colour < 256 else None), 2
        case [2, red, green, blue, *_]:
            return _nearest(red, green, blue), 4
        case _:
            return None, len(numbers)


def _nearest(red: int, green: int, blue: int) -> int:
    """The one of the 256 that is most like it: of the cube, or a grey."""
    red, green, blue = (min(part, 255) for part in (red, green, blue))
    if max(red, green, blue) - min(red, green, blue) < 8:
        grey = (red + green + blue) // 3
        return 16 if grey < 8 else 231 if grey > 247 else 232 + (grey - 8) // 10
    return 16 + 36 * _step(red) + 6 * _step(green) + _step(blue)


def _step(part: int) -> int:
    return 0 if part < 48 else 1 if part < 115 else min(5, (part - 35) // 40)
