"""The API against its own description: thousands of requests made from the OpenAPI document, right and wrong.

All checks of schemathesis: no 5xx, every answer as described, what is wrong refused and what is right taken,
no route open without a login. Streams are left out, as they never end, and so is the logout, which would end
the session that asks; both are tried elsewhere.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.asking import entered
from tests.integration.running import House

CONFIGURATION = """
[tasks.quick]
run = "echo out; echo err >&2"
[tasks.failing]
run = "exit 3"
run_on_start = true
[tasks.busy]
run = "sleep 1000"
on_overlap = "skip"
run_on_start = true
[tasks.closed]
run = "true"
api_trigger = false
[services.proxy]
run = "sleep 1000"
instances = 2
"""

REFUSED = [400, 401, 403, 404, 405, 406, 409, 414, 415, 422, 428, 429]
RULES = f"""
[checks.negative_data_rejection]
expected-statuses = {REFUSED}
[[operations]]
include-path = "/api/tasks/{{name}}/log/search"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 404, 429]
"""
"""A URL that is too long is refused too. No schema can say that a text is a regular expression if another
parameter makes it one."""


def check(tmp_path: Path, examples: int) -> None:
    (tmp_path / "schemathesis.toml").write_text(RULES)
    with House(tmp_path) as house:
        daemon = house.start(CONFIGURATION)
        house.ended("failing")
        door = entered(house, daemon)
        checked = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run"),
                f"http://127.0.0.1:{daemon.port}/openapi.json",
                *("--header", f"Authorization: Bearer {door.token}"),
                *("--exclude-path-regex", "/(stream|log-stream|logout)$"),
                *("--checks", "all", "--max-examples", str(examples), "--seed", "1", "--continue-on-failure"),
                *("--suppress-health-check", "all", "--no-color", "--warnings", "off"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60 * examples,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert door.get("/health").status == 200


@pytest.mark.fault("web", "requests made from the OpenAPI document")
def test_requests_made_from_the_description_are_answered_as_described(tmp_path: Path) -> None:
    check(tmp_path, 3)


@pytest.mark.slow
def test_many_requests_made_from_the_description_are_answered_as_described(tmp_path: Path) -> None:
    check(tmp_path, 200)
