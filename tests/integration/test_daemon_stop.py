"""How a daemon ends: in time, with nothing running and nothing unwritten, however it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.helper import SPARED
from runwisp.run import EndReason, Phase
from tests.integration.running import House, child, is_alive
from tests.integration.waiting import PATIENCE, wait_for

SLEEPER = '[services.sleeper]\nrun = "sleep 1000"\n'
DEAF = f"[services.deaf]\nrun = '{child('ignore_term')}'\n"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_daemon_with_nothing_to_end_is_gone_in_less_than_half_a_second(
    house: House, signum: signal.Signals
) -> None:
    """Or, where the machine is so busy that a start takes longer, in less time than that. The best counts."""
    for _ in range(5):
        began = time.monotonic()
        daemon = house.start('[tasks.idle]\nrun = "true"\n')
        told = time.monotonic()
        daemon.signal(signum)
        assert daemon.ends() == 0
        took = time.monotonic() - told
        if took < max(0.5, told - began):
            break
    else:
        raise AssertionError(f"the last took {took} s to stop and {told - began} s to start")
    assert "stopped" in daemon.said
    assert not (house.data / "daemon.pid").exists()


def test_what_runs_is_ended_in_parallel_and_recorded(house: House) -> None:
    house.start(
        "[services.many]\ninstances = 20\n"
        "run = \"trap 'sleep 0.3; exit 4' TERM; echo up; sleep 1000 & wait\"\n"
        '[tasks.job]\nrun_on_start = true\nretry_attempts = 3\nrun = "exec sleep 1000"\n'
    )
    replicas = house.running("many", 20)
    for run in replicas:
        house.logs(run, "up")
    house.running("job")
    began = time.monotonic()
    assert house.daemons[0].stop() == 0
    assert time.monotonic() - began < 20 * 0.3, "one after the other would take at least that"
    [job] = house.runs("job")
    assert (job.end_reason, job.exit_code) == (EndReason.DAEMON_STOPPED, 143)
    assert {(run.end_reason, run.exit_code) for run in house.runs("many")} == {(EndReason.DAEMON_STOPPED, 4)}
    for run in house.runs():
        stem = house.data / "logs" / run.task_name / run.log_stem
        if house.log(run):
            meta = json.loads(Path(f"{stem}.log.meta").read_text())
            assert meta["finalized"] is True
            assert meta["run"]["end_reason"] == "daemon_stopped"


def test_a_shell_and_what_it_waits_for_end_together_and_nothing_waits_for_their_grace(house: House) -> None:
    daemon = house.start(
        "[daemon]\nshutdown_timeout = '5m'\n"
        "[services.shell]\ninstances = 10\ngraceful_stop = '5m'\nrun = 'sleep 1000; true'\n"
    )
    house.running("shell", 10)
    assert daemon.stop() == 0


@pytest.mark.fault("children", "ignore SIGTERM")
def test_what_is_deaf_to_the_stop_signal_is_killed_after_its_grace(house: House) -> None:
    daemon = house.start(f"{DEAF}graceful_stop = '400ms'\n")
    [run] = house.running("deaf")
    house.logs(run, "ready")
    assert daemon.stop() == 0
    [run] = house.runs("deaf")
    assert (run.end_reason, run.exit_code) == (EndReason.DAEMON_STOPPED, 137)


def test_shutdown_timeout_is_the_whole_budget(house: House) -> None:
    daemon = house.start(f"[daemon]\nshutdown_timeout = '500ms'\n{DEAF}graceful_stop = '10m'\n")
    [run] = house.running("deaf")
    house.logs(run, "ready")
    assert daemon.stop() == 0
    [run] = house.runs("deaf")
    assert (run.end_reason, run.exit_code) == (EndReason.DAEMON_STOPPED, 137)


@pytest.mark.fault("daemon", "a second and a third stop signal")
@pytest.mark.parametrize("count", [1, 50], ids=["second", "storm"])
def test_a_second_signal_cuts_the_grace_short(house: House, count: int) -> None:
    daemon = house.start(f"[daemon]\nshutdown_timeout = '10m'\n{DEAF}graceful_stop = '10m'\n")
    [run] = house.running("deaf")
    house.logs(run, "ready")
    daemon.signal(signal.SIGTERM)
    daemon.says("stopping")
    assert is_alive(run.pid or 0)
    for number in range(count):
        daemon.signal((signal.SIGTERM, signal.SIGINT, signal.SIGHUP)[number % 3])
    assert daemon.ends() == 0
    assert house.runs("deaf")[0].exit_code == 137


@pytest.mark.fault("daemon", "storms of SIGHUP, SIGTERM and SIGINT")
def test_a_signal_without_a_meaning_is_told_of_and_changes_nothing(house: House) -> None:
    daemon = house.start(SLEEPER)
    [run] = house.running("sleeper")
    for _ in range(20):
        daemon.signal(signal.SIGHUP)
    daemon.says("SIGHUP changes nothing")
    for signum in (signal.SIGUSR1, signal.SIGUSR2):
        daemon.signal(signum)
        daemon.says(f"{signum.name} changes nothing")
    assert [each.id for each in house.running("sleeper")] == [run.id]


@pytest.mark.fault("daemon", "storms of SIGHUP, SIGTERM and SIGINT")
def test_ctrl_c_and_pkill_reach_the_helpers_too_and_cost_no_output(house: House) -> None:
    daemon = house.start(
        "[services.printer]\nrun = \"trap 'echo last words; exit' TERM; echo up; sleep 1000 & wait\"\n"
    )
    [run] = house.running("printer")
    house.logs(run, "up")
    pump = wait_for(lambda: daemon.pump_pid)
    for pid in (pump, daemon.pid):
        assert Path(f"/proc/{pid}/comm").read_text() == "runwisp\n"
    for signum in SPARED:
        os.kill(pump, signum)
    os.kill(daemon.pid, signal.SIGINT)
    assert daemon.ends() == 0
    assert "helper process died" not in daemon.said
    assert house.log(house.runs("printer")[0]) == "up\nlast words\n"


@pytest.mark.fault("children", "run as the daemon stops")
def test_no_new_run_begins_while_the_daemon_stops(house: House) -> None:
    daemon = house.start(
        f'{DEAF}graceful_stop = "2500ms"\n[tasks.tick]\ncron = "@every 1s"\nrun = "true"\n'
        '[tasks.again]\nrun_on_start = true\nretry_attempts = 9\nretry_delay = "1ms"\n'
        'run = "exec sleep 1000"\n'
    )
    house.logs(house.running("deaf")[0], "ready")
    house.running("again")
    daemon.signal(signal.SIGTERM)
    daemon.says("stopping")
    before = len(house.runs())
    assert daemon.ends() == 0
    assert len(house.runs()) == before


@pytest.mark.fault("children", "run as the daemon stops")
def test_what_the_daemon_started_last_is_ended_with_it(house: House) -> None:
    """Runs that begin as the signal comes."""
    for _ in range(2):
        daemon = house.launch('[services.busy]\ninstances = 30\nrun = "sleep 1000"\n')
        wait_for(lambda: len(house.processes()) > 3, lambda: house.said)
        assert daemon.stop() == 0
        assert not house.processes()
        assert not [run for run in house.runs() if run.phase is Phase.RUNNING]


def test_a_daemon_told_to_stop_before_it_is_ready_stops(house: House) -> None:
    for moment in range(16):
        daemon = house.launch(SLEEPER)
        with pytest.raises(subprocess.TimeoutExpired):
            daemon.process.wait(moment * 0.02)
        daemon.signal(signal.SIGTERM)
        assert daemon.ends() in (0, -signal.SIGTERM), house.said
        assert not house.processes()
        assert not (house.data / "daemon.pid").exists()


def test_a_process_that_leaves_the_group_holds_up_the_end_no_longer_than_its_grace(house: House) -> None:
    daemon = house.start(
        "[services.escape]\ngraceful_stop = '300ms'\n"
        "run = \"setsid sh -c 'trap : TERM; echo away; while :; do sleep 0.1; done' & wait\"\n"
    )
    [run] = house.running("escape")
    house.logs(run, "away")
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < PATIENCE / 2
    assert not house.processes()


def test_the_log_of_what_was_killed_is_complete_though_a_stranger_holds_its_pipe(house: House) -> None:
    """Its row has its lines, and the pump, which has read for long enough, does not outlive the daemon."""
    daemon = house.start(
        '[daemon]\nshutdown_timeout = "1s"\n[tasks.deaf]\nrun_on_start = true\nrun = """\n'
        "trap '' TERM\necho one\n"
        "setsid env -i sh -c 'echo $$ > holder; exec sleep 1000' &\n"
        'while sleep 0.1; do echo more; done\n"""\n'
    )
    holder = int(house.wait_for_file("holder"))
    house.logs(house.running("deaf")[0], "more")
    pump = daemon.pump_pid
    daemon.stop()
    try:
        assert not is_alive(pump)
    finally:
        os.kill(holder, signal.SIGKILL)
    run = house.run_of("deaf")
    assert run.log_lines == house.log(run).count("\n") - 1
    assert "leaving it behind" not in daemon.said
