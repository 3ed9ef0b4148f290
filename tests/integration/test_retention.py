"""What is kept and what goes: rows and files together, a little at a time, and nothing that still runs."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from runwisp.clock import DAY, HOUR, Wall
from runwisp.daemon.retention import BATCH, UNDER_WAY, Keep, Retention, bytes_on_disk, keep_of
from runwisp.firing import Mark
from runwisp.history import History
from runwisp.notifier import NotifySettings
from runwisp.paths import DataDir
from runwisp.run import EndReason, Run, WaitsFor, ended
from runwisp.task import Task
from runwisp.wire import Remove
from tests.integration.rows import LIFE, T0, a_data_dir, a_run, a_running, an_ended, history_in

ALL = Keep(None, None)
NOW = Wall(T0 + 100 * DAY)


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return a_data_dir(tmp_path)


@pytest.fixture
def history(data: DataDir) -> Iterator[History]:
    with history_in(data) as found:
        yield found


def retention(
    history: History,
    keeps: Mapping[str, Keep] | None = None,
    default: Keep = ALL,
    max_size: int = 0,
    logs: str = "/none",
) -> Retention:
    return Retention(
        history, keeps or {}, default, max_size, logs, tell=lambda _: None, notify=NotifySettings()
    )


def swept(kept: Retention, now: Wall = NOW) -> list[str]:
    """Carries out a whole sweep with a pump that answers at once; gives the logs it was told to delete."""
    kept.begin(now)
    logs: list[str] = []
    while kept.wants_step:
        for removal in kept.step(now):
            logs += removal.logs
            kept.removed(removal.ticket)
    return logs


def kept_runs(history: History, runs: list[Run]) -> list[Run]:
    return [run for run in runs if history.run(run.id)]


def logs_of(runs: list[Run]) -> list[str]:
    return [f"{run.task_name}/{run.log_stem}" for run in runs]


def several(count: int, task_name: str = "backup", every: int = HOUR, size: int = 1000) -> list[Run]:
    return [an_ended(task_name, T0 + number * every, size) for number in range(count)]


# What goes


def test_the_newest_runs_of_each_task_are_kept(history: History) -> None:
    backups, reports = several(10), several(10, "report")
    history.save([*backups, *reports])
    logs = swept(retention(history, {"backup": Keep(3, None), "report": Keep(20, None)}))
    assert kept_runs(history, backups) == backups[7:]
    assert kept_runs(history, reports) == reports
    assert logs == logs_of(backups[:7])


def test_runs_older_than_keep_for_go_even_when_they_are_few(history: History) -> None:
    runs = several(4, every=30 * DAY)
    history.save(runs)
    logs = swept(retention(history, {"backup": Keep(10, 50 * DAY)}))
    assert kept_runs(history, runs) == runs[2:]
    assert logs == logs_of(runs[:2])


def test_a_row_from_a_wrong_clock_does_not_shelter_older_ones(history: History) -> None:
    runs = [an_ended(at=T0 + 10**10), an_ended(at=T0), an_ended(at=NOW - HOUR)]
    history.save(runs)
    swept(retention(history, {"backup": Keep(10, 50 * DAY)}))
    assert kept_runs(history, runs) == [runs[0], runs[2]]


def test_either_is_enough(history: History) -> None:
    runs = several(5, every=20 * DAY)
    history.save(runs)
    swept(retention(history, {"backup": Keep(2, 70 * DAY)}))
    assert kept_runs(history, runs) == runs[3:]


def test_nothing_that_has_not_ended_ever_goes(history: History) -> None:
    alive = [a_running(), replace(a_run(), waits_for=WaitsFor.QUEUE)]
    history.save([*alive, *several(3)])
    assert len(swept(retention(history, {"backup": Keep(0, HOUR)}, max_size=1))) == 3
    assert [run for run, _ in history.unfinished()] == alive


def test_unlimited_keeps_all(history: History) -> None:
    runs = several(20)
    history.save(runs)
    assert swept(retention(history, {"backup": ALL}, default=Keep(1, 1))) == []
    assert kept_runs(history, runs) == runs


def test_a_task_that_left_the_configuration_is_kept_by_the_defaults(history: History) -> None:
    runs = several(10, "gone")
    history.save(runs)
    swept(retention(history, {"backup": ALL}, default=Keep(4, None)))
    assert kept_runs(history, runs) == runs[6:]


def test_marks_outlive_every_run_but_not_their_task(history: History) -> None:
    mark = Mark("backup", "@daily", T0)
    history.save(several(3), [mark, replace(mark, task_name="gone")])
    swept(retention(history, {"backup": Keep(0, None, is_scheduled=True)}))
    assert history.task_names() == []
    assert history.marks() == {"backup": mark}


def test_a_schedule_that_is_taken_out_of_its_task_is_forgotten(history: History) -> None:
    """Put back a month later, it would catch up on a month."""
    history.save([], [Mark("backup", "@daily", T0)])
    swept(retention(history, {"backup": keep_of(Task(name="backup", run="true", working_dir="/"))}))
    assert history.marks() == {}


def test_a_definition_says_what_to_keep() -> None:
    task = Task(name="backup", run="true", working_dir="/", keep_runs=7, keep_for=None)
    assert keep_of(task) == Keep(7, None)
    assert keep_of(replace(task, cron="@daily")) == Keep(7, None, is_scheduled=True)


def test_what_never_started_has_no_log_to_delete(history: History) -> None:
    """Its name was never claimed: a run of the same second may have it."""
    skipped = ended(a_run(), EndReason.SKIPPED, -1, "task already running", T0)
    history.save([skipped])
    assert swept(retention(history, default=Keep(0, None))) == []
    assert history.run(skipped.id) is None


# max_size


def test_over_max_size_the_logs_of_what_ended_first_go_at_once_and_their_rows_at_the_next_sweep(
    history: History,
) -> None:
    runs = several(10, size=1000)
    runs[0] = replace(runs[0], end_at=Wall(T0 + 90 * DAY))
    history.save(runs)
    kept = retention(history, max_size=6500)
    assert swept(kept) == logs_of(runs[1:5])
    assert len(kept_runs(history, runs)) == 10
    assert history.log_disk_bytes() == 6000
    assert swept(kept, Wall(NOW + HOUR)) == []
    assert kept_runs(history, runs) == [runs[0], *runs[5:]]


def test_max_size_counts_what_is_being_written(history: History, tmp_path: Path) -> None:
    running = a_running("service")
    log = tmp_path / "service" / running.log_stem
    log.parent.mkdir()
    for suffix in (".log", ".log.prev", ".log.idx", ".log.meta"):
        Path(f"{log}{suffix}").write_bytes(b"x" * 500)
    runs = several(5, size=1000)
    history.save([running, *runs])
    assert bytes_on_disk(str(log)) == 2000
    assert swept(retention(history, max_size=5000, logs=str(tmp_path))) == logs_of(runs[:2])


def test_a_log_that_cannot_be_looked_at_counts_nothing(tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("in the way of a folder")
    assert bytes_on_disk(str(tmp_path / "backup" / "log")) == 0


def test_under_max_size_nothing_goes(history: History) -> None:
    history.save(several(5, size=1000))
    assert swept(retention(history, max_size=5000)) == []


def test_logs_without_a_size_are_not_taken_for_a_cap(history: History) -> None:
    history.save([a_running(), *several(3, size=0)])
    assert swept(retention(history, max_size=1)) == []


# When


def test_a_task_is_swept_out_of_turn_once_it_has_a_tenth_too_many(history: History) -> None:
    kept = retention(history, {"backup": Keep(20, None), "report": Keep(20, None)})
    swept(kept)
    runs = several(23)
    for run in runs[:22]:
        history.save([run])
        kept.run_ended("backup")
    assert not kept.wants_step
    history.save([runs[22]])
    kept.run_ended("backup")
    while kept.wants_step:
        for removal in kept.step(NOW):
            kept.removed(removal.ticket)
    assert kept_runs(history, runs) == runs[3:]
    kept.run_ended("backup")
    assert not kept.wants_step


def test_a_start_knows_how_many_there_are(history: History) -> None:
    history.save(several(22))
    kept = retention(history, {"backup": Keep(20, None)})
    swept(kept)
    for _ in range(2):
        kept.run_ended("backup")
    assert not kept.wants_step
    kept.run_ended("backup")
    assert kept.wants_step


def test_with_nothing_to_do_there_is_no_step(history: History) -> None:
    kept = retention(history)
    swept(kept)
    assert not kept.wants_step


# The pump


def test_files_are_asked_for_again_by_the_next_daemon_until_they_are_gone(history: History) -> None:
    runs = several(3)
    history.save(runs)
    first = retention(history, default=Keep(0, None))
    first.begin(NOW)
    asked = first.step(NOW)
    assert asked == [Remove(1, tuple(logs_of(runs)))]
    second = retention(history)
    assert second.wants_step
    again = second.step(NOW)
    assert again[0].logs == asked[0].logs
    second.removed(again[0].ticket)
    second.removed(again[0].ticket)
    second.step(NOW)
    assert not second.wants_step
    assert retention(history).step(NOW) == []


def test_files_that_stay_are_asked_for_again_by_the_next_sweep_and_hold_up_no_others(
    history: History,
) -> None:
    runs = several(3)
    history.save(runs)
    kept = retention(history, default=Keep(0, None))
    kept.begin(NOW)
    [asked] = kept.step(NOW)
    kept.not_removed(asked.ticket)
    assert swept(kept) == list(asked.logs)


def test_another_database_in_the_place_of_a_malformed_one_is_swept_from_its_start(data: DataDir) -> None:
    with history_in(data) as history:
        history.save(several(3))
        kept = retention(history, default=Keep(0, None))
        kept.begin(NOW)
        [asked] = kept.step(NOW)
        found = history.renewed(NOW, "malformed: said the test")
    try:
        kept.go_on(found.history)
        kept.removed(asked.ticket)
        runs = several(2)
        found.history.save(runs)
        assert swept(kept) == logs_of(runs)
    finally:
        found.history.close()


def test_the_pump_gets_a_bounded_number_of_removals_at_a_time(history: History) -> None:
    history.save(several(BATCH * (UNDER_WAY + 2)))
    kept = retention(history, default=Keep(0, None))
    kept.begin(NOW)
    asked: list[Remove] = []
    while kept.wants_step:
        asked += kept.step(NOW)
    assert [len(each.logs) for each in asked] == [BATCH] * UNDER_WAY
    kept.removed(asked[0].ticket)
    assert kept.wants_step
    assert [len(each.logs) for each in kept.step(NOW)] == [BATCH]


def test_numbers_of_removals_are_never_used_twice(history: History) -> None:
    kept = retention(history, default=Keep(0, None))
    for _ in range(3):
        runs = several(2)
        history.save(runs)
        assert swept(kept) == logs_of(runs)


def test_a_kill_loses_neither_a_row_nor_the_memory_of_its_log(data: DataDir) -> None:
    runs = several(3000)
    with history_in(data) as history:
        history.save(runs)
    for steps in (1, 3, 7):
        out, into = os.pipe()
        pid = os.fork()
        if not pid:
            with history_in(data, LIFE) as history:
                kept = retention(history, default=Keep(0, None))
                kept.begin(NOW)
                while True:
                    kept.step(NOW)
                    os.write(into, b".")
        os.close(into)
        os.read(out, steps)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(out)
        with history_in(data) as history:
            remembered = {log for _, log in history.removals(0, 5000)}
            assert len(remembered) >= BATCH
            assert all(
                (history.run(run.id) is None) == (log in remembered)
                for run, log in zip(runs, logs_of(runs), strict=True)
            )


# How long a step takes


def durations(history: History, limit: int = 100) -> list[float]:
    kept = retention(history, default=Keep(10, None))
    kept.begin(NOW)
    took: list[float] = []
    while kept.wants_step and len(took) < limit:
        began = time.perf_counter()
        removals = kept.step(NOW)
        took.append(time.perf_counter() - began)
        for removal in removals:
            kept.removed(removal.ticket)
    return took


def test_a_step_deletes_no_more_than_two_batches(history: History) -> None:
    history.save(several(3000))
    kept = retention(history, default=Keep(0, None))
    kept.begin(NOW)
    before = history.run_count("backup")
    while kept.wants_step and before:
        for removal in kept.step(NOW):
            kept.removed(removal.ticket)
        left = history.run_count("backup")
        assert before - left <= 2 * BATCH
        before = left
    assert before == 0


def test_a_step_costs_the_same_in_a_small_history_as_in_a_large_one(tmp_path: Path) -> None:
    medians = []
    for name, count in (("small", 2_000), ("large", 20_000)):
        with history_in(a_data_dir(tmp_path / name)) as history:
            for start in range(0, count, 1000):
                history.save([an_ended(f"task-{n % 50}", T0 + n) for n in range(start, start + 1000)])
            medians.append(statistics.median(durations(history)))
    assert medians[1] < 5 * medians[0]


def test_ten_thousand_tasks_with_little_to_do_take_many_small_steps(history: History) -> None:
    history.save([an_ended(f"task-{number}") for number in range(10_000)])
    kept = retention(history, default=Keep(10, 200 * DAY))
    kept.begin(NOW)
    steps = 0
    while kept.wants_step:
        kept.step(NOW)
        steps += 1
    assert 50 <= steps <= 10_000 / BATCH + 2
