"""Many services, long rests, and the demo: what a daemon costs, and that it keeps its time."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.run import EndReason, Phase
from runwisp.task import Kind
from tests.integration.running import ROOT, House
from tests.integration.waiting import wait_for

DEMO = ROOT / "packaging/demo"
LATE = 1_000
EVERY = {"heartbeat": 15_000, "slow-report": 20_000, "import-queue": 10_000, "mirror": 30_000}
"""The tasks of the demo that fire so often."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


def rest(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Lets it be for so long: how often it wakes meanwhile is what is measured."""
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(seconds)


def wakeups(pid: int) -> int:
    """How often it slept; that others were given its core in between says nothing of it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("voluntary_ctxt"))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("seconds", [3, pytest.param(120, marks=pytest.mark.faults)])
def test_with_a_hundred_sleeping_services_nobody_wakes_more_than_once_a_second(
    house: House, seconds: int
) -> None:
    daemon = house.start(
        '[services.sleeper]\ninstances = 50\nrun = "sleep 100000"\n'
        '[services.another]\ninstances = 50\nrun = "sleep 100000"\n'
    )
    house.running("sleeper", 50)
    house.running("another", 50)
    pump = wait_for(lambda: daemon.pump_pid)

    def is_settled() -> bool:
        before = [wakeups(pid) for pid in (daemon.pid, pump)]
        rest(daemon.process, 0.3)
        return before == [wakeups(pid) for pid in (daemon.pid, pump)]

    wait_for(is_settled)
    began = time.monotonic()
    before, worked = [wakeups(pid) for pid in (daemon.pid, pump)], cpu_seconds(daemon.pid) + cpu_seconds(pump)
    rest(daemon.process, seconds)
    spent = cpu_seconds(daemon.pid) + cpu_seconds(pump) - worked
    took = time.monotonic() - began
    for pid, count in zip((daemon.pid, pump), before, strict=True):
        assert wakeups(pid) - count <= took + 1
    assert spent <= 0.001 * took + 0.02, "two ticks of the clock are as little as can be seen"


@pytest.mark.fault("load", "1,000 services up")
@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.faults)])
def test_so_many_services_come_up_are_seen_and_go_down_again(house: House, count: int) -> None:
    services = count // 50
    house.start(
        "".join(f'[services.s{n}]\ninstances = 50\nrun = "sleep 100000"\n' for n in range(services))
        + "[daemon]\nshutdown_timeout = '2m'\n"
    )
    for n in range(services):
        replicas = house.running(f"s{n}", 50)
        assert sorted(run.replica_index for run in replicas) == list(range(50))
    assert len(house.processes()) == count
    assert house.daemons[0].stop() == 0
    runs = house.runs()
    assert len(runs) == count
    assert {(run.end_reason, run.exit_code) for run in runs} == {(EndReason.DAEMON_STOPPED, 143)}


@pytest.mark.fault("load", "200 firings in one second")
def test_two_hundred_tasks_of_one_moment_all_run(house: House) -> None:
    house.start("".join(f'[tasks.t{n}]\ncron = "@every 2s"\nrun = "true"\n' for n in range(200)))
    wait_for(lambda: len([run for run in house.runs() if run.phase is Phase.ENDED]) >= 200)
    first = min(run.scheduled_for or 0 for run in house.runs())
    runs = [run for run in house.runs() if run.scheduled_for == first]
    assert len(runs) == 200
    assert {run.end_reason for run in runs} == {EndReason.SUCCESS}
    order = [run.task_name for run in sorted(runs, key=lambda run: run.id)]
    assert order == [f"t{n}" for n in range(200)]


@pytest.mark.parametrize("seconds", [2, pytest.param(600, marks=pytest.mark.faults)])
def test_the_demo_runs_with_every_firing_recorded_and_nothing_left(house: House, seconds: int) -> None:
    shutil.copytree(DEMO, house.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("var", "data"))
    daemon = house.start()
    assert house.run_of("announce").end_reason is EndReason.SUCCESS
    assert len(house.running("worker", 3)) == 3
    rest(daemon.process, seconds)
    assert daemon.stop() == 0
    runs = house.runs()
    for name, interval in EVERY.items():
        times = [run.scheduled_for for run in runs if run.task_name == name and run.retry_attempt == 0]
        expected = range(times[0] or 0, (times[0] or 0) + len(times) * interval, interval) if times else []
        assert times == list(expected), f"{name}: a firing is missing"
        assert seconds * 1000 - interval <= len(times) * interval <= (seconds + 60) * 1000 + interval
    fired = [run for run in runs if run.scheduled_for and run.kind is Kind.TASK and not run.retry_attempt]
    late = [run for run in fired if run.created_at - (run.scheduled_for or 0) > LATE]
    assert not late
    assert {run.phase for run in runs} <= {Phase.ENDED, Phase.PENDING}
