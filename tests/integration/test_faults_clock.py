"""The wall clock of a real daemon and its helpers set forward and back while its tasks fire.

The clock is that of libfaketime: all programs of the daemon get a wall clock of our own, and keep
the monotonic one of the machine. A suspend is the same to it: only the wall clock goes on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from glob import glob
from itertools import pairwise
from pathlib import Path

import pytest

from runwisp.clock import HOUR, MINUTE, SECOND, Millis
from runwisp.run import EndReason, Phase, Run
from tests.faults.recording import Seen
from tests.integration.asking import entered
from tests.integration.running import Daemon, House, is_alive
from tests.integration.waiting import wait_for

LIBRARY = next(iter(glob("/usr/lib/*/faketime/libfaketime.so.1")), "")
pytestmark = pytest.mark.skipif(not LIBRARY, reason="libfaketime is not installed: apt-get install faketime")

STEPS = [SECOND, 10 * MINUTE, 5 * HOUR]
CONFIGURATION = """
[tasks.tick]
cron = "@every 1s"
run = "true"
catch_up = "latest"
[tasks.hourly]
cron = "0 * * * *"
run = "true"
[services.s]
run = "exec sleep 1000"
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


def start(house: House) -> Daemon:
    set_clock(house, 0)
    daemon = house.start(
        CONFIGURATION,
        env={
            "LD_PRELOAD": LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": str(house.folder / "clock"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        },
    )
    house.ended("tick", 2)
    return daemon


def set_clock(house: House, step: Millis) -> None:
    """From now on it is so much later, or earlier, than on the machine's clock; in one instant."""
    made = house.folder / "clock.new"
    made.write_text(f"{step / 1000:+f}")
    os.replace(made, house.folder / "clock")


def fired(house: House) -> list[Run]:
    return [run for run in house.runs("tick") if run.end_reason is not EndReason.MISSED]


def nothing_twice(house: House) -> bool:
    times = [run.scheduled_for for run in fired(house)]
    return len(times) == len(set(times))


def check_all_else(house: House, daemon: Daemon, service: Run) -> None:
    """Neither service nor web notices, and a login works by the new clock."""
    assert is_alive(service.pid or 0)
    assert entered(house, daemon).get("/api/tasks").status == 200
    assert daemon.stop() == 0
    assert not [run for run in house.runs() if run.end_at is None and run.phase is not Phase.PENDING]


@pytest.mark.fault("daemon", "clock stepped by 1 s, 10 min and 5 h, forward and back")
@pytest.mark.fault("daemon", "suspend")
@pytest.mark.parametrize("step", STEPS, ids=["1s", "10min", "5h"])
def test_a_clock_set_forward_fires_nothing_twice_and_tells_what_was_missed(
    house: House, step: Millis, seen: Seen
) -> None:
    daemon = start(house)
    [service] = house.running("s")
    last = fired(house)[-1].scheduled_for or 0
    set_clock(house, step)
    wait_for(lambda: len([run for run in fired(house) if (run.scheduled_for or 0) > last + step]) >= 2)
    times = [run.scheduled_for or 0 for run in fired(house)]
    assert nothing_twice(house)
    missed = [run for run in house.runs("tick") if run.end_reason is EndReason.MISSED]
    if step > MINUTE:
        [told] = missed
        gap = next(later - at for at, later in pairwise(times) if later - at > SECOND)
        assert step - MINUTE < gap < step + MINUTE
        assert f"{gap // SECOND - 1}" in told.message.replace(",", "")
        seen(f"{step // SECOND} s: {len(times)} runs and one row “{told.message}”")
    else:
        assert not missed
        assert times == list(range(times[0], times[-1] + 1, 1000))
        seen(f"{step // SECOND} s: {len(times)} firings, none missed and none twice")
    check_all_else(house, daemon, service)


@pytest.mark.fault("daemon", "clock stepped by 1 s, 10 min and 5 h, forward and back")
@pytest.mark.parametrize("step", STEPS, ids=["1s", "10min", "5h"])
def test_a_clock_set_back_fires_nothing_twice_and_by_hours_begins_anew(
    house: House, step: Millis, seen: Seen
) -> None:
    daemon = start(house)
    [service] = house.running("s")
    last = fired(house)[-1].scheduled_for or 0
    set_clock(house, -step)
    if step == 5 * HOUR:
        daemon.says("the clock was set back")
        wait_for(
            lambda: len([run for run in fired(house) if (run.scheduled_for or 0) < last - 4 * HOUR]) >= 2
        )
        seen(f"{step // SECOND} s: told, and two firings by the new clock")
    elif step == SECOND:
        wait_for(lambda: (fired(house)[-1].scheduled_for or 0) >= last + 3 * SECOND)
        seen(f"{step // SECOND} s: {len(fired(house))} firings, none twice")
    else:
        before = len(fired(house))
        entered(house, daemon).post("/api/tasks/hourly/trigger")
        house.ended("hourly")
        assert len(fired(house)) <= before + 1, "it waits until the clock is where it was"
        set_clock(house, 0)
        wait_for(lambda: (fired(house)[-1].scheduled_for or 0) >= last + 3 * SECOND)
        seen(f"{step // SECOND} s: waited, but for runs by hand; {len(fired(house))} firings, none twice")
    assert nothing_twice(house)
    check_all_else(house, daemon, service)
