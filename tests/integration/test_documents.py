"""What the documents show is right: every page is valid, every configuration loads, every command runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docutils.core import publish_doctree
from docutils.nodes import literal_block

from tests.integration.running import House
from tests.integration.waiting import wait_for

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.rst"), *ROOT.glob("docs/*.rst")])
TOURS = [ROOT / "README.rst", ROOT / "docs/guide.rst"]
TOURED = "[tasks.hello]"
"""What the configuration has that a tour is made with."""
DEMO = ROOT / "packaging/demo"
RUNWISP = [sys.executable, "-m", "runwisp"]
PATIENCE = 60


def name(path: Path) -> str:
    return path.name


def blocks(path: Path) -> list[literal_block]:
    tree = publish_doctree(path.read_text(), settings_overrides={"report_level": 2, "halt_level": 2})
    return list(tree.findall(literal_block))


def written(path: Path, language: str) -> list[str]:
    return [block.astext() for block in blocks(path) if language in block["classes"]]


def toured(path: Path) -> str:
    return next(text for text in written(path, "toml") if TOURED in text)


def commands(path: Path) -> list[list[str]]:
    """What a page tells to type, each as arguments of ``runwisp``."""
    lines = [
        line
        for block in blocks(path)
        if "toml" not in block["classes"]
        for line in block.astext().splitlines()
    ]
    return [line.removesuffix(" &").split()[1:] for line in lines if line.startswith("runwisp ")]


def environ() -> dict[str, str]:
    """Read when it is used: what a test starts carries the name of the test."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RUNWISP_")}
    return {**plain, "PYTHONPATH": str(ROOT)}


def runwisp(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*RUNWISP, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environ(), capture_output=True, text=True, check=False, timeout=PATIENCE
    )


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_is_valid(page: Path) -> None:
    assert publish_doctree(page.read_text(), settings_overrides={"report_level": 2, "halt_level": 2})


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"<([\w./-]+)>`_", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if written(page, "toml")], ids=name)
def test_the_configurations_of_a_page_are_accepted(page: Path, tmp_path: Path) -> None:
    for text in written(page, "toml"):
        (tmp_path / "runwisp.toml").write_text(text)
        done = runwisp(tmp_path, "validate")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", TOURS, ids=name)
def test_the_commands_of_a_page_work_as_told(page: Path, tmp_path: Path) -> None:
    (tmp_path / "runwisp.toml").write_text(toured(page))
    told = commands(page)
    start = told.index(["daemon"])
    for arguments in told[:start]:
        done = runwisp(tmp_path, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), arguments
    with House(tmp_path) as house:
        daemon = house.start()
        wait_for(lambda: any(log.stat().st_size for log in (house.data / "logs/ticker").glob("*.log")))
        for arguments in told[start + 1 :]:
            done = house.run(*arguments, RUNWISP_PORT=str(daemon.port))
            assert done.returncode == 0, (arguments, done.stderr)


def test_the_tour_over_http_works_as_told(tmp_path: Path) -> None:
    readme = ROOT / "README.rst"
    [script] = written(readme, "sh")
    with House(tmp_path) as house:
        port = house.start(toured(readme)).port
        told = subprocess.run(
            ["sh", "-eu", "-c", script.replace(":9477", f":{port}")],
            cwd=tmp_path,
            env=environ(),
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        ).stdout
        assert '"name":"ticker"' in told
        wait_for(lambda: house.ended("hello"))


def test_the_demo_has_nothing_wrong_with_it() -> None:
    done = runwisp(ROOT, "validate", "--strict", "--config", str(DEMO / "runwisp.toml"))
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_demo_runs_is_there_and_executable() -> None:
    programs = re.findall(r'^run = "\./(\S+?)[ "]', (DEMO / "runwisp.toml").read_text(), re.MULTILINE)
    assert len(programs) >= 8
    assert [program for program in programs if not os.access(DEMO / program, os.X_OK)] == []
    unused = {path.name for path in DEMO.iterdir() if path.is_file()} - {
        *programs,
        "runwisp.toml",
        "backup.env",
    }
    assert not unused
