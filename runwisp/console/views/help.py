"""All keys.

Pure. Called by ``view``.
"""

from __future__ import annotations

from runwisp.console.cells import folded
from runwisp.console.keys import BINDINGS, Where, spelled
from runwisp.console.style import Tone
from runwisp.console.views.sheet import BLANK, Row, Sheet, heading, note

KEYS = 20
MOUSE = (
    "The mouse chooses, opens with a second click, and its wheel scrolls. Shift marks text in most terminals."
)


def rows(on: Sheet) -> list[Row]:
    found = [BLANK]
    for where in Where:
        bound = [binding for binding in BINDINGS if binding.where is where]
        if bound:
            found.append(heading(where))
        for binding in bound:
            found += _binding(" ".join(map(spelled, binding.keys)), binding.words, on)
        found += [BLANK] if bound else []
    found += [note(text) for text in folded(MOUSE, max(10, on.columns - 4))]
    return [*found, BLANK, note("Esc closes this.")]


def _binding(keys: str, words: str, on: Sheet) -> list[Row]:
    rows = folded(words, max(10, on.columns - KEYS - 4))
    return [
        Row(((f"  {'' if number else keys:<{KEYS}}", Tone.KEY), (text, Tone.PLAIN)))
        for number, text in enumerate(rows)
    ]
