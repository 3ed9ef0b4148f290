"""Why a command cannot speak with the daemon, each reason with the words of the guide and what to do."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from runwisp import config, host
from runwisp.cli import exec as inline
from runwisp.cli.main import main
from runwisp.host import take_command_name
from runwisp.paths import DataDir
from tests.integration.forked import NOBODY, as_nobody, forked
from tests.integration.running import RUNWISP, House
from tests.integration.test_commands import TICKER, out, runwisp, words

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users, which root only can")


@pytest.fixture
def house(tmp_path: Path) -> Generator[House, None, None]:
    (tmp_path / "ours").mkdir()
    with House(tmp_path / "ours") as house:
        house.start(TICKER)
        yield house


@pytest.fixture
def other(tmp_path: Path) -> Generator[House, None, None]:
    (tmp_path / "other").mkdir()
    with House(tmp_path / "other") as house:
        house.start(TICKER)
        yield house


def said(*command: str) -> tuple[int, str]:
    """What a command line says in this very process, a fork, on both streams, and its exit code."""
    with open(os.memfd_create("said"), "w+") as sys.stdout:
        sys.stderr = sys.stdout
        code = main(command)
        sys.stdout.seek(0)
        return code, sys.stdout.read()


def port(house: House) -> str:
    return str(house.daemons[-1].port)


def password(house: House) -> str:
    return (house.data / "password").read_text().strip()


@pytest.mark.parametrize(
    "command", [("status",), ("runs",), ("logs", "a"), ("run-task", "a"), ("stop", "a"), ("restart", "a")]
)
def test_nobody_there(tmp_path: Path, command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = str(listener.getsockname()[1])
    done = House(tmp_path).run(*command, "--port", free)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"cannot reach daemon at http://127.0.0.1:{free} — is it running?\n")


@pytest.mark.parametrize("command", [("logs",), ("runs",), ("run-task",), ("stop",), ("restart",)])
@pytest.mark.parametrize("name", ["", "..", "a/b", "\x1b[31m"])
def test_what_cannot_be_a_name_is_wrong_usage(tmp_path: Path, command: tuple[str, ...], name: str) -> None:
    done = House(tmp_path).run(*command, name)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no task can be called" in done.stderr
    assert "\x1b" not in done.stderr


def test_another_daemon_is_told_apart_without_spending_a_login(house: House, other: House) -> None:
    for _ in range(7):
        done = house.run("status", "--port", port(other))
        assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"another RunWisp daemon is already running on port {port(other)} with a different password\n"
    )
    for way in (
        "- Stop the other daemon. `pkill runwisp` or kill the PID listed in the other dir's `daemon.pid`.",
        "- Use the matching password. `RUNWISP_PASSWORD=$(cat /other-data/password) runwisp tui`.",
        f"- Pick a different port. `runwisp --port {int(port(other)) + 1} --data ./local-data`.",
    ):
        assert f"\n{way}\n" in done.stderr
    # The second way out, which works as no login was spent.
    matching = house.run("status", "--port", port(other), RUNWISP_PASSWORD=password(other))
    assert (matching.returncode, matching.stderr) == (0, "")
    wrong = house.run("status", "--port", port(other), RUNWISP_PASSWORD="wrong")
    assert (wrong.returncode, wrong.stderr) == (1, done.stderr)


def test_a_data_directory_that_is_none_is_another_ones(house: House, tmp_path: Path) -> None:
    stranger = House(tmp_path / "nowhere")
    stranger.folder.mkdir()
    done = stranger.run("status", "--port", port(house))
    assert done.returncode == 1
    assert "with a different password\n" in done.stderr


def test_a_password_may_come_as_a_credential(house: House, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{password(house)}\n")
    stranger = House(tmp_path / "nowhere")
    stranger.folder.mkdir()
    done = stranger.run("status", "--port", port(house), CREDENTIALS_DIRECTORY=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_too_many_attempts(house: House) -> None:
    for _ in range(5):
        wrong = runwisp(house, "status", RUNWISP_PASSWORD="wrong")
        assert (wrong.returncode, wrong.stdout) == (1, "")
        assert wrong.stderr.startswith("Invalid password\nRUNWISP_PASSWORD is another one than the daemon's")
    for variables in ({"RUNWISP_PASSWORD": "wrong"}, {}):
        shut = runwisp(house, "status", **variables)
        assert (shut.returncode, shut.stdout) == (1, "")
        assert re.fullmatch(
            f"too many authentication attempts against the daemon on port {port(house)}\n"
            r"Try again in (4m[0-9]+s|5m), or restart the daemon\.\n",
            shut.stderr,
        )
    house.daemons[-1].stop()
    house.start()
    out(runwisp(house, "status"))


def test_logging_in_costs_no_attempt(house: House) -> None:
    for _ in range(7):
        out(runwisp(house, "status"))


def test_a_password_that_was_removed(house: House) -> None:
    (house.data / "password").unlink()
    done = runwisp(house, "status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("no password for the daemon at http://127.0.0.1:")
    assert f"{house.data}/password" in done.stderr


def test_a_password_that_was_changed_since_the_start(house: House) -> None:
    (house.data / "password").write_text("changed\n")
    done = runwisp(house, "status")
    assert done.returncode == 1
    assert done.stderr.startswith("Invalid password\nIt was changed since the daemon started")


def test_what_answers_is_not_runwisp(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        house = House(tmp_path)
        closed = str(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RD)
        done = house.run("status", "--port", closed)
    assert done.returncode == 1
    assert done.stderr.startswith(f"cannot reach daemon at http://127.0.0.1:{closed} — is it running?\n")


@ROOT_ONLY
def test_only_the_owner_of_the_data_directory_is_served(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "take_command_name", lambda: None)  # not for who was root in this very process
    with House(open_folder) as house:
        house.start(TICKER)
        assert inline.HELP and config.load(str(house.config))  # what only root may read is loaded by now
        known = " With RUNWISP_PASSWORD set it has nothing to look for there."
        for command, hint in ({"status": known, "stop": "", "exec": ""}).items():
            line = [command, *(["ticker"] if command == "exec" else []), f"-c{house.config}"]
            told = as_nobody(lambda line=line: said(*words(house, *line)[len(RUNWISP) :]))  # type: ignore[misc]
            assert told == [
                1,
                f"permission denied on the data directory {house.data}: {house.data} belongs to root:root "
                "(mode 0700), this command runs as nobody\n"
                f"Put `sudo` before it, or `sudo -u root`.{hint}\n",
            ]


@ROOT_ONLY
def test_below_a_folder_that_may_not_be_entered_that_one_is_named(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with House(closed) as house:
        house.start(TICKER)
        for command in ("status", "stop"):
            line = words(house, command)[len(RUNWISP) :]
            told = as_nobody(lambda line=line: said(*line))  # type: ignore[misc]
            assert isinstance(told, list)
            assert f"data: {closed} belongs to root:root (mode 0700), this command runs as nobody" in told[1]


@ROOT_ONLY
def test_who_knows_the_password_needs_no_look_into_the_data_directory(open_folder: Path) -> None:
    with House(open_folder) as house:
        house.start(TICKER)
        secret = password(house)

        def act() -> object:
            os.environ["RUNWISP_PASSWORD"] = secret
            return said(*words(house, "status")[len(RUNWISP) :])

        told = as_nobody(act)
        assert isinstance(told, list)
        assert told[0] == 0, told


@ROOT_ONLY
def test_root_becomes_the_owner_and_ends_a_daemon_that_did_so_too(open_folder: Path) -> None:
    data = open_folder / "data"
    data.mkdir(mode=0o700)
    os.chown(data, NOBODY.pw_uid, NOBODY.pw_gid)
    ready, into = os.pipe()
    pid = os.fork()
    if not pid:
        # What has given up root hides its descriptors from everybody but root: prctl(2), PR_SET_DUMPABLE.
        take_command_name()
        DataDir(str(data)).become_owner()
        DataDir(str(data)).lock()
        os.write(into, b"!")
        signal.pause()
    os.close(into)
    assert os.read(ready, 1) == b"!"
    os.close(ready)
    told = forked(lambda: said("stop", "--data", str(data)))
    os.kill(pid, signal.SIGKILL)
    assert told == [0, f"The daemon (pid {pid}) has stopped.\n"]
    assert os.waitpid(pid, 0)[1] == signal.SIGTERM
