"""``make soak``: an hour of it, or SOAK_MINUTES; prints what it saw and fails where something is wrong."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.integration.running import House
from tests.soak.soak import Size, Soak

COLUMNS = ("", "unit", "first", "middle", "last", "most", "climb of last third", "allowed", "")


def table(rows: Iterable[Sequence[str]]) -> str:
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def main() -> int:
    minutes = float(os.environ.get("SOAK_MINUTES", "60"))
    with tempfile.TemporaryDirectory(prefix="runwisp-soak-") as folder, House(Path(folder)) as house:
        soak = Soak(house, Size(minutes * 60))
        soak.run()
    print(table([COLUMNS, *(trend.row() for trend in soak.trends.values())]))
    print("; ".join(f"{name}: {count:,.0f}" for name, count in soak.counted.items()))
    print("\n".join(soak.found) or "Nothing lost, doubled, stuck or growing.")
    return 1 if soak.found else 0


if __name__ == "__main__":
    sys.exit(main())
