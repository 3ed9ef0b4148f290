"""What is common to running a row: its results are kept, so that the page can be drawn from all of them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.contenders import CACHE
from tests.bench.figures import OURS, Result, from_json, to_json

RESULTS = CACHE / "results"


def row(file: str, measure: Callable[[], list[Result]]) -> None:
    """Measures, keeps what was found and shows it."""
    name = Path(file).stem
    load = os.getloadavg()[0]
    results = measure()
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept = {"at": time.time(), "load": load, "results": [to_json(result) for result in results]}
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1))
    for result in results:
        print(shown(result), flush=True)


def kept(name: str) -> tuple[float, float, list[Result]] | None:
    """When a row was measured last, the load of the machine before, and its results."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    return found["at"], found["load"], [from_json(each) for each in found["results"]]


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
