"""Writes docs/performance.rst from what the rows found."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from runwisp.version import VERSION
from tests.bench import contenders
from tests.bench.contenders import PACKAGES, ROOT
from tests.bench.figures import OURS, Result, Spread
from tests.bench.rows import Kept, kept

PAGE = ROOT / "docs/performance.rst"
ROWS = (
    "idle",
    "bringup",
    "restart",
    "capture",
    "crowd",
    "short_runs",
    "followers",
    "asked",
    "million",
    "punctuality",
)

HEAD = """\
===========
Performance
===========

.. Written by ``make bench``; do not edit.

Every figure stands beside the same work done by a peer and by the machine's own limit: the least program that
does it and nothing else. The contenders of a table took turns in one run; a ratio is one contender's figure
of a round divided by the limit's figure of that round. So a busy machine shows as a wide spread, and ratios
say more than figures do. What is told by the time of a file comes with the kernel's tick, some milliseconds,
and may seem early.

"""

RERUN = """\
Run it yourself
===============

``make bench`` runs every row and writes this page. ``.venv/bin/python -m tests.bench.capture`` runs one row,
by the name of its module in ``tests/bench``; ``.venv/bin/python -m tests.bench.page`` writes the page anew.
The bench installs its peers below ``build/bench`` and touches nothing else of the machine; Debian's cron is
only unpacked, and runs, when the bench is root, in a mount namespace with crontabs of its own.
"""


def page(found: Sequence[Kept]) -> str:
    results = [result for each in found for result in each.results]
    parts = [HEAD, _heading("Targets"), _targets(results), _heading("The machine"), _machine(), RERUN, "\n"]
    for each in found:
        for result in each.results:
            parts += [_heading(result.what), _figures(result)]
        when = datetime.fromtimestamp(each.at, UTC)
        parts.append(
            f"Measured on {when:%Y-%m-%d at %H:%M} UTC in {each.rounds} rounds; load of the machine before: "
            f"{each.load:.1f}.\n\n"
        )
    return "".join(parts).rstrip() + "\n"


def table(rows: Iterable[Sequence[str]]) -> str:
    """A simple table of reST; the first row is the head."""
    head, *body = rows
    widths = [max(len(row[column]) for row in (head, *body)) for column in range(len(head))]
    line = "  ".join("=" * width for width in widths)
    spelled = [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *body)
    ]
    return "\n".join([line, spelled[0], line, *spelled[1:], line, "", ""])


def _heading(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n\n"


def _targets(results: Iterable[Result]) -> str:
    rows = [("what", "target", "measured", "verdict")]
    for result in results:
        judged = result.judged()
        if result.target and judged is not None:
            times = " x" if result.target.is_ratio else f" {result.unit.split(',')[0]}"
            sign = "<=" if result.target.is_most else ">="
            verdict = "met" if result.target.is_met(judged) else "missed"
            rows.append(
                (result.what, f"{sign} {result.target.bound:g}{times}", f"{number(judged)}{times}", verdict)
            )
    return table(rows)


def _figures(result: Result) -> str:
    rows = [(result.unit, "min", "median", "max", f"x {result.limit}: min", "median", "max")]
    for name in result.figures:
        ratios = result.ratios(name) if name != result.limit else None
        rows.append((name, *_three(result.spread(name)), *(_three(ratios) if ratios else ("--",) * 3)))
    return table(rows)


def _three(found: Spread) -> tuple[str, str, str]:
    return number(found.least), number(found.middle), number(found.most)


def number(value: float) -> str:
    """Three digits are more than the machine is steady to."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _machine() -> str:
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 1024 / 1024
    rows = [
        ("part", "version"),
        ("processor", f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores"),
        ("memory", f"{memory:.0f} GiB"),
        ("kernel", platform.release()),
        ("Python", f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}"),
        (OURS, VERSION),
        *((package, _version(package)) for package in PACKAGES),
        ("Debian cron", _cron_version()),
    ]
    return table(rows)


def _version(package: str) -> str:
    """Of a peer, as its own environment tells."""
    ask = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([contenders.peers() / "python", "-c", ask], capture_output=True, check=True)
    return done.stdout.decode().strip()


def _cron_version() -> str:
    packages = [*contenders.CACHE.glob("cron_*.deb")]
    return packages[0].name.split("_")[1] if packages else "not to be had"


def main() -> None:
    PAGE.write_text(page([found for name in ROWS if (found := kept(name))]))


if __name__ == "__main__":
    main()
