"""The password: where a daemon takes it from, what it shows of it, and when all sessions end."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration.asking import Door, entered, password_of
from tests.integration.conftest import environment
from tests.integration.running import House

CONFIG = '[tasks.job]\nrun = "true"\n'


@pytest.fixture
def house(tmp_path: Path) -> Generator[House, None, None]:
    with House(tmp_path) as house:
        house.write(CONFIG)
        yield house


def is_taken(door: Door, password: str) -> bool:
    return door.answer_a_challenge(password).status == 200


def test_a_fresh_password_is_22_characters_in_a_private_file_and_printed_once(house: House) -> None:
    daemon = house.start()
    file = house.data / "password"
    assert re.fullmatch(r"[0-9A-Za-z]{22}\n", file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    password = password_of(house)
    assert daemon.stdout.read_text() == f"The password is {password} (kept in {house.data}/password)\n"
    assert is_taken(Door(daemon), password)
    daemon.stop()
    again = house.start()
    assert again.stdout.read_text() == ""
    assert is_taken(Door(again), password)
    assert password not in house.said


def test_where_stdout_is_the_journal_only_the_path_is_printed(house: House) -> None:
    wrapper = house.folder / "as-journal"
    wrapper.write_text('#!/bin/sh\nJOURNAL_STREAM=$(stat -L -c %d:%i /proc/$$/fd/1) exec "$@"\n')
    wrapper.chmod(0o755)
    daemon = house.start(prefix=(str(wrapper),))
    assert daemon.stdout.read_text() == f"A new password was made; it is in {house.data}/password\n"


def test_with_nobody_to_read_it_the_daemon_starts_all_the_same(house: House) -> None:
    read, write = os.pipe()
    os.close(read)
    wrapper = house.folder / "unread"
    wrapper.write_text(f'#!/bin/sh\nexec "$@" >/proc/{os.getpid()}/fd/{write}\n')
    wrapper.chmod(0o755)
    house.start(prefix=(str(wrapper),))
    os.close(write)
    assert re.fullmatch(r"[0-9A-Za-z]{22}\n", (house.data / "password").read_text())


def test_the_variable_comes_first_and_is_never_written_down(house: House) -> None:
    daemon = house.start(env={"RUNWISP_PASSWORD": "from the variable"})
    assert not (house.data / "password").exists()
    assert daemon.stdout.read_text() == ""
    assert is_taken(Door(daemon), "from the variable")
    daemon.stop()
    for path in house.data.rglob("*"):
        assert not path.is_file() or b"from the variable" not in path.read_bytes()
    assert "from the variable" not in house.said


def test_the_helpers_never_see_a_secret_of_the_daemon(house: House) -> None:
    config = '[[notifier]]\nid = "ops"\ntype = "slack"\nwebhook_url_env = "OPS_URL"\n'
    secrets = {"RUNWISP_PASSWORD": "only the daemon's", "OPS_URL": "http://127.0.0.1/only-the-daemon-s"}
    daemon = house.start(f'{config}[tasks.idle]\nrun = "true"\n', env=secrets)
    assert Door(daemon).get("/health").status == 200
    for pid in (daemon.web_pid, daemon.pump_pid):
        assert not [value for value in secrets.values() if value.encode() in b"\n".join(environment(pid))]


def test_then_the_credential_of_systemd_then_the_file(house: House) -> None:
    credentials = house.folder / "credentials"
    credentials.mkdir()
    daemon = house.start(env={"CREDENTIALS_DIRECTORY": str(credentials)})
    from_file = password_of(house)
    assert is_taken(Door(daemon), from_file)
    daemon.stop()
    (credentials / "password").write_text("from systemd\n")
    daemon = house.start(env={"CREDENTIALS_DIRECTORY": str(credentials)})
    assert is_taken(Door(daemon), "from systemd")
    daemon.stop()
    both = {"CREDENTIALS_DIRECTORY": str(credentials), "RUNWISP_PASSWORD": "from the variable"}
    assert is_taken(Door(house.start(env=both)), "from the variable")


def test_a_lost_password_is_replaced_by_deleting_the_file_and_starting_again(house: House) -> None:
    daemon = house.start()
    lost, door = password_of(house), entered(house, daemon)
    (house.data / "password").unlink()
    daemon.stop()
    daemon = house.start()
    assert password_of(house) != lost
    assert password_of(house) in daemon.stdout.read_text()
    assert not is_taken(Door(daemon), lost)
    assert Door(daemon, door.token).get("/api/tasks").status == 401
    assert entered(house, daemon).get("/api/tasks").status == 200


@pytest.mark.parametrize("is_dangling", [False, True])
def test_a_password_behind_a_symlink_is_refused(house: House, is_dangling: bool) -> None:
    house.data.mkdir(0o700)
    if not is_dangling:
        (house.folder / "elsewhere").write_text("secret\n")
    (house.data / "password").symlink_to(house.folder / "elsewhere")
    done = house.run("daemon")
    assert done.returncode == 1
    assert done.stderr.startswith(f"refusing to write {house.data}/password: path is a symlink\n")
    assert (house.folder / "elsewhere").exists() is not is_dangling


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"one\ntwo\n", "it is not one line"),
        (b"\xff\n", "it is not UTF-8"),
        (b"x" * 5000, "it is not one line of at most 4096 bytes"),
    ],
)
def test_a_file_that_holds_no_password_is_told_and_left_alone(house: House, content: bytes, why: str) -> None:
    house.data.mkdir(0o700)
    (house.data / "password").write_bytes(content)
    done = house.run("daemon")
    assert done.returncode == 1
    assert f"cannot use the password in {house.data}/password: {why}" in done.stderr
    assert (house.data / "password").read_bytes() == content


@pytest.mark.parametrize(
    ("before", "after", "lives_on"),
    [
        (("FILE", "one"), ("FILE", "one"), True),
        (("VARIABLE", "one"), ("VARIABLE", "one"), True),
        (("FILE", "one"), ("VARIABLE", "one"), True),
        (("VARIABLE", "one"), ("VARIABLE", "two"), False),
        (("VARIABLE", "one"), ("FILE", "one"), False),
        (("FILE", "one"), ("FILE", "two"), False),
        (("FILE", "one"), ("VARIABLE", "two"), False),
    ],
)
def test_sessions_live_on_over_a_restart_unless_the_password_changed(
    house: House, before: tuple[str, str], after: tuple[str, str], lives_on: bool
) -> None:
    house.data.mkdir(0o700)
    token = ""
    for source, password in (before, after):
        if source == "FILE":
            (house.data / "password").write_text(password)
        daemon = house.start(env={"RUNWISP_PASSWORD": password} if source == "VARIABLE" else {})
        token = token or Door(daemon).log_in(password).token
        status = Door(daemon, token).get("/api/tasks").status
        daemon.stop()
    assert status == (200 if lives_on else 401)


def test_a_session_that_was_logged_out_stays_so_over_a_restart_and_others_do_not(house: House) -> None:
    daemon = house.start()
    ours, theirs = entered(house, daemon), entered(house, daemon)
    assert ours.post("/api/auth/logout").status == 204
    assert [door.get("/api/tasks").status for door in (ours, theirs)] == [401, 200]
    os.kill(daemon.web_pid, 9)
    assert [door.get("/api/tasks").status for door in (ours, theirs)] == [401, 200]
    daemon.stop()
    daemon = house.start()
    assert [Door(daemon, door.token).get("/api/tasks").status for door in (ours, theirs)] == [401, 200]


def test_the_secret_is_32_bytes_of_the_database_and_the_password_is_not_there(house: House) -> None:
    house.start().stop()
    [row] = house.query("SELECT * FROM signing")
    assert len(row["secret"]) == 32
    assert password_of(house).encode() not in house.database.read_bytes()


def test_too_many_wrong_answers_are_refused_over_a_restart_of_web_but_not_of_the_daemon(house: House) -> None:
    daemon = house.start()
    door = Door(daemon)
    for _ in range(5):
        wrong = door.answer_a_challenge("wrong")
        assert (wrong.status, wrong.json["detail"]) == (401, "Invalid password")
    for _ in range(2):
        limited = door.answer_a_challenge(password_of(house))
        assert limited.status == 429
        assert 0 < int(limited.headers["Retry-After"]) <= 300
        os.kill(daemon.web_pid, 9)
    assert is_taken(Door(daemon, source="127.0.0.2"), password_of(house))
    daemon.stop()
    assert is_taken(Door(house.start()), password_of(house))
