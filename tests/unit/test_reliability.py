"""Census: every fault is shown by a test, and what each of these tests saw stands in docs/reliability.rst."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import pytest
from docutils.core import publish_doctree

from tests.faults import page
from tests.faults.catalogue import FAULTS
from tests.faults.recording import Book, Result

ROOT = Path(__file__).parents[2]
EVERY = [(where, fault) for where, faults in FAULTS.items() for fault in faults]
RESULT = Result("tests/x.py::test_it_goes_on", [("web", "half-closed sockets")], passed=2)


@cache
def faults_by_test() -> dict[str, list[tuple[str, str]]]:
    """Each test, as a file and a function, and the faults it is marked with."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for function in ast.parse(path.read_text()).body:
            if isinstance(function, ast.FunctionDef) and (faults := list(marked(function))):
                found[f"{path.relative_to(ROOT)}::{function.name}"] = faults
    return found


@cache
def long_ones() -> set[str]:
    """Those that only ``make faults`` and ``make thorough`` run."""
    return {
        f"{path.relative_to(ROOT)}::{function.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for function in ast.parse(path.read_text()).body
        if isinstance(function, ast.FunctionDef)
        and {ast.unparse(each) for each in function.decorator_list}
        & {"pytest.mark.faults", "pytest.mark.slow"}
    }


def marked(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fault":
            where, fault = (ast.literal_eval(each) for each in decorator.args)
            yield where, fault


@pytest.mark.parametrize("fault", EVERY, ids=": ".join)
def test_every_fault_is_shown_by_a_test(fault: tuple[str, str]) -> None:
    assert [test for test, faults in faults_by_test().items() if fault in faults]


def test_every_test_of_a_fault_shows_one_of_the_catalogue() -> None:
    assert {fault for faults in faults_by_test().values() for fault in faults} <= set(EVERY)


def test_the_page_tells_of_every_fault_and_of_every_test_of_one() -> None:
    """``make faults`` writes it; from a run without the long forms they are missing."""
    text = page.PAGE.read_text()
    assert publish_doctree(text, settings_overrides={"report_level": 2, "halt_level": 2})
    assert [fault for _, fault in EVERY if f"\n**{fault}**\n" not in text] == []
    told = set(re.findall(r"^- (.+?): .*\(``(.+?)``\)$", text, re.MULTILINE))
    expected = {(page.promise(test), test.partition("::")[0]): test for test in faults_by_test()}
    assert {expected[each] for each in expected.keys() - told} <= long_ones()
    assert told <= expected.keys()


def test_the_page_is_valid_and_tells_what_held_what_was_seen_and_what_did_not_hold() -> None:
    failed = Result("tests/x.py::test_it_stays", [("web", "half-closed sockets")], failed=1, passed=2)
    looked = Result("tests/x.py::test_it_runs", [("load", "a soak")], passed=1, seen=["3 runs", "3 runs"])
    text = page.page([RESULT, failed, looked])
    assert publish_doctree(text, settings_overrides={"report_level": 2, "halt_level": 2})
    assert "**half-closed sockets**\n\n- It goes on: held in 2 cases. (``tests/x.py``)\n" in text
    assert "- It stays: **failed**, 1 of 3. (``tests/x.py``)\n" in text
    assert "**a soak**\n\n- It runs: 3 runs. (``tests/x.py``)\n" in text
    assert "**500 followers**\n\n- *No test ran.*\n" in text


def report(
    case: str, outcome: Literal["passed", "failed"], when: Literal["setup", "call"], *seen: str
) -> pytest.TestReport:
    properties = [("faults", [("web", "half-closed sockets")]), *(("seen", words) for words in seen)]
    return pytest.TestReport(
        f"tests/x.py::test_it[{case}]", ("", 0, ""), {}, outcome, None, when, user_properties=properties
    )


def test_what_was_seen_is_kept_over_all_cases_of_a_test_and_a_case_that_cannot_begin_has_failed() -> None:
    book = Book(Path("book.json"))
    for each in (
        report("a", "passed", "setup"),
        report("a", "passed", "call", "one"),
        report("b[0]", "passed", "call", "two"),
        report("c", "failed", "setup"),
        report("d", "failed", "call"),
    ):
        book.pytest_runtest_logreport(each)
    other = pytest.TestReport("tests/x.py::test_other", ("", 0, ""), {}, "passed", None, "call")
    book.pytest_runtest_logreport(other)
    expected = Result("tests/x.py::test_it", [("web", "half-closed sockets")], 2, 2, ["one", "two"])
    assert [*book.results.values()] == [expected]
    assert page.from_json(book.as_json()) == [expected]
    both = page.merged([[expected], [RESULT], [expected]])
    assert [(each.test, each.passed, each.failed) for each in both] == [
        (expected.test, 4, 4),
        (RESULT.test, 2, 0),
    ]
    assert both[0].seen == ["one", "two"] * 2
