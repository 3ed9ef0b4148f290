"""What finds leaks of integration tests does find them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LEAKY = """
import os, subprocess, tempfile
from pathlib import Path

def test_leaks_a_child():
    test_leaks_a_child.kept = subprocess.Popen(["sleep", "60"])

def test_leaks_what_left_its_parent():
    command = ["sh", "-c", "setsid sleep 60 >/dev/null 2>&1 & echo $!"]
    started = subprocess.run(command, check=True, capture_output=True, text=True)
    files = Path("/proc", started.stdout.strip())
    while (files / "comm").read_text() != "sleep\\n" or not (files / "environ").read_bytes():
        pass  # in the midst of execve(2) nobody knows whose it is

def test_leaks_a_descriptor():
    os.pipe()

def test_leaks_a_file():
    os.close(tempfile.mkstemp()[0])

def test_leaks_the_working_directory():
    os.chdir("/")

def test_leaves_nothing():
    subprocess.run(["true"], check=True)
"""
LEAKS = ("a_child", "what_left_its_parent", "a_descriptor", "a_file", "the_working_directory")


def test_the_test_that_leaves_something_behind_fails_and_no_other(tmp_path: Path) -> None:
    conftest = Path(__file__).with_name("conftest.py").read_text()
    (tmp_path / "conftest.py").write_text(conftest.replace("PATIENCE = 5.0", "PATIENCE = 0.1"))
    (tmp_path / "test_leaky.py").write_text(LEAKY)
    options = ("-q", "-p", "no:cacheprovider", "-W", "default", f"--basetemp={tmp_path}/inner")
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    failed = {
        line.split("::")[1].split()[0] for line in done.stdout.splitlines() if line.startswith("ERROR ")
    }
    assert failed == {f"test_leaks_{what}" for what in LEAKS}, done.stdout
    assert "6 passed, 5 errors" in done.stdout
