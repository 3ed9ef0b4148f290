"""`runwisp` without a command, by a person at a terminal: a first configuration, a daemon, and leaving it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp import client
from tests.integration.onscreen import TERM, Seat, seat
from tests.integration.running import House, is_alive
from tests.integration.test_alone import TASK, free_port, pid_of

OFFER = "Write it? [y/N]"
LEAVE = "Leave: and the daemon?"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house
        if (house.data / "daemon.pid").exists():
            house.run("stop")


def alone(house: House, port: int, kind: str = TERM) -> Seat:
    return seat(house, "--port", str(port), TERM=kind)


def test_leaving_may_stop_the_daemon(house: House) -> None:
    house.write(TASK)
    port = free_port()
    with alone(house, port) as sitting:
        sitting.shows("hello", "q quit")
        pid = pid_of(house)
        sitting.type("q")
        sitting.shows(LEAVE)
        sitting.type("s")
        assert sitting.ends() == 0
        assert sitting.is_restored
        assert f"The daemon (pid {pid}) has stopped." in sitting.text
    assert not client.health("127.0.0.1", port)


def test_leaving_may_let_it_go_on_and_the_next_console_asks_nothing(house: House) -> None:
    house.write(TASK)
    port = free_port()
    with alone(house, port) as sitting:
        sitting.shows("hello", "q quit")
        sitting.type("q")
        sitting.shows(LEAVE)
        sitting.type("\x1b")
        sitting.hides(LEAVE)
        sitting.type("q")
        sitting.shows(LEAVE)
        sitting.type("k")
        assert sitting.ends() == 0
        assert sitting.is_restored
        assert f"The daemon runs on at http://127.0.0.1:{port}." in sitting.text
    assert client.health("127.0.0.1", port)
    with alone(house, port) as sitting:
        sitting.shows("hello", "q quit")
        sitting.type("q")
        assert sitting.ends() == 0
    assert client.health("127.0.0.1", port)


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGTERM])
def test_a_daemon_outlives_the_terminal_it_was_started_on(house: House, signum: signal.Signals) -> None:
    house.write(TASK)
    port = free_port()
    with alone(house, port) as sitting:
        sitting.shows("hello", "q quit")
        os.kill(sitting.process.pid, signum)
        assert sitting.ends() == 128 + signum
        assert sitting.is_restored
    assert client.health("127.0.0.1", port)


def test_a_first_configuration_is_written_by_consent_only(house: House) -> None:
    port = free_port()
    with alone(house, port) as sitting:
        sitting.shows(OFFER)
        sitting.type("\n")
        assert sitting.ends() == 1
        assert "there is no configuration" in sitting.text
    assert not house.config.exists()
    assert not house.data.exists()
    with alone(house, port) as sitting:
        sitting.shows(OFFER)
        sitting.type("y\n")
        sitting.shows("hello", "q quit")
        sitting.type("q")
        sitting.shows(LEAVE)
        sitting.type("s")
        assert sitting.ends() == 0
    assert house.config.stat().st_mode & 0o777 == 0o644
    checked = house.run("validate", "--strict")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_offer_can_be_left_by_ctrl_c(house: House) -> None:
    with alone(house, free_port()) as sitting:
        sitting.shows(OFFER)
        sitting.type("\x03")
        assert sitting.ends() == 130
    assert not house.config.exists()


@pytest.mark.parametrize("keys", [b"\x04", b"\xe9\n"], ids=["ctrl-D", "no UTF-8"])
def test_what_is_no_answer_to_the_offer_is_a_no(house: House, keys: bytes) -> None:
    with seat(house, "--port", str(free_port()), PYTHONIOENCODING="utf-8:strict") as sitting:
        sitting.shows(OFFER)
        sitting.type(keys)
        assert sitting.ends() == 1
        assert "\nthere is no configuration " in sitting.text
    assert not house.config.exists()


def test_a_daemon_that_does_not_start_is_told_with_its_last_words(house: House) -> None:
    house.write("[tasks.hello]\nrun = 7\n")
    with alone(house, free_port()) as sitting:
        assert sitting.ends() == 1
        assert "daemon failed to start: exited with code 1" in sitting.text
        assert "tasks.hello.run" in sitting.text.replace("\n", "")
        assert b"\x1b[" not in sitting.transcript


def test_on_a_terminal_that_cannot_place_text_the_daemon_is_up_all_the_same(house: House) -> None:
    house.write(TASK)
    port = free_port()
    with alone(house, port, "dumb") as sitting:
        assert sitting.ends() == 0
        assert f"The daemon runs: http://127.0.0.1:{port}" in sitting.text
        assert b"\x1b" not in sitting.transcript
    assert is_alive(pid_of(house))
