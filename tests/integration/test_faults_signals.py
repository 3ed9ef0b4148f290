"""Storms of signals to a daemon and its helpers, as terminals, service managers and people send them."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.run import EndReason, Phase
from tests.faults.recording import Seen
from tests.integration.running import House, is_alive
from tests.integration.waiting import wait_for

STORM = 500
WORK = (
    '[tasks.tick]\ncron = "@every 1s"\nrun = "echo out"\n[services.s]\nrun = "exec sleep 1000"\n'
    "[services.moody]\nrun = 'sleep 0.05'\nrestart_delay = '50ms'\nrestart_backoff = 'constant'\n"
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


@pytest.mark.fault("daemon", "storms of SIGHUP, SIGTERM and SIGINT")
def test_a_storm_of_signals_that_mean_nothing_disturbs_nothing(house: House, seen: Seen) -> None:
    """And one that only helpers get, as from ``pkill``, ends none of them."""
    daemon = house.start(WORK)
    [service] = house.running("s")
    before = len(house.ended("moody"))
    pump, web = wait_for(lambda: daemon.pump_pid), wait_for(lambda: daemon.web_pid)
    for _ in range(STORM):
        daemon.signal(signal.SIGHUP)
        for helper in (pump, web):
            os.kill(helper, signal.SIGINT)
            os.kill(helper, signal.SIGTERM)
    house.ended("moody", before + 3)
    house.ended("tick", len(house.runs("tick")) + 1)
    assert (daemon.pump_pid, daemon.web_pid) == (pump, web)
    assert is_alive(service.pid or 0)
    assert daemon.stop() == 0
    times = [run.scheduled_for or 0 for run in house.runs("tick")]
    assert times == list(range(times[0], times[-1] + 1, 1000))
    told = daemon.said.count("SIGHUP changes nothing")
    assert 1 <= told <= STORM
    seen(f"{STORM} SIGHUP to the daemon, told of {told} times; {2 * STORM} SIGINT and SIGTERM to each helper")


@pytest.mark.fault("daemon", "storms of SIGHUP, SIGTERM and SIGINT")
def test_a_storm_of_every_signal_that_ends_a_daemon_ends_it_once_and_cleanly(
    house: House, seen: Seen
) -> None:
    daemon = house.start(WORK)
    house.ended("moody")
    storm = [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT] * (STORM // 4)
    random.Random(1).shuffle(storm)  # noqa: S311
    sent = 0
    for signum in storm:
        if daemon.process.poll() is not None:
            break
        daemon.signal(signum)
        sent += 1
    assert daemon.ends() == 0
    house.check()
    assert not [run for run in house.runs() if run.phase is Phase.RUNNING]
    ended = [run for run in house.runs("s") if run.end_reason is EndReason.DAEMON_STOPPED]
    assert len(ended) == 1
    seen(f"{sent} signals until it was gone with exit code 0; {len(house.runs())} runs, all ended")
