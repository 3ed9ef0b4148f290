"""Services stay up: through exits, kills, and everything that happens to daemon and pump."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from runwisp.run import EndReason, Phase, Run, Trigger, WaitsFor
from tests.integration.running import House, child, is_alive
from tests.integration.waiting import PATIENCE, wait_for


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


def pauses(runs: list[Run]) -> list[int]:
    """Milliseconds from the end of each run to the start of its successor."""
    return [(later.start_at or 0) - (earlier.end_at or 0) for earlier, later in pairwise(runs)]


def test_each_replica_is_a_run_of_its_own_that_knows_its_index(house: House) -> None:
    house.start('[services.web]\ninstances = 3\nrun = "echo $RUNWISP_REPLICA; exec sleep 1000"\n')
    runs = house.running("web", 3)
    assert sorted(run.replica_index for run in runs) == [0, 1, 2]
    assert {run.triggered_by for run in runs} == {Trigger.SERVICE}
    for run in runs:
        assert house.logs(run, "\n") == f"{run.replica_index}\n"


def test_any_exit_starts_a_new_run_whose_wait_grows_and_the_code_says_how_it_ended(house: House) -> None:
    house.start(
        '[services.fine]\nrun = "true"\nrestart_delay = "100ms"\n'
        '[services.bad]\nrun = "exit 3"\nrestart_delay = "100ms"\n'
        '[services.even]\nrun = "exit 3"\nrestart_delay = "200ms"\nrestart_backoff = "constant"\n'
        "exit_codes = [3]\n"
    )
    fine = house.ended("fine", 4)
    assert {run.end_reason for run in fine} == {EndReason.SUCCESS}
    bad = house.ended("bad", 4)
    assert {(run.end_reason, run.exit_code) for run in bad} == {(EndReason.FAILED, 3)}
    for wait, least in zip(pauses(bad), (100, 200, 400), strict=False):
        assert wait >= least - 1
    even = house.ended("even", 3)
    assert {run.end_reason for run in even} == {EndReason.SUCCESS}
    assert all(wait >= 199 for wait in pauses(even))


def test_one_that_stayed_up_long_enough_starts_over_with_a_fresh_wait(house: House) -> None:
    house.start('[services.s]\nrun = "sleep 0.4"\nrestart_delay = "50ms"\nhealthy_after = "300ms"\n')
    assert all(wait < 800 for wait in pauses(house.ended("s", 5))), "doubled it would be 800 by now"


def test_a_command_that_ends_at_once_cannot_spin(house: House) -> None:
    house.start('[services.s]\nrun = "true"\nrestart_delay = "0s"\n')
    runs = house.ended("s", 5)
    assert all((b.start_at or 0) - (a.start_at or 0) >= 100 for a, b in pairwise(runs))


def test_a_killed_replica_is_replaced_and_the_others_are_left_alone(house: House) -> None:
    house.start('[services.s]\nrun = "sleep 1000"\ninstances = 3\nrestart_delay = "0s"\n')
    victim, *others = house.running("s", 3)
    os.kill(victim.pid or 0, signal.SIGKILL)
    [ended] = house.ended("s")
    assert (ended.id, ended.exit_code, ended.message) == (victim.id, 137, "killed by SIGKILL")
    replicas = house.running("s", 3)
    assert {run.id for run in others} < {run.id for run in replicas}
    assert sorted(run.replica_index for run in replicas) == [0, 1, 2]


def test_the_successor_waits_for_the_process_and_not_for_its_output(house: House) -> None:
    house.start(f"[services.s]\nrun = '{child('setsid_and_hold')}'\nrestart_delay = '0s'\n")
    first, second = house.ended("s", 2)[:2]
    pid = int(next(line for line in house.log(first).splitlines() if line.isdecimal()))
    assert is_alive(pid)
    assert (second.start_at or 0) - (first.start_at or 0) < 2_000, "the drain of a held pipe takes 2 s"
    house.daemons[0].stop()
    for pid in house.processes():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not house.processes())


def test_one_that_is_not_to_start_by_itself_does_not(house: House) -> None:
    house.start(
        '[services.s]\nrun = "sleep 1000"\nautostart = false\n[tasks.t]\nrun_on_start = true\nrun = "true"\n'
    )
    house.run_of("t")
    assert not house.runs("s")


def test_a_service_whose_program_is_missing_says_so_and_waits_ever_longer(house: House) -> None:
    house.start('[services.s]\nrun = "/nowhere/at-all"\nrestart_delay = "100ms"\n')
    runs = house.ended("s", 3)
    for run in runs:
        assert run.exit_code == 127
        assert "exec: /nowhere/at-all: no such file or directory" in house.logs(run, "exec")
    assert pauses(runs)[1] >= 199


def test_a_wait_for_a_restart_outlives_the_daemon_and_makes_one_replica_only(house: House) -> None:
    daemon = house.start('[services.s]\nrun = "exit 1"\nrestart_delay = "1m"\n')
    [waiting] = house.waiting("s")
    assert waiting.waits_for is WaitsFor.RESTART
    daemon.kill()
    house.start('[services.s]\nrun = "sleep 1000"\n')
    wait_for(house.processes, house.runs)
    assert len([run for run in house.runs("s") if run.phase is not Phase.ENDED]) == 1


def test_the_service_manager_is_told_of_readiness_of_the_end_and_that_the_loop_turns(house: House) -> None:
    address = str(house.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(PATIENCE)
        daemon = house.start(
            '[services.s]\nrun = "env; sleep 1000"\n',
            env={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"},
        )
        heard: list[str] = []
        while heard.count("WATCHDOG=1") < 3 or not any(each.startswith("READY=1") for each in heard):
            heard.append(manager.recv(4096).decode())
        assert "READY=1\nSTATUS=0 tasks, 1 service" in heard
        [run] = house.running("s")
        assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & {
            line.partition("=")[0] for line in house.logs(run, "RUNWISP_RUN_ID").splitlines()
        }
        daemon.signal(signal.SIGTERM)
        while (told := manager.recv(4096).decode()) == "WATCHDOG=1":
            pass
        assert told == "STOPPING=1\nEXTEND_TIMEOUT_USEC=25000000"
        assert daemon.ends() == 0


def test_a_frozen_daemon_tells_the_service_manager_nothing(house: House) -> None:
    address = str(house.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        daemon = house.start(
            '[tasks.t]\nrun = "true"\n', env={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"}
        )
        manager.settimeout(PATIENCE)
        while not manager.recv(4096).startswith(b"READY=1"):
            pass
        daemon.signal(signal.SIGSTOP)
        wait_for(lambda: Path(f"/proc/{daemon.pid}/stat").read_text().split()[2] == "T")
        manager.setblocking(False)
        with pytest.raises(BlockingIOError):
            while manager.recv(4096):
                pass
        manager.settimeout(0.6)
        with pytest.raises(TimeoutError):
            manager.recv(4096)
        daemon.signal(signal.SIGCONT)
        manager.settimeout(PATIENCE)
        assert manager.recv(4096) == b"WATCHDOG=1"
