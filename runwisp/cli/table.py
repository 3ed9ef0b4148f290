"""Rows as aligned columns, cut to the width of the terminal they go to.

Called by the commands that list something.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from unicodedata import combining, east_asian_width

LEAST = 22
"""Columns that a cell may always take: those of a local time with its offset."""


def show(rows: Sequence[Sequence[str]]) -> None:
    """Elsewhere than on a terminal lines stay whole. On one, no column but the last takes more than a third:
    one long name would leave no room for the rest of every row."""
    width = _terminal_width()
    if width:
        most = max(LEAST, width // 3)
        rows = [(*(fitted(cell, most) for cell in row[:-1]), row[-1]) for row in rows]
    lines = _aligned(rows)
    if width:
        lines = [fitted(line, width) for line in lines]
    print(*lines, sep="\n")


def fitted(line: str, width: int) -> str:
    """Cut to so many columns of a terminal, with an ellipsis where something is missing."""
    cut = columns = 0
    for letter in line:
        columns += 2 if east_asian_width(letter) in "WF" else not combining(letter)
        cut += columns < width
        if columns > width:
            return f"{line[:cut]}…"
    return line


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _terminal_width() -> int:
    """0 where the output is no terminal, or one that does not know its width."""
    return os.get_terminal_size(1).columns if os.isatty(1) else 0
