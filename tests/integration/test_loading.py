"""What a process loads is bounded: memory and start-up time are paid by every process, all the time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NETWORK = {"bottle", "waitress", "jwt", "blessed", "ssl", "http", "urllib", "asyncio", "email"}
HEAVY = {"logging", "multiprocessing", "concurrent", "subprocess", "threading", "unittest"}
THIRD_PARTY = {"tomli", "croniter", "dateutil", "pytz", "six"}

BOUNDS = {
    "runwisp.pump.main": NETWORK | HEAVY | THIRD_PARTY | {"sqlite3", "ctypes", "zoneinfo"},
    "runwisp.daemon.main": NETWORK | HEAVY | {"croniter", "dateutil"},
    "runwisp.cli.main": NETWORK | HEAVY | THIRD_PARTY | {"sqlite3", "zoneinfo", "socket"},
    "runwisp.cli.list": NETWORK | {"sqlite3", "dateutil", "logging"},
    "runwisp.cli.validate": NETWORK | {"sqlite3", "dateutil", "logging"},
    "runwisp.cli.next": NETWORK | {"sqlite3", "logging"},
}
"""What importing a module may not bring with it. croniter comes later, and only for unusual expressions."""


@pytest.mark.parametrize("module", BOUNDS)
def test_a_process_loads_only_what_it_needs(module: str) -> None:
    source = f"import sys; before = set(sys.modules); import {module}; print(*set(sys.modules) - before)"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", source], env=environ, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & BOUNDS[module]
