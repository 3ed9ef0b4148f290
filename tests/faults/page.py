"""Writes docs/reliability.rst from what the tests of faults saw: ``python -m tests.faults.page RESULTS ...``.

Several files are several parts of the tests, or runs of the same: what each saw is told.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from runwisp.version import VERSION
from tests.faults.catalogue import FAULTS
from tests.faults.recording import Result

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reliability.rst"
HEAD = """\
===========
Reliability
===========

.. Written by ``make faults``; do not edit.

Everything here was broken on purpose, by tests with real processes, disks, sockets and signals. Each fault is
followed by the promises that hold under it, each with what was seen when its test ran last, and where that
test is.
"""
TITLES = {
    "daemon": "The daemon",
    "pump": "The log pump",
    "children": "What tasks do",
    "web": "The web process",
    "load": "Load",
}


def promise(test: str) -> str:
    """The name of a test as a sentence: it is named by the promise that it holds."""
    words = test.rpartition("::test_")[2].replace("_", " ")
    return words[:1].upper() + words[1:]


def outcome(result: Result) -> str:
    if result.failed:
        return f"**failed**, {result.failed} of {result.failed + result.passed}"
    if result.seen:
        return "; ".join(dict.fromkeys(result.seen))
    return "held" if result.passed == 1 else f"held in {result.passed} cases"


def told(result: Result) -> str:
    path = result.test.partition("::")[0]
    return f"- {promise(result.test)}: {outcome(result)}. (``{path}``)\n"


def section(where: str, results: Iterable[Result]) -> str:
    title = TITLES[where]
    parts = [f"\n{title}\n{'=' * len(title)}\n"]
    for fault in FAULTS[where]:
        shown = [told(result) for result in results if (where, fault) in result.faults]
        parts.append(f"\n**{fault}**\n\n" + "".join(shown or ["- *No test ran.*\n"]))
    return "".join(parts)


def measured_on() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel, day = platform.release().partition("-")[0], f"{datetime.now(UTC):%d %B %Y}"
    return (
        f"\nRunWisp {VERSION} on Python {platform.python_version()}, Linux {kernel}, {os.cpu_count()} cores "
        f"and {memory:.0f} GiB; {day}.\n"
    )


def page(results: Sequence[Result]) -> str:
    return HEAD + measured_on() + "".join(section(where, results) for where in FAULTS)


def from_json(text: str) -> list[Result]:
    found = [Result(**each) for each in json.loads(text)]
    for result in found:
        result.faults = [(where, fault) for where, fault in result.faults]
    return found


def merged(parts: Iterable[Sequence[Result]]) -> list[Result]:
    found: dict[str, Result] = {}
    for result in (result for part in parts for result in part):
        first = found.setdefault(result.test, replace(result, passed=0, failed=0, seen=[]))
        first.passed += result.passed
        first.failed += result.failed
        first.seen += result.seen
    return [found[test] for test in sorted(found)]


if __name__ == "__main__":
    results = merged(from_json(Path(name).read_text()) for name in sys.argv[1:])
    PAGE.write_text(page(results))
    sys.exit(any(result.failed for result in results))
