"""The page about the API: every command on it works as told, and every endpoint is on it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from docutils.core import publish_doctree
from docutils.nodes import literal_block, title

from runwisp.run import EndReason
from runwisp.version import VERSION
from runwisp.web.routing import Route
from runwisp.web.table import ROUTES
from tests.integration.running import House

PAGE = Path(__file__).parents[2] / "docs/api.rst"
PATIENCE = 120
TIME_IS_UP = 28
"""Source: EXIT CODES of curl(1)."""

MARK = "=== "


def blocks(kind: str) -> list[tuple[str, str]]:
    """The blocks of a language, each with the title of its section."""
    tree = publish_doctree(PAGE.read_text(), settings_overrides={"report_level": 2, "halt_level": 2})
    return [
        (title_of(block), block.astext()) for block in tree.findall(literal_block) if kind in block["classes"]
    ]


def title_of(block: literal_block) -> str:
    return next((found.astext() for found in block.parent.findall(title)), "")


def script(tour: list[tuple[str, str]], port: int) -> str:
    """All of the page as one, telling the exit code after every command of it."""
    lines = ["set -u"]
    for heading, block in tour:
        lines.append(f"echo '{MARK}{heading}'")
        for command in re.sub(r"\|\n +", "| ", block).splitlines():
            lines += [command, f'echo "\n{MARK}exit $?"']
    return "\n".join(lines).replace(":9477", f":{port}")


def test_every_command_of_the_page_works_as_told(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        port = house.start(blocks("toml")[0][1]).port
        done = subprocess.run(
            ["sh"],
            input=script(blocks("sh"), port),
            cwd=tmp_path,
            env=house.environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert all(f"curl: ({TIME_IS_UP})" in line for line in done.stderr.splitlines()), done.stderr
        codes = re.findall(rf"^{MARK}exit (\d+)$", done.stdout, re.MULTILINE)
        assert codes.count(str(TIME_IS_UP)) == 3
        assert set(codes) == {"0", str(TIME_IS_UP)}
        told = sections(done.stdout)
        assert '"authenticated":true' in told["Logging in"]
        assert '"next_cursor":' in told["Runs"]
        assert "event: done" in told["Output"]
        assert "hello from hello" in told["Output"]
        assert "event: line" in told["Live streams"]
        assert f'"version":"{VERSION}"' in told["The daemon"]
        assert "urn:runwisp:error:not_logged_in" in told["Errors"]
        # Of the two that the page makes it has one deleted.
        assert [run.end_reason for run in house.ended("hello")] == [EndReason.SUCCESS]
        assert house.ended("nap")[0].end_reason is EndReason.STOPPED


def sections(told: str) -> dict[str, str]:
    """What was printed under each heading of the page."""
    found: dict[str, str] = {}
    for part in re.split(rf"^{MARK}(?!exit )", told, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        found[heading] = found.get(heading, "") + text
    return found


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_endpoint_is_on_the_page_once(route: Route) -> None:
    row = rf"^``{route.method} {re.escape(route.path)}``  "
    assert len(re.findall(row, PAGE.read_text(), re.MULTILINE)) == 1


def test_the_page_tells_of_no_endpoint_that_is_not_there() -> None:
    told = set(re.findall(r"^``((?:GET|POST|DELETE) \S+)``  ", PAGE.read_text(), re.MULTILINE))
    assert told == {f"{route.method} {route.path}" for route in ROUTES}
