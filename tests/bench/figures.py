"""What a row of the bench found: each contender's figure in each round, and what that is beside the limit.

Pure. All contenders of a row take turns in one run, so that a machine that is busy for a while is so for all
of them, and only figures of one round are ever divided by one another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

OURS = "RunWisp"


@dataclass(frozen=True, slots=True)
class Spread:
    least: float
    middle: float
    most: float


@dataclass(frozen=True, slots=True)
class Target:
    """``bound`` is for our figure divided by the limit's or, where ``is_ratio`` is false, for our figure."""

    bound: float
    is_most: bool
    is_ratio: bool = True

    def is_met(self, value: float) -> bool:
        return value <= self.bound if self.is_most else value >= self.bound


@dataclass(frozen=True, slots=True)
class Result:
    """``figures``: contender to a figure a round. ``limit`` is the contender that stands for the machine."""

    what: str
    unit: str
    limit: str
    target: Target | None
    figures: Mapping[str, list[float]]

    def spread(self, contender: str) -> Spread:
        return spread(self.figures[contender])

    def ratios(self, contender: str) -> Spread | None:
        """To the limit, round by round; None where the limit is nothing at all."""
        pairs = [*zip(self.figures[contender], self.figures[self.limit], strict=True)]
        is_something = all(limit > 0 for _, limit in pairs)
        return spread([ours / limit for ours, limit in pairs]) if is_something else None

    def judged(self) -> float | None:
        """What the target is about: the middle of our ratios or figures."""
        if self.target is None or not self.target.is_ratio:
            return self.spread(OURS).middle
        ratios = self.ratios(OURS)
        return ratios.middle if ratios else None


def spread(values: list[float]) -> Spread:
    return Spread(min(values), median(values), max(values))


def to_json(result: Result) -> dict[str, Any]:
    return asdict(result)


def from_json(found: Mapping[str, Any]) -> Result:
    target = Target(**found["target"]) if found["target"] else None
    return Result(found["what"], found["unit"], found["limit"], target, found["figures"])


def in_turns(
    contenders: Mapping[str, Callable[[], Mapping[str, float]]], rounds: int, only: Sequence[str] = ()
) -> dict[str, dict[str, list[float]]]:
    """Everyone's figures, by what was measured and by contender. Who begins changes from round to round.

    ``only``: some of the contenders; all of them when there is none.
    """
    found: dict[str, dict[str, list[float]]] = {}
    names = [name for name in contenders if not only or name in only]
    for turn in range(rounds):
        first = turn % len(names)
        for name in [*names[first:], *names[:first]]:
            for what, figure in contenders[name]().items():
                found.setdefault(what, {each: [] for each in names})[name].append(figure)
    return found
