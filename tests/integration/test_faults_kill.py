"""Daemon and pump killed outright, at any moment: nothing is lost, doubled, stuck or left running."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.run import EndReason, Phase, Run
from runwisp.task import Kind
from tests.faults.recording import Seen
from tests.integration.running import Daemon, House, child, is_alive
from tests.integration.waiting import wait_for

SERVED_TWICE = 99
NOTE = "echo $RUNWISP_RUN_ID >> ran"
BUSY = f"""
[defaults]
graceful_stop = "1s"

[tasks.tick]
cron = "@every 1s"
catch_up = "all"
max_catch_up_runs = 100000
queue_max = 10000
run = "{NOTE}"

[tasks.queue]
cron = "@every 1s"
catch_up = "all"
queue_max = 10000
run = "{NOTE}; sleep 0.2"

[tasks.flaky]
cron = "@every 1s"
catch_up = "latest"
retry_attempts = 2
retry_delay = "150ms"
run = "{NOTE}; exit 1"

[tasks.printer]
cron = "@every 1s"
catch_up = "skip"
on_overlap = "terminate"
run = "{NOTE}; for n in $(seq 50); do echo line $n; sleep 0.02; done"

[services.only]
instances = 3
restart_delay = "20ms"
run = "{NOTE}; exec 9> lock.$RUNWISP_REPLICA; flock -n 9 || exit {SERVED_TWICE}; exec sleep 1000"

[services.moody]
restart_delay = "50ms"
healthy_after = "10ms"
run = "{NOTE}; sleep 0.3; exit 3"
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


def unfinished(house: House) -> list[Run]:
    return [run for run in house.runs() if run.phase is not Phase.ENDED]


def lives_for(daemon: Daemon, seconds: float) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.process.wait(seconds)


@pytest.mark.fault("daemon", "SIGKILL at random moments while tasks start, print, end, retry and queue")
@pytest.mark.parametrize("kills", [5, pytest.param(300, marks=pytest.mark.faults)])
def test_a_daemon_killed_at_random_moments_loses_nothing_and_doubles_nothing(
    house: House, kills: int, seen: Seen
) -> None:
    house.write(BUSY)
    moments = random.Random(kills)  # noqa: S311
    for number in range(kills):
        daemon = house.launch()
        if number % 2:  # else it may be killed before it runs anything, and on a busy machine is
            wait_for(lambda daemon=daemon: daemon.is_ready)  # type: ignore[misc]
            house.running("only", 3)
        lives_for(daemon, moments.uniform(0.05, 1.8))
        if moments.random() < 0.3 and (pump := daemon.pump_pid):
            os.kill(pump, signal.SIGKILL)
            lives_for(daemon, moments.uniform(0, 0.2))
        daemon.kill()
    last = house.start()
    left = {run.id for run in unfinished(house) if run.kind is Kind.TASK}
    house.running("only", 3)
    for name in ("tick", "queue"):  # on a very busy machine no life before this one may have lasted a second
        house.ended(name)
    wait_for(lambda: not left & {run.id for run in unfinished(house)}, lambda: unfinished(house))
    assert last.stop() == 0
    house.check()
    runs = house.runs()
    for name in ("tick", "queue"):
        times = sorted(run.scheduled_for or 0 for run in runs if run.task_name == name)
        assert times == list(range(times[0], times[-1] + 1, 1000)), f"{name}: a firing is lost or doubled"
    started = Counter((house.folder / "ran").read_text().split())
    assert not [run_id for run_id, count in started.items() if count > 1]
    assert started.keys() <= {run.id for run in runs if run.start_at}
    assert not [run for run in runs if run.exit_code == SERVED_TWICE]
    assert {run.exit_code for run in runs if run.end_reason is EndReason.CRASHED} <= {-2}
    attempts = Counter(run.retry_of_run_id for run in runs if run.retry_of_run_id)
    assert not [run_id for run_id, count in attempts.items() if count > 1], "one failure, one retry"
    crashed = sum(run.end_reason is EndReason.CRASHED for run in runs)
    assert crashed >= 3 * (kills // 2), "the replicas of the service at least"
    seen(f"{kills} kills: {len(runs):,} runs, {crashed:,} of them crashed, none lost, doubled or stuck")


@pytest.mark.fault("daemon", "SIGKILL at random moments while tasks start, print, end, retry and queue")
def test_what_a_killed_daemon_left_running_is_ended_before_its_successor_starts(house: House) -> None:
    daemon = house.start(
        '[defaults]\ngraceful_stop = "500ms"\n'
        f"[services.deaf]\nrun = '{child('ignore_term')}'\n"
        f"[services.escape]\nrun = '{child('setsid_and_hold')}; sleep 1000'\n"
        f"[services.wiped]\nrun = '{child('wipe_environment')}'\n"
        "[services.polite]\nrun = \"trap 'echo asked > asked; exit' TERM; echo up; sleep 1000 & wait\"\n"
        '[tasks.job]\nrun_on_start = true\nrun = "exec sleep 1000"\n'
    )
    first = {name: house.running(name)[0] for name in ("deaf", "escape", "wiped", "polite", "job")}
    house.logs(first["polite"], "up")
    house.logs(first["deaf"], "ready")
    house.logs(first["wiped"], "wiped")
    wait_for(lambda: "\n" in house.log(first["escape"]))
    escaped = int(house.log(first["escape"]).split()[0])
    daemon.kill()
    old = [*(run.pid or 0 for run in first.values()), escaped]
    assert all(is_alive(pid) for pid in old)
    house.start(house.config.read_text().replace("run_on_start = true\n", ""))
    assert not [pid for pid in old if is_alive(pid)]
    assert (house.folder / "asked").exists(), "each had its stop signal first"
    for name, run in first.items():
        ended = next(each for each in house.runs(name) if each.id == run.id)
        assert (ended.end_reason, ended.exit_code) == (EndReason.CRASHED, -2), name
        assert ended.message == "the daemon died while this run was in flight"
    died = max(run.end_at or 0 for run in house.runs() if run.end_reason is EndReason.CRASHED)
    for name in ("deaf", "wiped"):
        [successor] = house.running(name)
        assert successor.id != first[name].id
        assert (successor.start_at or 0) >= died - 1


def test_only_what_is_still_there_is_given_its_grace(house: House) -> None:
    """And none, when it is to have none."""
    daemon = house.start(
        '[services.gone]\nrun = "exec sleep 1000"\ngraceful_stop = "1h"\n'
        f"[services.deaf]\nrun = '{child('ignore_term')}'\ngraceful_stop = \"0s\"\n"
    )
    [gone], [deaf] = house.running("gone"), house.running("deaf")
    house.logs(deaf, "ready")
    daemon.kill()
    os.kill(gone.pid or 0, signal.SIGKILL)
    wait_for(lambda: not is_alive(gone.pid or 0))
    house.start()
    assert not is_alive(deaf.pid or 0)


def test_a_daemon_told_to_stop_while_it_waits_for_the_past_stops_at_once(house: House) -> None:
    first = house.start(f"[services.deaf]\nrun = '{child('ignore_term')}'\ngraceful_stop = \"1h\"\n")
    [deaf] = house.running("deaf")
    house.logs(deaf, "ready")
    first.kill()
    second = house.launch()
    second.says("ending a process that the former daemon left running")
    assert not second.is_ready
    assert second.stop() == 0
    assert is_alive(deaf.pid or 0), "its grace is not over; the next daemon goes on with it"
    house.start(house.config.read_text().replace("1h", "0s"))
    assert not is_alive(deaf.pid or 0)


@pytest.mark.fault("daemon", "recycled pid in daemon.pid")
def test_a_process_that_only_has_a_pid_in_common_is_left_alone(house: House) -> None:
    daemon = house.start('[services.s]\nrun = "sleep 1000"\n')
    [run] = house.running("s")
    daemon.kill()
    os.kill(run.pid or 0, signal.SIGKILL)
    wait_for(lambda: not is_alive(run.pid or 0))
    with subprocess.Popen(["sleep", "1000"]) as innocent:
        house.pretend("UPDATE runs SET pid = ? WHERE id = ?", innocent.pid, run.id)
        house.start()
        [successor] = house.running("s")
        assert successor.id != run.id
        assert innocent.poll() is None
        innocent.kill()


@pytest.mark.fault("daemon", "SIGKILL at random moments while tasks start, print, end, retry and queue")
def test_a_killed_daemon_is_a_failure_of_the_task_that_is_tried_again(house: House) -> None:
    daemon = house.start(
        '[tasks.job]\nrun_on_start = true\nretry_attempts = 1\nretry_delay = "10ms"\n'
        'run = "test -e open || sleep 999"\n'
    )
    house.running("job")
    daemon.kill()
    (house.folder / "open").touch()
    house.start(house.config.read_text().replace("run_on_start = true\n", ""))
    crashed, retried = house.ended("job", 2)
    assert (crashed.end_reason, retried.end_reason) == (EndReason.CRASHED, EndReason.SUCCESS)
    assert (retried.retry_attempt, retried.retry_of_run_id) == (1, crashed.id)


@pytest.mark.fault("daemon", "SIGKILL at random moments while tasks start, print, end, retry and queue")
def test_the_log_of_a_crashed_run_is_completed(house: House) -> None:
    daemon = house.start('[tasks.job]\nrun_on_start = true\nrun = "echo printed; exec sleep 1000"\n')
    [run] = house.running("job")
    house.logs(run, "printed")
    daemon.kill()
    house.start(house.config.read_text().replace("run_on_start = true\n", ""))
    wait_for(lambda: house.run_of("job").log_lines)
    run = house.run_of("job")
    assert (run.end_reason, run.log_lines, run.log_bytes) == (EndReason.CRASHED, 1, 8)
    assert house.log(run).startswith("printed\n")


# The pump


@pytest.mark.fault("pump", "SIGKILL while 100 tasks print")
@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.faults)])
def test_a_killed_pump_is_replaced_and_no_task_notices(house: House, count: int, seen: Seen) -> None:
    """At most what was in the hands of the pump is missing, and that is marked."""
    lost = printed = 0
    daemon = house.start(
        "".join(
            f"[tasks.t{n}]\nrun_on_start = true\nrun = '{child('count_up', 'enough')}'\n"
            for n in range(count)
        )
    )
    for n in range(count):
        house.logs(house.running(f"t{n}")[0], "10\n")
    for _ in range(3):
        pump = wait_for(lambda: daemon.pump_pid)
        os.kill(pump, signal.SIGKILL)
        wait_for(lambda pump=pump: daemon.pump_pid not in (0, pump))  # type: ignore[misc]
        for n in range(count):
            grows(house, house.runs(f"t{n}")[0])
    (house.folder / "enough").touch()
    for n in range(count):
        run = house.run_of(f"t{n}")
        assert (run.end_reason, run.exit_code) == (EndReason.SUCCESS, 0), "it saw no SIGPIPE"
        lines = house.log(run).splitlines()
        numbers = [int(line) for line in lines if line.isdecimal()]
        assert numbers == sorted(set(numbers)), "no line twice, and each in its place"
        last = int(next(line for line in lines if line.startswith("end ")).split()[1])
        if len(numbers) < last:
            assert any("Log capture was interrupted" in line for line in lines)
        assert len(numbers) > last - 3 * count, "no more is missing than was in the hands of three pumps"
        printed += last
        lost += last - len(numbers)
    assert daemon.said.count("a helper process died") == 3
    seen(f"3 pumps killed under {count} tasks: {lost} of {printed:,} lines lost, marked; no SIGPIPE")


def grows(house: House, run: Run) -> None:
    """Waits until more of a run is in its log."""
    size = len(house.log(run))
    wait_for(lambda: len(house.log(run)) > size)


@pytest.mark.fault("pump", "SIGKILL while 100 tasks print")
def test_a_run_that_ends_while_there_is_no_pump_ends_once_there_is(house: House) -> None:
    daemon = house.start('[tasks.job]\nrun_on_start = true\nrun = "echo before; sleep 1; echo after"\n')
    [run] = house.running("job")
    house.logs(run, "before")
    frozen = wait_for(lambda: daemon.pump_pid)
    os.kill(frozen, signal.SIGSTOP)
    wait_for(lambda: not is_alive(run.pid or 0))
    assert house.runs("job")[0].phase is Phase.RUNNING
    os.kill(frozen, signal.SIGKILL)
    run = house.run_of("job")
    assert run.end_reason is EndReason.SUCCESS
    printed = [line for line in house.log(run).splitlines() if not line.startswith("[SYSTEM] ")]
    assert printed == ["before", "after"]


@pytest.mark.fault("daemon", "SIGKILL at random moments while tasks start, print, end, retry and queue")
def test_daemon_and_pump_killed_together_leave_nothing_behind(house: House) -> None:
    daemon = house.start(BUSY)
    house.running("only", 3)
    pump = wait_for(lambda: daemon.pump_pid)
    os.kill(pump, signal.SIGKILL)
    daemon.kill()
    house.start()
    replicas = house.running("only", 3)
    assert sorted(run.replica_index for run in replicas) == [0, 1, 2]
    assert not [run for run in house.runs("only") if run.exit_code == SERVED_TWICE]


@pytest.mark.fault("daemon", "SIGKILL at random moments while tasks start, print, end, retry and queue")
def test_a_task_that_outlives_the_daemon_keeps_its_pump_until_it_ends(house: House) -> None:
    daemon = house.start(f"[tasks.job]\nrun_on_start = true\nrun = '{child('count_up', 'enough')}'\n")
    [run] = house.running("job")
    house.logs(run, "10\n")
    pump = wait_for(lambda: daemon.pump_pid)
    daemon.kill()
    grows(house, run)
    assert is_alive(run.pid or 0) and is_alive(pump)
    (house.folder / "enough").touch()
    wait_for(lambda: not is_alive(pump))
    assert "end " in house.log(run)
    house.start('[tasks.other]\nrun = "true"\n')
    assert house.run_of("job").end_reason is EndReason.CRASHED
    wait_for(lambda: house.run_of("job").log_lines)
    assert house.run_of("job").log_lines == house.log(run).count("\n")
