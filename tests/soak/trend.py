"""Whether a figure of a long life is flat: how much a straight line along its floor climbs.

The floor, as what is under way at a moment comes and goes, and only a leak stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean


def climb(samples: Sequence[tuple[float, float]]) -> float:
    """How much the straight line that fits best rises from the first sample to the last.

    Source: simple linear regression.
    """
    if len(samples) < 2:
        return 0.0
    middle, level = fmean(at for at, _ in samples), fmean(value for _, value in samples)
    spread = sum((at - middle) ** 2 for at, _ in samples)
    slope = sum((at - middle) * (value - level) for at, value in samples) / spread
    return slope * (samples[-1][0] - samples[0][0])


WINDOWS = 10


def floor(samples: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The lowest sample of each of ten stretches of equal length."""
    length = -(-len(samples) // WINDOWS) or 1
    parts = [samples[start : start + length] for start in range(0, len(samples), length)]
    return [min(part, key=lambda sample: sample[1]) for part in parts]


@dataclass
class Trend:
    """One figure as it was sampled, and how much it may climb in the last third of its samples."""

    name: str
    unit: str
    allowed: float
    samples: list[tuple[float, float]] = field(default_factory=list)

    def add(self, at: float, value: float) -> None:
        self.samples.append((at, value))

    @property
    def last_third(self) -> list[tuple[float, float]]:
        return self.samples[len(self.samples) * 2 // 3 :]

    @property
    def climb(self) -> float:
        return climb(floor(self.last_third))

    @property
    def is_flat(self) -> bool:
        return self.climb <= self.allowed

    def row(self) -> tuple[str, ...]:
        values = [value for _, value in self.samples]
        figures = (values[0], values[len(values) // 2], values[-1], max(values))
        verdict = "flat" if self.is_flat else "CLIMBS"
        shown = (f"{value:,.1f}" for value in figures)
        return (self.name, self.unit, *shown, f"{self.climb:+.2f}", f"{self.allowed:g}", verdict)
