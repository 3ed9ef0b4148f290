"""Completions and manual pages: drawn from the command line and the docs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from docs import completions, manpages
from runwisp.cli.main import COMMANDS
from tests.integration.running import ROOT

CONFIG = '[tasks.backup]\nrun = "pwd >did"\n[services.web]\nrun = "true"\n'
BASH = """
compopt() { :; }
. ./runwisp.bash
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_runwisp
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = "source ./runwisp.fish; complete -C (string join ' ' -- $argv)"
ZSH = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -D -u\nrunwisp exe\tba\t\nexit\n"
"""Typed on a terminal: the command and the task are only begun, the tabs do the rest."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the completions, a configuration, and `runwisp` in its ``bin``."""
    completions.write(tmp_path)
    (tmp_path / "runwisp.toml").write_text(CONFIG)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/runwisp"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m runwisp "$@"\n')
    program.chmod(0o755)
    return tmp_path


def told(folder: Path, *words: str, typed: str = "") -> list[str]:
    environ = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8"}
    done = subprocess.run(
        words, cwd=folder, env=environ, input=typed, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


def bash(folder: Path, *words: str) -> list[str]:
    return told(folder, "bash", "--norc", "-c", BASH, "bash", *words)


def fish(folder: Path, *words: str) -> list[str]:
    return told(folder, "fish", "--no-config", "-c", FISH, *words)


@pytest.mark.parametrize("shell", [bash, fish])
def test_commands_flags_values_and_tasks_are_offered(shell: Callable[..., list[str]], folder: Path) -> None:
    assert set(COMMANDS) <= set(shell(folder, "runwisp", ""))
    assert set(shell(folder, "runwisp", "st")) == {"status", "stop"}
    assert set(shell(folder, "runwisp", "exec", "")) >= {"backup", "web"}
    assert shell(folder, "runwisp", "run-task", "b") == ["backup"]
    assert shell(folder, "runwisp", "run-task", "--fol") == ["--follow"]
    assert set(shell(folder, "runwisp", "daemon", "--log-format", "")) == {"json", "text"}
    assert "runwisp.toml" in shell(folder, "runwisp", "--config", "runwisp.t")


def test_bash_offers_the_tasks_of_the_configuration_that_was_named_and_once(folder: Path) -> None:
    (folder / "an other.toml").write_text('[tasks.elsewhere]\nrun = "true"\n')
    for typed in ("an\\ other.toml", '"an other.toml"', "'an other.toml'", "~/an\\ other.toml"):
        assert bash(folder, "runwisp", "-c", typed, "exec", "") == ["elsewhere"]
    for named in (["-c", "an other.toml"], ["--config", "=", "an other.toml"]):
        assert bash(folder, "runwisp", *named, "exec", "") == ["elsewhere"]
        assert bash(folder, "runwisp", "exec", *named, "") == ["elsewhere"]
    assert bash(folder, "runwisp", "--port", "9500", "logs", "ba") == ["backup"]
    assert bash(folder, "runwisp", "logs", "backup", "") == [""], "a run, which cannot be guessed"
    assert bash(folder, "runwisp", "-c", "an") == ["an other.toml"]


@pytest.mark.parametrize("typed", [ZSH, ZSH.replace("runwisp exe", "runwisp -c other.toml exe")])
def test_zsh_completes_what_is_typed(folder: Path, typed: str) -> None:
    (folder / "other.toml").write_text('[tasks.baker]\nrun = "pwd >did"\n')
    assert told(folder, "zsh", "-f", "-n", "_runwisp") == []
    told(folder, "script", "-qec", "zsh -f -i", "/dev/null", typed=typed)
    assert (folder / "did").exists()


def test_every_flag_of_every_command_is_in_each(folder: Path) -> None:
    for command in completions.commands():
        for name in (name for word in command.flags for name in word.names if name.startswith("--")):
            assert name in (folder / "runwisp.bash").read_text()
            assert name in (folder / "_runwisp").read_text()
            assert name == "--help" or f"-l {name[2:]} " in (folder / "runwisp.fish").read_text()


@pytest.mark.parametrize("page", ["runwisp.1", "runwisp.toml.5"])
def test_a_manual_page_is_read_without_a_warning(page: str, tmp_path: Path) -> None:
    manpages.write(tmp_path)
    environ = {**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}
    done = subprocess.run(
        ["man", "--warnings", "-l", page],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_manual_has_every_command_and_flag(tmp_path: Path) -> None:
    manpages.write(tmp_path)
    text = (tmp_path / "runwisp.1").read_text().replace("\\-", "-").replace("\\fP", "").replace("\\fB", "")
    for command in COMMANDS:
        assert f"runwisp {command}" in text
    for word in completions.whole().flags:
        assert word.names[-1] in text
