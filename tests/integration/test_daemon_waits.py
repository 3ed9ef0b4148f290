"""Runs that wait for one another or for their next attempt, and go on waiting while no daemon is there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from runwisp.run import EndReason, Phase, Run, Trigger, WaitsFor
from tests.integration.running import Daemon, House, child, is_alive
from tests.integration.waiting import wait_for

ENDINGS = pytest.mark.parametrize("end", [Daemon.stop, Daemon.kill], ids=["stopped", "killed"])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


def hourly(name: str, run: str, *keys: str) -> str:
    """To be started with firings to catch up, which come all at once."""
    lines = (f"[tasks.{name}]", 'cron = "@every 1h"', 'catch_up = "all"', f"run = '''{run}'''", *keys, "")
    return "\n".join(lines)


def at_start(name: str, run: str, *keys: str) -> str:
    return "\n".join((f"[tasks.{name}]", "run_on_start = true", f"run = '''{run}'''", *keys, ""))


def printed_pid(house: House, run: Run) -> int:
    """The one that a run printed; a line of the daemon's own may come before it."""
    return next(int(line) for line in house.log(run).splitlines() if line.isdecimal())


def most_at_once(ended: list[Run]) -> int:
    moments = [(run.start_at, 1) for run in ended if run.start_at]
    moments += [(run.end_at, -1) for run in ended if run.start_at and run.end_at]
    return max(accumulate(step for _, step in sorted(moments)), default=0)


def in_turn(ended: list[Run]) -> bool:
    """Whether each began after the one before had ended."""
    return all((one.end_at or 0) <= (next_one.start_at or 0) for one, next_one in pairwise(ended))


# Overlap


def test_a_firing_during_a_run_is_skipped_and_recorded_as_the_guide_says(house: House) -> None:
    house.start_after(3, hourly("slow", "sleep 1000", 'on_overlap = "skip"'))
    skipped = house.ended("slow", 2)
    assert [(run.end_reason, run.exit_code) for run in skipped] == [(EndReason.SKIPPED, -1)] * 2
    assert "task already running, skipping (policy: skip)" in skipped[0].message
    assert {run.start_at for run in skipped} == {None}
    assert len(house.running("slow")) == 1


def test_firings_wait_in_their_order_and_none_beyond_the_bound(house: House) -> None:
    house.start_after(5, hourly("job", "test -e open || exec sleep 1000", "queue_max = 2"))
    refused = house.ended("job", 2)
    assert {(run.end_reason, run.exit_code) for run in refused} == {(EndReason.QUEUE_FULL, -1)}
    [running], waiting = house.running("job"), house.waiting("job", 2)
    assert {run.waits_for for run in waiting} == {WaitsFor.QUEUE}
    (house.folder / "open").touch()
    os.kill(running.pid or 0, signal.SIGTERM)
    started = [run for run in house.ended("job", 5) if run.start_at]
    assert [run.id for run in started] == [running.id, *(run.id for run in waiting)]
    assert in_turn(started)
    times = [run.scheduled_for or 0 for run in house.runs("job")]
    assert times == list(range(times[0], times[0] + 5 * 3_600_000, 3_600_000))


def test_as_many_run_at_once_as_parallelism_says(house: House) -> None:
    house.start_after(5, hourly("pair", "sleep 0.2", "parallelism = 2"))
    assert most_at_once(house.ended("pair", 5)) == 2


def test_a_newer_firing_replaces_the_oldest_run(house: House) -> None:
    house.start_after(3, hourly("mirror", "sleep 1000", 'on_overlap = "terminate"'))
    ended = house.ended("mirror", 2)
    assert {run.end_reason for run in ended} == {EndReason.STOPPED}
    assert "replaced by a newer run (policy: terminate)" in ended[0].message
    assert most_at_once(ended) <= 1
    [left] = house.running("mirror")
    assert left.id > max(run.id for run in ended)


@ENDINGS
def test_the_queue_outlives_the_daemon_and_goes_on_in_order(
    house: House, end: Callable[[Daemon], object]
) -> None:
    daemon = house.start_after(4, hourly("job", "test -e open || exec sleep 1000"))
    house.running("job")
    waiting = [run.id for run in house.waiting("job", 3)]
    end(daemon)
    assert [run.id for run in house.runs("job") if run.phase is Phase.PENDING] == waiting
    (house.folder / "open").touch()
    house.start()
    first, *rest = house.ended("job", 4)
    assert first.end_reason is (EndReason.CRASHED if end is Daemon.kill else EndReason.DAEMON_STOPPED)
    assert [run.id for run in rest] == waiting
    assert {run.end_reason for run in rest} == {EndReason.SUCCESS}
    assert in_turn(rest)


# Retries


def test_each_attempt_is_a_run_of_its_own_that_names_the_one_before(house: House) -> None:
    house.start(
        at_start(
            "flaky",
            "echo attempt $RUNWISP_ATTEMPT; test $RUNWISP_ATTEMPT = 2",
            "retry_attempts = 5",
            'retry_delay = "200ms"',
            'retry_backoff = "linear"',
        )
        + at_start("hopeless", "exit 9", "retry_attempts = 2", 'retry_delay = "10ms"')
    )
    runs = house.ended("flaky", 3)
    assert [run.retry_attempt for run in runs] == [0, 1, 2]
    assert [run.retry_of_run_id for run in runs] == [None, runs[0].id, runs[1].id]
    assert [run.end_reason for run in runs] == [EndReason.FAILED, EndReason.FAILED, EndReason.SUCCESS]
    assert {run.triggered_by for run in runs} == {Trigger.STARTUP}
    assert [house.log(run) for run in runs] == [f"attempt {n}\n" for n in range(3)]
    waits = [(later.start_at or 0) - (earlier.end_at or 0) for earlier, later in pairwise(runs)]
    assert waits[0] >= 200 and waits[1] >= 400
    assert [run.exit_code for run in house.ended("hopeless", 3)] == [9, 9, 9]


def test_a_firing_during_the_wait_for_a_retry_meets_the_overlap_policy(house: House) -> None:
    keys = ('cron = "@every 1s"', "retry_attempts = 3", 'retry_delay = "1m"', 'on_overlap = "skip"')
    house.start(at_start("job", "exit 1", *keys))
    failed, skipped = house.ended("job", 2)
    [waiting] = house.waiting("job")
    assert (waiting.waits_for, waiting.retry_of_run_id) == (WaitsFor.RETRY, failed.id)
    assert (skipped.end_reason, skipped.triggered_by) == (EndReason.SKIPPED, Trigger.CRON)
    assert skipped.created_at > (failed.end_at or 0)


@ENDINGS
def test_an_attempt_that_waits_outlives_the_daemon(house: House, end: Callable[[Daemon], object]) -> None:
    daemon = house.start(
        at_start("job", "exit 1", "retry_attempts = 1", 'retry_delay = "1s"')
        + at_start("far", "exit 1", "retry_attempts = 1", 'retry_delay = "4m"')
    )
    [waiting], [far] = house.waiting("job"), house.waiting("far")
    end(daemon)
    house.start(house.config.read_text().replace("run_on_start = true\n", ""))
    wait_for(lambda: [run for run in house.runs("job") if run.id == waiting.id and run.end_at])
    [retry] = [run for run in house.runs("job") if run.id == waiting.id]
    assert (retry.end_reason, retry.retry_attempt) == (EndReason.FAILED, 1)
    [still] = house.runs("far")[-1:]
    assert (still.id, still.phase, still.due_at) == (far.id, Phase.PENDING, far.due_at)


def test_a_waiting_run_whose_task_is_gone_ends_stopped(house: House) -> None:
    daemon = house.start(at_start("job", "exit 1", "retry_attempts = 1", 'retry_delay = "4m"'))
    [waiting] = house.waiting("job")
    daemon.stop()
    house.start('[tasks.other]\nrun = "true"\n')
    ended = house.ended("job", 2)[-1]
    assert (ended.id, ended.end_reason, ended.exit_code) == (waiting.id, EndReason.STOPPED, -1)
    assert ended.message == "nothing in the configuration starts it any more"


def test_a_task_that_restarts_on_failure_goes_on_until_it_succeeds(house: House) -> None:
    house.start(at_start("job", "test $RUNWISP_ATTEMPT = 1", 'restart = "on_failure"'))
    runs = house.ended("job", 2)
    assert [run.end_reason for run in runs] == [EndReason.FAILED, EndReason.SUCCESS]


# Timeouts


def test_a_run_past_its_timeout_goes_down_the_ladder_and_is_tried_again(house: House) -> None:
    house.start(
        at_start(
            "mild",
            "sleep 1000",
            'timeout = "200ms"',
            "retry_attempts = 1",
            'retry_delay = "10ms"',
        )
        + at_start("deaf", child("ignore_term"), 'timeout = "1s"', 'graceful_stop = "300ms"')
        + at_start("at-once", "sleep 1000", 'timeout = "200ms"', 'graceful_stop = "0s"')
        + at_start(
            "polite",
            "trap 'exit 0' INT; sleep 1000 & wait",
            'timeout = "1s"',
            'stop_signal = "SIGINT"',
            'graceful_stop = "300ms"',
        )
    )
    first, second = house.ended("mild", 2)
    assert (first.end_reason, first.exit_code, second.retry_of_run_id) == (EndReason.TIMEOUT, 143, first.id)
    assert first.message == "ran longer than its timeout of 200ms"
    deaf = house.run_of("deaf")
    assert (deaf.end_reason, deaf.exit_code, house.log(deaf)) == (EndReason.TIMEOUT, 137, "ready\n")
    assert deaf.start_at and deaf.end_at and deaf.end_at - deaf.start_at >= 1300
    assert house.run_of("at-once").exit_code == 137
    polite = house.run_of("polite")
    assert (polite.end_reason, polite.exit_code) == (EndReason.TIMEOUT, 0)


@pytest.mark.fault("children", "stopped with SIGSTOP")
def test_a_stopped_process_is_continued_so_that_it_can_end(house: House) -> None:
    house.start(at_start("frozen", "kill -STOP $$", 'timeout = "300ms"', 'graceful_stop = "1m"'))
    run = house.run_of("frozen")
    assert (run.end_reason, run.exit_code) == (EndReason.TIMEOUT, 143)


def test_a_log_at_its_cap_ends_the_task_that_asks_for_it(house: House) -> None:
    house.start(
        at_start("loud", child("spew", 10**9), 'log_max_size = "100KB"', 'log_on_full = "kill_task"')
        + at_start("old", child("spew", 500_000), 'log_max_size = "100KB"', 'log_on_full = "drop_old"')
        + at_start("new", child("spew", 500_000), 'log_max_size = "100KB"', 'log_on_full = "drop_new"')
    )
    loud = house.run_of("loud")
    assert (loud.end_reason, loud.exit_code) == (EndReason.LOG_OVERFLOW, 143)
    assert "[SYSTEM] Log cap of 102400 bytes reached (log_max_size)" in house.log(loud)
    for name in ("old", "new"):
        run = house.run_of(name)
        assert (run.end_reason, run.log_bytes, run.log_lines) == (EndReason.SUCCESS, 500_000, 5_000)
        assert run.log_dropped_lines > 3_000
        assert f"{run.log_dropped_lines} lines were dropped in all" in house.log(run)
        assert run.log_disk_bytes <= 102_400 + 8_192


def test_a_run_that_ended_in_time_has_not_timed_out_though_the_daemon_slept_meanwhile(house: House) -> None:
    daemon = house.start(
        at_start("job", "while [ ! -e go ]; do sleep 0.05; done", 'timeout = "3s"')
        + '[tasks.tick]\ncron = "@every 1s"\nrun = "true"\n'
    )
    [run] = house.running("job")
    assert run.start_at and run.pid
    daemon.signal(signal.SIGSTOP)
    (house.folder / "go").touch()
    wait_for(lambda: not is_alive(run.pid or 0))
    wait_for(lambda: time.time() * 1000 > (run.start_at or 0) + 3_100)
    daemon.signal(signal.SIGCONT)
    assert house.run_of("job").end_reason is EndReason.SUCCESS


# What is left behind


@pytest.mark.fault("children", "setsid and keep the pipe")
def test_what_left_the_group_of_a_stopped_run_is_ended_too(house: House) -> None:
    house.start(
        at_start("escape", child("setsid_and_hold", "aloud") + "; sleep 1000", 'timeout = "1s"')
        + at_start(
            "deaf-escape",
            "trap '' TERM; setsid sleep 1000 & echo $!; sleep 999",
            'timeout = "1s"',
            'graceful_stop = "200ms"',
        )
    )
    run = house.run_of("escape")
    pid = printed_pid(house, run)
    assert "told to end" in house.log(run)
    wait_for(lambda: not is_alive(pid))
    run = house.run_of("deaf-escape")
    assert run.exit_code == 137
    wait_for(lambda: not house.processes(run.id))


@pytest.mark.fault("children", "fork and leave")
def test_what_a_run_leaves_behind_by_ending_is_named_and_left_alone(house: House) -> None:
    house.start(at_start("leaver", child("fork_and_leave")) + at_start("holder", child("setsid_and_hold")))
    for name in ("leaver", "holder"):
        run = house.run_of(name)
        assert run.end_reason is EndReason.SUCCESS
        pid = printed_pid(house, run)
        assert f"[SYSTEM] process {pid} (" in house.log(run)
        assert "was left behind and goes on" in house.log(run)
        assert is_alive(pid)
        assert run.start_at and run.end_at and run.end_at - run.start_at < 10_000
    pids = [printed_pid(house, house.run_of(name)) for name in ("leaver", "holder")]
    house.daemons[0].stop()
    assert all(is_alive(pid) for pid in pids), "what was left behind outlives the daemon as it would cron"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not house.processes())


@pytest.mark.fault("children", "close stdout and go on")
def test_a_run_that_closes_its_outputs_runs_on(house: House) -> None:
    house.start(at_start("quiet", child("close_stdout"), 'timeout = "2s"'))
    run = house.run_of("quiet")
    assert (run.end_reason, run.exit_code) == (EndReason.TIMEOUT, 143)
    assert house.log(run) == "last words\n"
