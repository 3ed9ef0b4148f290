"""The edges of the command line: flags, exit codes, and what a person sees when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from runwisp import systemservice
from runwisp.cli import main as command_line
from runwisp.cli.main import COMMANDS, main
from runwisp.configproblem import Problem
from runwisp.errors import ConfigError, Refused, RunWispError, UsageError
from runwisp.version import VERSION

ROOT = Path(__file__).parents[2]


def environ() -> dict[str, str]:
    """Read when it is used: what a test starts carries the name of the test."""
    hidden = ("RUNWISP_", "PYTHONUNBUFFERED")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return {**plain, "PYTHONPATH": str(ROOT)}


def runwisp(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runwisp", *arguments]
    return subprocess.run(
        command, env={**environ(), **variables}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Namespace]:
    """The flags that the command ``probe`` was run with."""
    return with_probe(monkeypatch, lambda _flags: 0)


def with_probe(monkeypatch: pytest.MonkeyPatch, act: Callable[[Namespace], int]) -> list[Namespace]:
    flags_seen: list[Namespace] = []

    def configure(parser: ArgumentParser) -> None:
        parser.add_argument("--own", default="nothing")

    def run(flags: Namespace) -> int:
        flags_seen.append(flags)
        return act(flags)

    probe = ModuleType("probe")
    probe.__dict__.update(HELP="Probe.", configure=configure, run=run)
    monkeypatch.setitem(sys.modules, "runwisp.cli.probe", probe)
    monkeypatch.setitem(COMMANDS, "probe", "what tests run")
    for name in os.environ:
        if name.startswith("RUNWISP_"):
            monkeypatch.delenv(name)
    return flags_seen


# Flags


def test_a_global_flag_may_stand_before_or_after_the_command(seen: list[Namespace]) -> None:
    flags = ("-c", "x.toml", "--data", "d", "--log-level", "debug", "--log-format", "json")
    assert main([*flags, "probe", "--own", "o"]) == 0
    assert main(["probe", "--own", "o", *flags]) == 0
    assert main([*flags[:4], "probe", *flags[4:], "--own", "o"]) == 0
    assert seen[0] == seen[1] == seen[2]
    assert vars(seen[0]) == {
        "command": "probe",
        "config": "x.toml",
        "data": "d",
        "host": "127.0.0.1",
        "port": 9477,
        "log_level": "debug",
        "log_format": "json",
        "own": "o",
    }


def test_a_flag_wins_over_its_variable_which_wins_over_the_default(
    seen: list[Namespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["probe"])
    monkeypatch.setenv("RUNWISP_CONFIG", "variable.toml")
    monkeypatch.setenv("RUNWISP_DATA", "variable")
    monkeypatch.setenv("RUNWISP_LOG_LEVEL", "warn")
    monkeypatch.setenv("RUNWISP_LOG_FORMAT", "")
    main(["probe"])
    main(["probe", "--config", "flag.toml", "--log-level", "error"])
    assert [(flags.config, flags.data, flags.log_level, flags.log_format) for flags in seen[1:]] == [
        ("variable.toml", "variable", "warn", "text"),
        ("flag.toml", "variable", "error", "text"),
    ]


@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("is_installed", [True, False])
def test_root_without_flags_uses_the_configuration_of_the_system_if_there_is_one(
    seen: list[Namespace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uid: int, is_installed: bool
) -> None:
    system = tmp_path / "runwisp.toml"
    monkeypatch.setattr(command_line, "SYSTEM_CONFIG", str(system))
    monkeypatch.setattr(systemservice, "CONFIG", str(system))
    monkeypatch.setattr(systemservice, "VARIABLES", str(tmp_path / "none"))
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    if is_installed:
        system.touch()
    for words in ([], ["--data", "mine"], ["-c", "mine.toml"]):
        forget(monkeypatch, "RUNWISP_CONFIG", "RUNWISP_DATA")
        main(["probe", *words])
    first = (str(system), "/var/lib/runwisp") if uid == 0 and is_installed else ("runwisp.toml", "data")
    assert [(flags.config, flags.data) for flags in seen] == [
        first,
        ("runwisp.toml", "mine"),
        ("mine.toml", "data"),
    ]


def forget(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Empty variables are none at all; what is made of them is undone after the test."""
    for name in names:
        monkeypatch.setenv(name, "")


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A service of the system, and us as root; the file of its variables."""
    monkeypatch.setattr(command_line, "SYSTEM_CONFIG", str(tmp_path))
    monkeypatch.setattr(systemservice, "VARIABLES", str(tmp_path / "variables"))
    monkeypatch.setattr(systemservice, "CREDENTIAL_FOLDER", str(tmp_path / "credentials"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    forget(monkeypatch, "RUNWISP_CONFIG", "RUNWISP_DATA", "RUNWISP_PORT", "RUNWISP_HOST")
    forget(monkeypatch, "RUNWISP_PASSWORD", "CREDENTIALS_DIRECTORY")
    return tmp_path / "variables"


def test_root_without_flags_goes_where_the_variables_of_the_service_put_it(
    seen: list[Namespace], monkeypatch: pytest.MonkeyPatch, system: Path
) -> None:
    system.write_text(
        "# moved\nRUNWISP_PORT=9500\nRUNWISP_DATA='/srv/runwisp'\nRUNWISP_HOST=::1\nRUNWISP_PASSWORD=a #b\n"
    )
    (system.parent / "credentials").mkdir()
    monkeypatch.setenv("RUNWISP_HOST", "said.example")
    main(["probe"])
    [flags] = seen
    assert (flags.config, flags.data) == ("/etc/runwisp/runwisp.toml", "/srv/runwisp")
    assert (flags.port, flags.host) == (9500, "said.example")
    assert os.environ["RUNWISP_PASSWORD"] == "a #b"
    assert os.environ["CREDENTIALS_DIRECTORY"] == str(system.parent / "credentials")


@pytest.mark.parametrize(
    ("content", "why"), [(b"secret=\xff\n", ": it is not UTF-8"), (None, ": is a directory")]
)
def test_variables_of_the_service_that_cannot_be_used_are_told_without_what_is_in_them(
    seen: list[Namespace], capsys: pytest.CaptureFixture[str], system: Path, content: bytes | None, why: str
) -> None:
    if content is None:
        system.mkdir()
    else:
        system.write_bytes(content)
    assert main(["probe"]) == 1
    assert capsys.readouterr().err == (
        f"cannot use the variables of the service: {system}{why}\n"
        "Mend that file, or say with --config and --data which daemon is meant.\n"
    )
    assert not seen


# Exit codes and messages


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (Refused("it is up", "Use run-task."), 1, "it is up\nUse run-task.\n"),
        (UsageError("what?"), 2, "what?\n"),
        (
            ConfigError("r.toml", [Problem(3, 1, "tasks.a.runn", "unknown key"), Problem(9, 2, "", "oh")]),
            1,
            "r.toml:3:1: tasks.a.runn: unknown key\nr.toml:9:2: oh\n",
        ),
    ],
)
def test_an_error_is_text_on_stderr_and_an_exit_code_without_a_traceback(
    error: RunWispError,
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_flags: Namespace) -> int:
        raise error

    with_probe(monkeypatch, fail)
    assert main(["probe"]) == code
    assert capsys.readouterr() == ("", told)


@pytest.mark.parametrize("error", [KeyError("x"), BrokenPipeError("of some socket")])
def test_what_nobody_foresaw_is_called_a_bug_with_a_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_flags: Namespace) -> int:
        raise error

    with_probe(monkeypatch, fail)
    assert main(["probe"]) == 1
    told = capfd.readouterr().err
    assert told.startswith("Traceback")
    assert f"runwisp {VERSION} failed in a way it should not: this is a bug" in told.splitlines()[-2]


def test_an_interrupt_is_130_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_flags: Namespace) -> int:
        raise KeyboardInterrupt

    with_probe(monkeypatch, interrupt)
    assert main(["probe"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["--no-such-flag", "list"],
        ["list", "--no-such-flag"],
        ["--conf", "x", "list"],
        ["--log-level", "loud", "list"],
        ["--data", "", "list"],
    ],
)
def test_wrong_usage_is_2_and_says_what_is_wrong(arguments: list[str]) -> None:
    done = runwisp(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_a_variable_that_cannot_be_is_named() -> None:
    done = runwisp("list", RUNWISP_LOG_LEVEL="loud")
    assert (done.returncode, done.stderr) == (
        2,
        "RUNWISP_LOG_LEVEL is 'loud'; it can be debug, info, warn, error\n",
    )


# Help


def test_the_version_is_told() -> None:
    assert runwisp("--version").stdout == f"runwisp {VERSION}\n"


def test_the_help_lists_every_command() -> None:
    listed = runwisp("--help").stdout
    assert all(f"\n    {command} " in listed for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_names_the_global_flags(command: str) -> None:
    done = runwisp(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: runwisp {command} " in done.stdout
    assert "--config" in done.stdout


def test_a_command_is_imported_only_when_it_is_asked_for() -> None:
    source = "import sys; from runwisp.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-c", source, "--version"]
    loaded = subprocess.run(command, env=environ(), capture_output=True, text=True, check=True).stdout.split()
    assert "runwisp.cli.main" in loaded
    assert not {f"runwisp.cli.{name}" for name in COMMANDS} & set(loaded)
    assert not {"croniter", "tomli", "sqlite3", "logging", "socket"} & set(loaded)


# Where output goes


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "runwisp", "--help"]
    done = subprocess.run(command, env=environ(), stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_name_from_the_command_line_cannot_steer_the_terminal() -> None:
    done = runwisp("list", "-c", "/nowhere/\x1b[31mred\n\udcff")
    assert done.stderr == (
        "cannot read the configuration /nowhere/\\x1b[31mred\n\\udcff: no such file or directory\n"
        "Write one, or name another with --config.\n"
    )


def test_output_that_cannot_be_written_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "runwisp", "--help"]
        done = subprocess.run(command, env=environ(), stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"cannot write the output: No space left on device\n")


def test_more_output_than_is_kept_back_and_no_room_for_it_is_the_same_error() -> None:
    command = [sys.executable, "-m", "runwisp", "openapi"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, env=environ(), stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"cannot write the output: No space left on device\n")


def test_what_the_owner_of_a_data_directory_may_not_read_of_us_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(_: str) -> None:
        raise ModuleNotFoundError("No module named 'ctypes'")

    monkeypatch.setattr("runwisp.cli.main.import_module", missing)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert main(["list"]) == 1
    assert capsys.readouterr().err == (
        f"user id {os.geteuid()}, whose data directory this is, may not read {os.__file__}\n"
        "Install Python and RunWisp where that user can read them.\n"
    )


def test_closed_standard_streams_are_not_taken_by_the_next_file() -> None:
    source = (
        "import os; from runwisp.cli.main import main; main(['--version']); "
        "fd = os.open('/', os.O_RDONLY); os._exit(0 if fd > 2 else 9)"
    )
    script = f'exec "$0" -c "{source}" <&- >&- 2>&-'
    done = subprocess.run(["/bin/sh", "-c", script, sys.executable], env=environ(), check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_works_with_closed_standard_streams_and_says_nothing_into_the_others(closed: str) -> None:
    script = f'"$0" -m runwisp {{}} {closed}'
    for arguments, code in (("--help", 0), ("--nonsense", 2), ("list -c /nowhere/at-all", 1)):
        done = subprocess.run(
            ["/bin/sh", "-c", script.format(arguments), sys.executable],
            env=environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert not (done.stdout if code else done.stderr)
