"""What the documents show is right: every page is valid, every configuration loads, every command runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from docutils.core import publish_doctree
from docutils.nodes import literal_block

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.rst"), *ROOT.glob("docs/*.rst")])
TOURS = [ROOT / "README.rst", ROOT / "docs/guide.rst"]
DEMO = ROOT / "packaging/demo"
RUNWISP = [sys.executable, "-m", "runwisp"]
PATIENCE = 60


def name(path: Path) -> str:
    return path.name


def blocks(path: Path) -> list[literal_block]:
    tree = publish_doctree(path.read_text(), settings_overrides={"report_level": 2, "halt_level": 2})
    return list(tree.findall(literal_block))


def configurations(path: Path) -> list[str]:
    return [block.astext() for block in blocks(path) if "toml" in block["classes"]]


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


@pytest.mark.parametrize("page", TOURS, ids=name)
def test_the_configurations_of_a_page_are_accepted(page: Path, tmp_path: Path) -> None:
    shown = configurations(page)
    assert shown
    for text in shown:
        (tmp_path / "runwisp.toml").write_text(text)
        done = runwisp(tmp_path, "validate")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", TOURS, ids=name)
def test_the_commands_of_a_page_work_as_told(page: Path, tmp_path: Path) -> None:
    (tmp_path / "runwisp.toml").write_text(configurations(page)[-1])
    told = commands(page)
    assert ["daemon"] in told
    for arguments in told:
        if arguments != ["daemon"]:
            done = runwisp(tmp_path, *arguments)
            assert (done.returncode, done.stderr) == (0, ""), arguments
    daemon = subprocess.Popen([*RUNWISP, "daemon"], cwd=tmp_path, env=environ(), stderr=subprocess.PIPE)
    try:
        wait_for_output_of(tmp_path / "data/logs/ticker", daemon)
        daemon.send_signal(signal.SIGTERM)
        _, complaints = daemon.communicate(timeout=PATIENCE)
        assert daemon.returncode == 0, complaints
    finally:
        daemon.kill()
        daemon.communicate()


def wait_for_output_of(folder: Path, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not any(log.stat().st_size for log in folder.glob("*.log")):
        assert daemon.poll() is None, "the daemon ended"
        assert time.monotonic() < deadline, f"nothing was printed into {folder}"
        time.sleep(0.05)


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
