"""The kernel runs out of memory and kills: a task, the pump, web, the daemon."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.run import EndReason
from tests.faults.recording import Seen
from tests.integration.memory import Group, can_make_groups, memory_group
from tests.integration.running import Daemon, House, child, is_alive
from tests.integration.waiting import wait_for

pytestmark = pytest.mark.skipif(
    not can_make_groups(), reason="only root may make a control group, where there are any"
)
SPARE = 8 << 20
SERVICE = '[services.s]\nrun = "exec sleep 1000"\n'


@pytest.fixture
def group() -> Iterator[Group]:
    with memory_group() as group:
        yield group


@pytest.fixture
def house(tmp_path: Path, group: Group) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


GLUTTON = f"[tasks.glutton]\nrun = '{child('eat_memory', 'go')}'\nrun_on_start = true\n"


def starve(house: House, group: Group, victim: int, watched: int | str) -> None:
    """From here on memory is taken until the kernel has killed the victim, whom it prefers; next comes who
    takes it, should that not be seen in time."""
    [glutton] = house.running("glutton")
    for pid, score in ((glutton.pid, 500), (victim, 1000)):
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(score))
    group.bound(SPARE)
    made = house.folder / "go.new"
    made.write_text(str(watched))
    made.rename(house.folder / "go")


def famished(house: House, group: Group) -> Daemon:
    """A daemon in the group, with the glutton waiting."""
    daemon = house.start(SERVICE + GLUTTON, prefix=group.prefix())
    house.logs(house.running("glutton")[0], "hungry")
    house.running("s")
    return daemon


@pytest.mark.fault("daemon", "out of memory")
def test_a_task_that_takes_all_memory_is_killed_alone_and_says_so(
    house: House, group: Group, seen: Seen
) -> None:
    daemon = famished(house, group)
    [service], [run] = house.running("s"), house.running("glutton")
    starve(house, group, run.pid or 0, "")
    ended = house.run_of("glutton")
    assert (ended.end_reason, ended.exit_code) == (EndReason.FAILED, 137)
    assert ended.message.startswith("killed by SIGKILL")
    assert daemon.process.poll() is None
    assert is_alive(service.pid or 0)
    seen(f"exit code {ended.exit_code}, “{ended.message}”; daemon and service went on")


@pytest.mark.fault("daemon", "out of memory")
@pytest.mark.parametrize("helper", ["pump", "web"])
def test_a_helper_that_the_kernel_kills_for_memory_is_replaced(
    house: House, group: Group, helper: str, seen: Seen
) -> None:
    daemon = famished(house, group)

    def pid() -> int:
        return daemon.pump_pid if helper == "pump" else daemon.web_pid

    former = wait_for(pid)
    starve(house, group, former, former)
    wait_for(lambda: not is_alive(former))
    group.bound(1 << 30)
    successor = wait_for(lambda: (found := pid()) != former and found)
    ended = house.run_of("glutton")
    assert ended.exit_code in (0, 137), "on a busy machine more may be taken before the kill is seen"
    assert is_alive(successor)
    assert daemon.process.poll() is None
    seen(f"the {helper} was killed and replaced; the task ended with exit code {ended.exit_code}")


@pytest.mark.fault("daemon", "out of memory")
def test_a_daemon_that_the_kernel_kills_for_memory_comes_back_to_an_intact_history(
    house: House, group: Group, seen: Seen
) -> None:
    daemon = famished(house, group)
    [run], [service] = house.running("glutton"), house.running("s")
    starve(house, group, daemon.pid, daemon.pid)
    assert daemon.process.wait(60) == -signal.SIGKILL
    house.start(house.config.read_text().replace("run_on_start = true\n", ""))
    crashed = house.run_of("glutton")
    assert (crashed.end_reason, crashed.exit_code) == (EndReason.CRASHED, -2)
    assert not is_alive(run.pid or 0)
    [successor] = house.running("s")
    assert successor.id != service.id
    assert not is_alive(service.pid or 0)
    seen(f"killed by the kernel; its successor ended what ran as {crashed.end_reason}, {crashed.exit_code}")
