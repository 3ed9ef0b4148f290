"""What is common to running a row: its results are kept, so that the page can be drawn from all of them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.contenders import CACHE
from tests.bench.figures import OURS, Result, from_json, to_json

RESULTS = CACHE / "results"


def row(module: str, measure: Callable[[], list[Result]]) -> None:
    """Measures, keeps what was found and shows it. ``module``: its name or its file."""
    name = Path(module).stem
    load = os.getloadavg()[0]
    results = measure()
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = {"at": time.time(), "load": load, "results": [to_json(result) for result in results]}
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1))
    for result in results:
        print(shown(result), flush=True)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a row found last. ``load``: of the machine, before it began."""

    at: float
    load: float
    results: list[Result]

    @property
    def rounds(self) -> int:
        return min(len(figures) for result in self.results for figures in result.figures.values())


def kept(name: str) -> Kept | None:
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    return Kept(found["at"], found["load"], [from_json(each) for each in found["results"]])


def shown(result: Result) -> str:
    lines = [f"{result.what} ({result.unit})"]
    for name in result.figures:
        figure, ratios = result.spread(name), result.ratios(name)
        line = f"  {name:26} {figure.least:10.4g} {figure.middle:10.4g} {figure.most:10.4g}"
        if ratios and name != result.limit:
            line += f"   x {ratios.least:.3g} {ratios.middle:.3g} {ratios.most:.3g}"
        lines.append(line)
    judged = result.judged()
    if result.target and judged is not None:
        lines.append(f"  {OURS}: {'met' if result.target.is_met(judged) else 'MISSED'} ({result.target})")
    return "\n".join(lines)
