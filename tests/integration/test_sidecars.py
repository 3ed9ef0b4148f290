"""Helpers that live and yet do nothing any more are noticed, ended and started again; slow ones are not."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runwisp import environment, host
from runwisp.daemon.sidecars import MOST_SILENT, Sidecar, User
from runwisp.daemonlog import Format, Level, Log
from runwisp.link import Link
from runwisp.timers import Timers
from runwisp.wire import FROM_PUMP, FromPump
from tests.integration.asking import entered
from tests.integration.running import Daemon, House
from tests.integration.waiting import wait_for

QUICK = (
    sys.executable,
    "-c",
    "import sys\n"
    "from runwisp.daemon import engine\n"
    "engine.CHECK_EVERY = 1000\n"
    "sys.argv[1:] = sys.argv[4:]\n"
    "from runwisp.cli.main import main\n"
    "sys.exit(main())",
)
"""Before the command of a daemon: one that checks its helpers every second."""


def nothing(_: object) -> None:
    """For a user that does not care."""


class Pump:
    """A pump that nothing but checks is asked of."""

    def __init__(self, folder: Path) -> None:
        self.said = folder / "said"
        user: User[FromPump] = User(nothing, nothing, nothing)
        fd = os.open(self.said, os.O_WRONLY | os.O_CREAT, 0o600)
        self._log_fd = fd
        log = Log(fd, Level.INFO, Format.TEXT, host.wall, is_journal=False)
        env = environment.inherited(os.environ, ())
        self.sidecar = Sidecar("runwisp.pump.main", FROM_PUMP, False, env, Timers(), log, user)
        self.sidecar.start(host.now())
        assert self.sidecar.pid
        self.pid = self.sidecar.pid

    @property
    def link(self) -> Link[FromPump]:
        assert self.sidecar.link
        return self.sidecar.link

    def answers(self) -> None:
        ready = select.poll()
        ready.register(self.link.fileno(), select.POLLIN)
        wait_for(lambda: ready.poll(100) and (self.sidecar.hear() or not self.link.is_awaited))

    def check(self, times: int) -> None:
        for _ in range(times):
            self.sidecar.check()

    def has_ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.sidecar.disconnect()
        os.close(self._log_fd)


@pytest.fixture
def pump(tmp_path: Path) -> Iterator[Pump]:
    with closing(Pump(tmp_path)) as pump:
        yield pump


def test_a_helper_that_answers_is_left_alone_however_often_it_is_checked(pump: Pump) -> None:
    for _ in range(2 * MOST_SILENT):
        pump.check(1)
        assert pump.link.is_awaited
        pump.answers()
    assert not pump.has_ended()
    assert not pump.said.read_text()


def test_a_helper_that_hangs_is_ended_after_a_number_of_checks_and_not_before(pump: Pump) -> None:
    pump.check(1)
    pump.answers()
    os.kill(pump.pid, signal.SIGSTOP)
    pump.check(MOST_SILENT)
    assert not pump.said.read_text()
    pump.check(1)
    wait_for(pump.has_ended)
    assert "a helper process does not answer module=runwisp.pump.main" in pump.said.read_text()


def test_a_helper_that_goes_on_has_all_of_the_time_again(pump: Pump) -> None:
    """As after a suspend, which stops both ends."""
    os.kill(pump.pid, signal.SIGSTOP)
    pump.check(MOST_SILENT)
    os.kill(pump.pid, signal.SIGCONT)
    pump.answers()
    pump.check(1)
    pump.answers()
    os.kill(pump.pid, signal.SIGSTOP)
    pump.check(MOST_SILENT)
    assert not pump.has_ended()
    assert not pump.said.read_text()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


def hung(daemon: Daemon, pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    daemon.says("a helper process does not answer")
    wait_for(lambda: pid not in daemon.children())


def test_a_web_that_hangs_while_nothing_happens_is_replaced(house: House) -> None:
    daemon = house.start('[services.s]\nrun = "sleep 1000"\n', prefix=QUICK)
    entered(house, daemon)
    hung(daemon, daemon.web_pid)
    assert entered(house, daemon).get("/health").json["status"] == "ok"
    assert len(house.runs("s")) == 1


def test_a_pump_that_hangs_is_replaced_and_output_goes_on(house: House) -> None:
    daemon = house.start(
        '[services.s]\nrun = "echo before; until test -e go; do sleep 0.05; done; echo after; sleep 99"\n',
        prefix=QUICK,
    )
    [run] = house.running("s")
    house.logs(run, "before\n")
    hung(daemon, daemon.pump_pid)
    (house.folder / "go").touch()
    house.logs(run, "after\n")
