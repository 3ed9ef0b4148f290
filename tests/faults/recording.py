"""Plugin: which tests break something on purpose, and what they saw, kept for the page that tells of it.

A test says which fault it shows by ``@pytest.mark.fault(where, fault)``, and what came of it through the
fixture ``seen``. ``--faults-to FILE`` keeps both as JSON for ``tests.faults.page``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import pytest

from tests.faults.catalogue import FAULTS

Seen = Callable[[str], None]


@dataclass
class Result:
    """One test function: all its cases."""

    test: str
    faults: list[tuple[str, str]]
    passed: int = 0
    failed: int = 0
    seen: list[str] = field(default_factory=list)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults-to", metavar="FILE", help="keep what tests of faults saw in this file")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(where, fault): breaks that on purpose; see tests/faults")
    path = config.getoption("--faults-to")
    if path and not hasattr(config, "workerinput"):  # workers tell it whoever distributes them
        config.pluginmanager.register(Book(Path(path)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for where, fault in _faults(item):
            if fault not in FAULTS.get(where, ()):
                raise pytest.UsageError(
                    f"{item.nodeid}: {where!r}, {fault!r} is not in tests/faults/catalogue.py"
                )


def pytest_runtest_setup(item: pytest.Item) -> None:
    if found := _faults(item):
        item.user_properties.append(("faults", found))


@pytest.fixture
def seen(record_property: Callable[[str, object], None]) -> Seen:
    """Says what came of a fault: figures and facts, not judgements."""
    return lambda words: record_property("seen", words)


def _faults(item: pytest.Item) -> list[tuple[str, str]]:
    return [(mark.args[0], mark.args[1]) for mark in item.iter_markers("fault")]


@dataclass
class Book:
    """What the tests of one session saw."""

    path: Path
    results: dict[str, Result] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        if "faults" not in properties or not (report.when == "call" or report.failed):
            return
        test = re.sub(r"\[.*", "", report.nodeid)
        faults = cast(list[tuple[str, str]], properties["faults"])
        result = self.results.setdefault(test, Result(test, faults))
        result.passed += report.passed
        result.failed += report.failed
        result.seen += [str(words) for name, words in report.user_properties if name == "seen"]

    def pytest_sessionfinish(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.as_json())

    def as_json(self) -> str:
        found = [asdict(self.results[test]) for test in sorted(self.results)]
        return json.dumps(found, indent=1) + "\n"
