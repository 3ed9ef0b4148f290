"""Numbers as pictures made of letters.

Pure. Called by the views, which say the same in words beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def sparkline(values: Sequence[float], columns: int, most: float, bars: str) -> str:
    """The last of the values that fit, a letter each, against ``most``."""
    shown = values[-columns:] if columns > 0 else ()
    return "".join(_bar(value, most, bars) for value in shown)


def _bar(value: float, most: float, bars: str) -> str:
    if most <= 0:
        return bars[0]
    return bars[min(len(bars) - 1, max(0, int(value / most * len(bars))))]


def thinned(values: Sequence[float], columns: int) -> list[float]:
    """As many values as there are columns, each the highest of those that it stands for."""
    if len(values) <= columns or columns <= 0:
        return list(values)
    edges = [at * len(values) // columns for at in range(columns + 1)]
    return [max(values[start:end]) for start, end in pairwise(edges)]


def plotted(values: Sequence[float], columns: int, rows: int, most: float, bars: str) -> list[str]:
    """Rows from the top down, the newest value at the right."""
    thin = thinned(values, columns)
    shown = [min(1.0, max(0.0, value / most)) * rows if most > 0 else 0.0 for value in thin]
    lines = []
    for row in reversed(range(rows)):
        letters = (_part(height - row, bars, is_ground=row == 0) for height in shown)
        lines.append("".join(letters).rjust(columns))
    return lines


def _part(height: float, bars: str, *, is_ground: bool) -> str:
    """Of one column in one row, ``height`` rows of it filled."""
    if height >= 1:
        return bars[-1]
    if height <= 0:
        return bars[0] if is_ground else " "
    return bars[min(len(bars) - 1, int(height * len(bars)))]
