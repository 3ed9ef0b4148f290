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
PARSES_URLS = {"urllib"}
PUT_OFF = {"inspect", "ast", "difflib", "_hashlib"}

BOUNDS = {
    "runwisp.pump.main": NETWORK | HEAVY | THIRD_PARTY | PUT_OFF | {"sqlite3", "ctypes", "zoneinfo"},
    "runwisp.search.main": NETWORK | HEAVY | THIRD_PARTY | PUT_OFF | {"sqlite3", "ctypes", "zoneinfo"},
    "runwisp.daemon.main": NETWORK | HEAVY | PUT_OFF | {"croniter", "dateutil"},
    "runwisp.deliver.main": NETWORK - PARSES_URLS
    | THIRD_PARTY
    | PUT_OFF
    | {"sqlite3", "logging", "subprocess"},
    "runwisp.cli.notify_test": NETWORK - PARSES_URLS | {"sqlite3", "dateutil", "logging"},
    "runwisp.web.main": PUT_OFF
    | {
        "ssl",
        "cgi",
        "configparser",
        "pickle",
        "subprocess",
        "tempfile",
        "random",
        "cryptography",
        "zoneinfo",
    },
    "runwisp.cli.main": NETWORK | HEAVY | THIRD_PARTY | {"sqlite3", "zoneinfo", "socket"},
    "runwisp.cli.list": NETWORK | {"sqlite3", "dateutil", "logging"},
    "runwisp.cli.validate": NETWORK | {"sqlite3", "dateutil", "logging"},
    "runwisp.cli.next": NETWORK | {"sqlite3", "logging"},
    **dict.fromkeys(
        (f"runwisp.cli.{name}" for name in ("status", "run_task", "logs", "runs", "stop", "restart")),
        HEAVY | THIRD_PARTY | {"bottle", "waitress", "jwt", "blessed", "asyncio", "sqlite3", "zoneinfo"},
    ),
}
"""What importing a module may not bring with it. croniter comes later, and only for unusual expressions."""


@pytest.mark.parametrize("module", BOUNDS)
def test_a_process_loads_only_what_it_needs(module: str) -> None:
    before = "import sys, runwisp.unloaded; before = set(sys.modules)"
    real = "{name for name, each in sys.modules.items() if type(each) is type(sys)}"
    loaded = printed(f"{before}; import {module}; print(*{real} - before)")
    assert not {name.split(".")[0] for name in loaded} & BOUNDS[module]


def test_web_knows_the_rows_but_not_who_writes_them_nor_who_reads_the_configuration() -> None:
    """Only what is asked for is loaded then."""
    ours = "{name for name in sys.modules if name.startswith('runwisp.')}"
    loaded = printed(f"import sys, runwisp.web.main; print(*{ours})")
    assert not {"runwisp.history", "runwisp.configkeys", "runwisp.schedule"} & {*loaded}


@pytest.mark.parametrize("used", ["inspect.getsource", "email.utils.formatdate"])
def test_a_module_that_was_put_off_is_there_when_it_is_used(used: str) -> None:
    name = used.rpartition(".")[0]
    before = f"import runwisp.web.unloaded, bottle, sys; import {name}; put_off = {name}"
    kinds = f"print(type(put_off).__name__, {used}.__module__, type(sys.modules['{name}']).__name__)"
    assert printed(f"{before}; {kinds}") == ["StandIn", name, "module"]


def test_a_function_that_was_put_off_does_what_it_does() -> None:
    found = "get_close_matches('wrod', ['word', 'other'])"
    assert printed(f"import runwisp.unloaded; from difflib import get_close_matches; print(*{found})") == [
        "word"
    ]


def test_what_dataclasses_are_told_of_classes_nobody_else_is() -> None:
    before = "import runwisp.unloaded, runwisp.clock, inspect; print(runwisp.clock.Now.__match_args__)"
    assert printed(f"{before}; print(inspect.signature(lambda wall: wall))") == [
        "('wall',",
        "'mono')",
        "(wall)",
    ]


def printed(source: str) -> list[str]:
    """The words that a fresh interpreter prints."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", source], env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.split()
