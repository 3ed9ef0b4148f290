"""How a terminal shows what text means, by what it can: 256 colours, 8, or none.

Pure: ``capability`` and ``colour`` are the terminal's. Called by ``screen``.
"""

from __future__ import annotations

from collections.abc import Callable

from runwisp.console.style import Ink, Style, Tone

MANY_COLOURS = 256
FEW_COLOURS = 8
MOST_KEPT = 2000
BLACK, RED, GREEN, YELLOW, MAGENTA, CYAN = 0, 1, 2, 3, 5, 6
GREY, PALE, SLATE = 244, 252, 237
"""Of the 256: readable on a light as on a dark ground; and light text on a dark bar."""

Capability = Callable[[str], str]
"""The sequence of a capability by its name in terminfo; empty where the terminal has none."""

Colour = Callable[[int, bool], str]
"""The sequence of a colour by its number; whether it is the ground's."""

PLAIN: dict[Tone, tuple[str, ...]] = {
    Tone.PLAIN: (),
    Tone.DIM: ("dim",),
    Tone.TITLE: ("bold",),
    Tone.BAR: ("rev",),
    Tone.SELECTED: ("rev",),
    Tone.CHOSEN: ("bold",),
    Tone.OK: (),
    Tone.BAD: ("bold",),
    Tone.WARN: ("bold",),
    Tone.RUN: ("bold",),
    Tone.STDERR: (),
    Tone.SYSTEM: ("dim",),
    Tone.KEY: ("bold",),
    Tone.FOUND: ("rev",),
}
"""Attributes of each, which stay with NO_COLOR."""

FEW: dict[Tone, tuple[int | None, int | None]] = {
    Tone.OK: (GREEN, None),
    Tone.BAD: (RED, None),
    Tone.WARN: (YELLOW, None),
    Tone.RUN: (CYAN, None),
    Tone.STDERR: (RED, None),
    Tone.SYSTEM: (MAGENTA, None),
    Tone.KEY: (CYAN, None),
}
"""Colour of text and ground, where there are eight."""

MANY = FEW | {
    Tone.DIM: (GREY, None),
    Tone.SYSTEM: (GREY, None),
    Tone.BAR: (PALE, SLATE),
    Tone.FOUND: (BLACK, YELLOW),
}
"""As ``FEW``, where there are 256; a ground of its own takes the place of attributes."""


class Palette:
    """Sequences of a terminal with ``count`` colours."""

    def __init__(self, count: int, capability: Capability, colour: Colour) -> None:
        self._count = MANY_COLOURS if count >= MANY_COLOURS else FEW_COLOURS if count >= FEW_COLOURS else 0
        self._capability = capability
        self._colour = colour
        self._kept: dict[Style, str] = {}

    def __getitem__(self, style: Style) -> str:
        """What makes text look so, from plain; empty for plain text."""
        found = self._kept.get(style)
        if found is None:
            if len(self._kept) > MOST_KEPT:  # a task that prints a rainbow
                self._kept.clear()
            found = self._kept[style] = (
                self._of_ink(style) if isinstance(style, Ink) else self._of_tone(style)
            )
        return found

    def _of_tone(self, tone: Tone) -> str:
        table = {MANY_COLOURS: MANY, FEW_COLOURS: FEW}.get(self._count, {})
        fg, bg = table.get(tone, (None, None))
        is_grey = fg == GREY
        names = () if bg is not None or is_grey else PLAIN[tone]
        return "".join(map(self._capability, names)) + self._coloured(fg, bg)

    def _of_ink(self, ink: Ink) -> str:
        asked = {
            "bold": ink.is_bold,
            "dim": ink.is_dim,
            "sitm": ink.is_italic,
            "smul": ink.is_underlined,
            "rev": ink.is_reversed,
        }
        attributes = "".join(self._capability(name) for name, is_on in asked.items() if is_on)
        if not self._count:
            return attributes
        fg, bg = (number if number is None else self._near(number) for number in (ink.fg, ink.bg))
        return attributes + self._coloured(fg, bg)

    def _coloured(self, fg: int | None, bg: int | None) -> str:
        text = "" if fg is None else self._colour(fg, False)
        return text if bg is None else text + self._colour(bg, True)

    def _near(self, number: int) -> int:
        return number if self._count == MANY_COLOURS else eighth(number)


def eighth(number: int) -> int:
    """The one of the eight that is most like one of the 256. Source: xterm's 256colres.h."""
    if number < 2 * FEW_COLOURS:
        return number % FEW_COLOURS
    if number >= 232:
        return 7 if number >= 244 else BLACK
    red, rest = divmod(number - 16, 36)
    green, blue = divmod(rest, 6)
    return (red > 2) + 2 * (green > 2) + 4 * (blue > 2)
