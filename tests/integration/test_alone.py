"""`runwisp` without a command and without a terminal: the daemon is up afterwards, or it is said why not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from runwisp import client
from tests.integration.asking import password_of
from tests.integration.running import House, is_alive
from tests.integration.waiting import wait_for

TASK = '[tasks.hello]\nrun = "echo hello"\n'


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as sock:
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Whatever was started in it in the background is stopped in the end."""
    with House(tmp_path) as house:
        yield house
        if (house.data / "daemon.pid").exists():
            house.run("stop")


def alone(house: House, port: int, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return house.run("--port", str(port), *words, **variables)


def pid_of(house: House) -> int:
    return int((house.data / "daemon.pid").read_text())


def test_the_daemon_is_up_afterwards_and_it_is_told_where(house: House) -> None:
    house.write(TASK)
    port = free_port()
    done = alone(house, port)
    assert done.returncode == 0, done.stderr
    assert client.health("127.0.0.1", port)
    assert f"http://127.0.0.1:{port}" in done.stdout
    assert f"The password is {password_of(house)} (kept in {house.data}/password)" in done.stdout
    assert not done.stderr


def test_a_password_that_was_there_before_is_not_shown(house: House) -> None:
    house.write(TASK)
    house.data.mkdir(mode=0o700)
    (house.data / "password").write_text("hunter2hunter2\n")
    done = alone(house, free_port())
    assert done.returncode == 0, done.stderr
    assert "hunter2" not in done.stdout
    assert f"The password is in {house.data}/password" in done.stdout


def test_the_daemon_has_a_session_of_its_own_and_a_log_for_its_owner_alone(house: House) -> None:
    house.write(TASK)
    alone(house, free_port())
    pid = pid_of(house)
    assert os.getsid(pid) == pid
    log = house.data / "daemon.log"
    assert log.stat().st_mode & 0o777 == 0o600
    assert "runs 1 task" in log.read_text()
    assert password_of(house) not in log.read_text()
    assert b"password" not in b" ".join(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))
    targets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)]
    assert targets == ["/dev/null", "/dev/null", str(log)]


def test_a_daemon_that_is_up_is_left_as_it_is(house: House) -> None:
    house.write(TASK)
    port = free_port()
    alone(house, port)
    pid = pid_of(house)
    done = alone(house, port)
    assert done.returncode == 0, done.stderr
    assert "is running already" in done.stdout
    assert pid_of(house) == pid


def test_of_a_daemon_that_somebody_else_started_nothing_is_told_that_may_be_false(house: House) -> None:
    daemon = house.start(TASK, env={"RUNWISP_PASSWORD": "hunter2hunter2"})
    (house.data / "password").write_text("of before\n")
    done = alone(house, daemon.port)
    assert done.returncode == 0, done.stderr
    assert "log" not in done.stdout
    assert f"in {house.data}/password, unless it was started with another one" in done.stdout


def test_a_password_of_the_environment_is_told_to_be_there(house: House) -> None:
    house.write(TASK)
    house.data.mkdir(mode=0o700)
    (house.data / "password").write_text("of before\n")
    done = alone(house, free_port(), RUNWISP_PASSWORD="hunter2hunter2")
    assert done.returncode == 0, done.stderr
    assert "The password is the one in RUNWISP_PASSWORD.\n" in done.stdout
    assert "hunter2" not in done.stdout


def test_the_log_of_the_daemon_is_never_written_through_a_symlink(house: House) -> None:
    house.write(TASK)
    house.data.mkdir(mode=0o700)
    target = house.folder / "precious"
    (house.data / "daemon.log").symlink_to(target)
    done = alone(house, free_port())
    assert done.returncode == 1
    assert f"refusing to write {house.data}/daemon.log: path is a symlink" in done.stderr
    assert not target.exists()


def test_a_daemon_that_ends_at_once_is_told_at_once_with_its_last_words(house: House) -> None:
    house.write("[tasks.hello]\nrun = 7\n")
    done = alone(house, free_port())
    assert done.returncode == 1
    assert "daemon failed to start: exited with code 1\n" in done.stderr
    assert f"The last lines of {house.data}/daemon.log:\n" in done.stderr
    assert "tasks.hello.run" in done.stderr
    assert "health check" not in done.stderr


def test_only_the_last_words_of_this_start_are_shown(house: House) -> None:
    house.write("[tasks.hello]\nrun = 7\n")
    house.data.mkdir(mode=0o700)
    (house.data / "daemon.log").write_text("of yesterday\n")
    done = alone(house, free_port())
    assert "of yesterday" not in done.stderr
    assert "tasks.hello.run" in done.stderr


def test_a_port_in_use_is_told_before_anything_is_started(house: House) -> None:
    house.write(TASK)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = alone(house, port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"port {port} on 127.0.0.1 is already in use by another process\n")
    assert f"ss -ltnp 'sport = :{port}'" in done.stderr
    assert f"lsof -iTCP:{port} -sTCP:LISTEN" in done.stderr
    assert not (house.data / "daemon.log").exists()


@pytest.mark.parametrize("is_same_password", [False, True])
def test_a_daemon_of_another_directory_is_refused_by_its_fingerprint(
    house: House, tmp_path_factory: pytest.TempPathFactory, is_same_password: bool
) -> None:
    house.write(TASK)
    with House(tmp_path_factory.mktemp("other")) as other:
        daemon = other.start(TASK, {"RUNWISP_PASSWORD": "the same for both"})
        given = {"RUNWISP_PASSWORD": "the same for both"} if is_same_password else {}
        done = alone(house, daemon.port, **given)
        assert done.returncode == 1
        words = f"another RunWisp daemon is already running on port {daemon.port} with a different password"
        assert done.stderr.startswith(f"{words}\n")
        assert str(client.health("127.0.0.1", daemon.port)) in done.stderr


def test_a_daemon_of_this_directory_on_another_port_is_told(house: House) -> None:
    house.start(TASK)
    port = free_port()
    done = alone(house, port)
    assert done.returncode == 1
    assert f"does not answer on port {port}" in done.stderr
    assert f"pid {house.daemons[0].pid}" in done.stderr


def test_without_a_configuration_nothing_is_started_and_none_is_written(house: House) -> None:
    done = alone(house, free_port())
    assert done.returncode == 1
    assert f"cannot read the configuration {house.config}" in done.stderr
    assert not house.config.exists()
    assert not house.data.exists()


def test_a_port_that_nobody_could_name_is_refused(house: House) -> None:
    house.write(TASK)
    done = alone(house, 0)
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert not house.data.exists()


def test_a_daemon_that_does_not_answer_in_time_is_told_and_does_not_stay(house: House) -> None:
    house.write(TASK)
    with silent_daemon(house) as environ:
        done = alone(house, free_port(), **environ)
    assert done.returncode == 1
    assert "daemon failed to start: health check timed out\n" in done.stderr
    assert "still thinking" in done.stderr


def test_ctrl_c_while_it_comes_up_ends_the_daemon_too(house: House) -> None:
    house.write(TASK)
    with silent_daemon(house) as variables:
        environ = {**house.environ(), **variables}
        command = house.command("--port", str(free_port()))
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as waiting:
            wait_for((house.folder / "pid").exists, lambda: "no daemon came up")
            waiting.send_signal(signal.SIGINT)
            said = waiting.communicate(timeout=60)[1]
    assert waiting.returncode == 130
    assert said == "The daemon was told to stop.\n"


@contextmanager
def silent_daemon(house: House) -> Iterator[Mapping[str, str]]:
    """An interpreter that, asked to be a daemon, says something and then nothing: a sitecustomize."""
    folder = house.folder / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os, sys, time\n"
        "if 'daemon' in sys.orig_argv:\n"
        "    note = os.environ['SILENT_PID']\n"
        "    open(f'{note}.part', 'w').write(str(os.getpid()))\n"
        "    os.rename(f'{note}.part', note)\n"
        "    print('still thinking', file=sys.stderr, flush=True)\n"
        "    time.sleep(600)\n"
    )
    note = house.folder / "pid"
    yield {"PYTHONPATH": f"{folder}:{house.environ()['PYTHONPATH']}", "SILENT_PID": str(note)}
    pid = int(note.read_text())
    wait_for(lambda: not is_alive(pid), lambda: "it stayed")
