"""``python -m tests.bench``: every row, then the page."""

from __future__ import annotations

from importlib import import_module

from tests.bench import page
from tests.bench.rows import row

for name in page.ROWS:
    module = import_module(f"tests.bench.{name}")
    row(name, module.measure)
page.main()
