"""Census: docs/troubleshooting.rst has every symptom, and each names the tests that show it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/troubleshooting.rst").read_text()
SYMPTOMS = (
    "port 9477 on 127.0.0.1 is already in use by another process",
    "another RunWisp daemon is already running on port 9477 with a different password",
    "daemon failed to start: health check timed out",
    "refusing to write data/password: path is a symlink",
    "permission denied",
    "401 Invalid password",
    "401 Invalid or expired challenge",
    "too many authentication attempts against the daemon on port 9477",
    "I lost the password",
    "401 after a restart",
    "A scheduled task never fires",
    "runwisp exec",
    "A replica of a service restarts again and again",
    "exit code -2",
    "Log output stopped: disk space critically low",
    "log_max_size",
    "its log is blank",
    "Slack is silent",
    "notify.delivery_failed",
    "Connection lost",
    "cannot reach daemon at <url> — is it running?",
    "runwisp openapi",
)
"""As the first version of the page, written by a user, has them."""
HEADING = re.compile(r"^(.+)\n([=-])\2{4,}$", re.MULTILINE)
SHOWN_BY = re.compile(r"^\.\. shown by (\w+/test_\w+\.py)::(test_\w+)$", re.MULTILINE)


def sections() -> dict[str, str]:
    """The text below each heading of a symptom."""
    found = list(HEADING.finditer(PAGE))
    ends = [match.start() for match in found[1:]] + [len(PAGE)]
    return {
        match[1]: PAGE[match.end() : end] for match, end in zip(found, ends, strict=True) if match[2] == "-"
    }


@cache
def named_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_every_symptom_has_its_place(symptom: str) -> None:
    assert [heading for heading in sections() if symptom in heading.replace("``", "")]


@pytest.mark.parametrize("heading", sections())
def test_every_symptom_is_reproduced_by_tests_that_are_there(heading: str) -> None:
    named = SHOWN_BY.findall(sections()[heading])
    assert named
    assert [test for file, test in named if test not in named_in(file)] == []
