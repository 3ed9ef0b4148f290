"""Tasks: firings, overlap, the queue, retries, timeouts, stops by hand."""

from __future__ import annotations

import pytest

from runwisp.clock import MINUTE, SECOND, Wall
from runwisp.daemon.inputs import Asked, Due, StopTask
from runwisp.errors import Refused, UnknownRun, UnknownTask
from runwisp.firing import Anchored, Cause, Mark
from runwisp.run import EndReason, Phase, Run, Trigger, Usage
from runwisp.task import Backoff, OnOverlap, Restart, Task
from runwisp.wire import Closed, Overflowed, Pressure, Renamed
from tests.unit.history import NEW_YEAR, History, Program, a_service, a_task

LATER = Wall(NEW_YEAR + 7)


# A run


def test_a_run_is_saved_before_its_process_starts_and_told_after() -> None:
    history = History(a_task())
    history.fire("backup")
    assert history.happened() == [
        "mark backup",
        "save backup#1 running",
        "spawn backup#1",
        "tell run.started backup#1",
        "save backup#1 running",
    ]
    assert history.row("backup#1").pid is not None


def test_a_run_ends_when_its_process_ended_and_its_output_is_drained() -> None:
    history = History(a_task(), programs={"backup": Program(drains=False)})
    history.fire("backup")
    history.exit("backup#1")
    assert history.table() == ["backup#1 running"]
    history.happened()
    history.drain("backup#1")
    assert history.happened() == ["save backup#1 ended success 0", "tell run.succeeded backup#1"]
    assert (history.row("backup#1").log_lines, history.row("backup#1").log_dropped_lines) == (3, 1)


def test_a_run_keeps_when_it_was_due_when_it_began_and_when_its_process_ended() -> None:
    history = History(a_task(), programs={"backup": Program(drains=False)})
    history.wait(SECOND)
    history.fire("backup", at=NEW_YEAR)
    history.wait(SECOND)
    history.exit("backup#1")
    history.wait(SECOND)
    history.drain("backup#1")
    row = history.row("backup#1")
    assert (row.scheduled_for, row.triggered_by) == (NEW_YEAR, Trigger.CRON)
    assert (row.created_at, row.start_at, row.end_at) == (
        NEW_YEAR + SECOND,
        NEW_YEAR + SECOND,
        NEW_YEAR + 2 * SECOND,
    )


def test_a_run_keeps_what_its_process_used() -> None:
    history = History(a_task())
    history.fire("backup")
    ended = history.ended("backup#1")
    history.give(type(ended)(ended.run_id, 0, "", Usage(1.5, 4096), False))
    assert (history.row("backup#1").cpu_seconds, history.row("backup#1").max_rss_bytes) == (1.5, 4096)


@pytest.mark.parametrize(
    ("exit_code", "reason"),
    [(0, EndReason.SUCCESS), (3, EndReason.SUCCESS), (1, EndReason.FAILED), (137, "failed")],
)
def test_success_is_what_exit_codes_say(exit_code: int, reason: EndReason) -> None:
    history = History(a_task(exit_codes=frozenset({0, 3})))
    history.fire("backup")
    history.exit("backup#1", exit_code)
    assert history.table() == [f"backup#1 ended {reason} {exit_code}"]


def test_a_failed_run_says_why() -> None:
    history = History(a_task())
    history.fire("backup")
    history.exit("backup#1", 139, "killed by SIGSEGV")
    assert history.row("backup#1").message == "killed by SIGSEGV"


def test_a_program_that_is_missing_is_a_failed_run_with_a_log() -> None:
    history = History(
        a_task(exit_codes=frozenset({127})), programs={"backup": Program(refused="no such file")}
    )
    history.fire("backup")
    assert history.table() == ["backup#1 ended failed 127"]
    assert history.row("backup#1").message == "no such file"
    assert "end log of backup#1" in history.happened()


def test_what_holds_the_pipe_after_the_end_is_counted_when_it_lets_go() -> None:
    history = History(a_task(), programs={"backup": Program(drains=False)})
    history.fire("backup")
    history.exit("backup#1", leaves=True)
    history.drain("backup#1", is_held=True)
    history.happened()
    history.give(Closed(history.id_of("backup#1"), late_lines=4))
    assert history.happened() == ["save backup#1 ended success 0"]
    assert (history.row("backup#1").log_lines, history.row("backup#1").log_dropped_lines) == (7, 5)


def test_a_log_that_was_renamed_is_found_under_its_new_name() -> None:
    history = History(a_task())
    history.fire("backup")
    history.give(Renamed(history.id_of("backup#1"), "20260101_000000_ABCDEF"))
    assert history.row("backup#1").log_stem == "20260101_000000_ABCDEF"
    history.exit("backup#1")
    assert history.row("backup#1").log_stem == "20260101_000000_ABCDEF"


# Firings


def test_a_mark_is_saved_with_the_row_it_leads_to() -> None:
    history = History(a_task())
    history.fire("backup", at=LATER)
    assert history.world.marks["backup"].last_fired_at == LATER


def test_a_schedule_seen_for_the_first_time_is_marked_and_starts_nothing() -> None:
    history = History(a_task())
    history.give(Anchored(Mark("backup", "* * * * *", NEW_YEAR)))
    assert history.happened() == ["mark backup"]


def test_the_second_occurrence_of_an_hour_is_recorded_and_not_told() -> None:
    history = History(a_task(retry_attempts=3))
    history.fire("backup", Cause.DST_SKIPPED)
    assert history.table() == ["backup#1 ended dst_skipped -1"]
    assert history.told("backup#1") == []


def test_missed_firings_are_one_row_with_their_count_and_span() -> None:
    history = History(a_task(retry_attempts=3))
    history.missed("backup", 3, NEW_YEAR, Wall(NEW_YEAR + 2 * MINUTE))
    assert history.table() == ["backup#1 ended missed -1"]
    assert history.row("backup#1").message == (
        '3 firings missed and not caught up (catch_up = "latest"),'
        " 2026-01-01T00:00:00.000Z to 2026-01-01T00:02:00.000Z"
    )
    assert history.told("backup#1") == ["run.missed"]


def test_a_single_missed_firing_is_told_as_one() -> None:
    history = History(a_task())
    history.missed("backup", 1, NEW_YEAR, NEW_YEAR)
    assert history.row("backup#1").message == (
        '1 firing missed and not caught up (catch_up = "latest"), 2026-01-01T00:00:00.000Z'
    )


def test_a_catch_up_says_that_it_is_one_also_when_it_fails() -> None:
    history = History(a_task())
    history.fire("backup", Cause.CATCH_UP, at=NEW_YEAR)
    row = history.row("backup#1")
    assert (row.triggered_by, row.scheduled_for) == (Trigger.CRON, NEW_YEAR)
    assert row.message == "catch-up of a firing that was missed"
    history.exit("backup#1", 1, "exited with code 1")
    assert history.row("backup#1").message == "exited with code 1; catch-up of a firing that was missed"


def test_run_on_start_is_one_run_at_the_start_of_the_daemon() -> None:
    history = History(a_task(run_on_start=True))
    assert history.table() == ["backup#1 running"]
    assert history.row("backup#1").triggered_by is Trigger.STARTUP


# Overlap


def test_fewer_than_parallelism_start_at_once() -> None:
    history = History(a_task(parallelism=2))
    for _ in range(3):
        history.fire("backup")
    assert history.table() == ["backup#1 running", "backup#2 running", "backup#3 pending queue"]


def test_the_queue_is_first_in_first_out_whatever_triggered_it() -> None:
    history = History(a_task())
    history.fire("backup")
    history.trigger("backup")
    history.fire("backup")
    history.exit("backup#1")
    assert history.alive() == ["backup#2"]
    assert history.row("backup#2").triggered_by is Trigger.API
    history.exit("backup#2")
    assert history.alive() == ["backup#3"]


def test_a_run_in_the_queue_waits_for_the_output_of_the_one_before() -> None:
    history = History(a_task(), programs={"backup": Program(drains=False)})
    history.fire("backup")
    history.fire("backup")
    history.exit("backup#1")
    assert history.alive() == []
    history.drain("backup#1")
    assert history.alive() == ["backup#2"]


def test_past_queue_max_a_firing_is_recorded_as_queue_full() -> None:
    history = History(a_task(queue_max=1, retry_attempts=3))
    for _ in range(3):
        history.fire("backup")
    assert history.table()[1:] == ["backup#2 pending queue", "backup#3 ended queue_full -1"]
    assert history.row("backup#3").message == "task already running and 1 runs waiting (queue_max = 1)"
    assert history.told("backup#3") == ["run.skipped"]


def test_a_queue_of_none_makes_nothing_wait() -> None:
    history = History(a_task(queue_max=0))
    history.fire("backup")
    history.fire("backup")
    assert history.table() == ["backup#1 running", "backup#2 ended queue_full -1"]


def test_skip_records_the_firing_with_the_message_of_the_guide_and_never_retries() -> None:
    history = History(a_task(on_overlap=OnOverlap.SKIP, retry_attempts=3))
    history.fire("backup")
    history.fire("backup")
    assert history.table() == ["backup#1 running", "backup#2 ended skipped -1"]
    assert history.row("backup#2").message == "task already running, skipping (policy: skip)"
    assert history.told("backup#2") == ["run.skipped"]


def test_terminate_stops_the_oldest_running_one_and_then_starts() -> None:
    history = History(a_task(on_overlap=OnOverlap.TERMINATE, parallelism=2, retry_attempts=3))
    for _ in range(3):
        history.fire("backup")
    assert history.table() == ["backup#1 ended stopped 143", "backup#2 running", "backup#3 running"]
    assert history.row("backup#1").message == "replaced by a newer run (policy: terminate)"


def test_terminate_replaces_every_time() -> None:
    history = History(a_task(on_overlap=OnOverlap.TERMINATE))
    for _ in range(4):
        history.fire("backup")
    assert history.alive() == ["backup#4"]


def test_terminate_starts_only_when_the_old_one_is_gone() -> None:
    history = History(a_task(on_overlap=OnOverlap.TERMINATE), programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.fire("backup")
    assert history.alive() == ["backup#1"]
    history.wait(5 * SECOND)
    assert history.table() == ["backup#1 ended stopped 137", "backup#2 running"]


def test_terminate_lets_only_the_newest_wait_for_a_slot_that_is_being_freed() -> None:
    history = History(a_task(on_overlap=OnOverlap.TERMINATE), programs={"backup": Program(obeys=False)})
    for _ in range(3):
        history.fire("backup")
    assert history.table()[1:] == ["backup#2 ended stopped -1", "backup#3 pending queue"]
    history.exit("backup#1")
    assert history.alive() == ["backup#3"]


def test_terminate_replaces_a_chain_that_waits_for_a_retry() -> None:
    history = History(a_task(on_overlap=OnOverlap.TERMINATE, retry_attempts=3, retry_delay=MINUTE))
    history.fire("backup")
    history.exit("backup#1", 1)
    history.fire("backup")
    assert history.table()[1:] == ["backup#2 ended stopped -1", "backup#3 running"]
    history.wait(5 * MINUTE)
    assert history.alive() == ["backup#3"]


def test_terminate_leaves_no_retries_of_an_attempt_that_was_timing_out() -> None:
    task = a_task(on_overlap=OnOverlap.TERMINATE, retry_attempts=3, timeout=SECOND)
    history = History(task, programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.wait(SECOND)
    history.fire("backup")
    history.wait(5 * SECOND)
    assert history.table() == ["backup#1 ended timeout 137", "backup#2 running"]


def test_terminate_leaves_no_retries_of_an_attempt_whose_output_is_not_drained_yet() -> None:
    task = a_task(on_overlap=OnOverlap.TERMINATE, retry_attempts=3)
    history = History(task, programs={"backup": Program(drains=False)})
    history.fire("backup")
    history.exit("backup#1", 1)
    history.fire("backup")
    history.drain("backup#1")
    assert history.table() == ["backup#1 ended failed 1", "backup#2 running"]


def test_terminate_stops_no_second_run_while_a_slot_is_being_freed_by_hand() -> None:
    task = a_task(on_overlap=OnOverlap.TERMINATE, parallelism=2)
    history = History(task, programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.fire("backup")
    history.stop("backup#1")
    history.fire("backup")
    history.wait(5 * SECOND)
    assert history.alive() == ["backup#2", "backup#3"]


def test_the_oldest_is_the_one_that_started_first_not_the_one_that_waited_first() -> None:
    task = a_task(on_overlap=OnOverlap.TERMINATE, parallelism=2, retry_attempts=1, retry_delay=MINUTE)
    history = History(task)
    history.fire("backup")
    history.exit("backup#1", 1)
    history.wait(SECOND)
    history.fire("backup")
    history.wait(MINUTE)
    assert history.alive() == ["backup#3", "backup#2"]
    history.fire("backup")
    assert history.table()[1:] == ["backup#2 running", "backup#3 ended stopped 143", "backup#4 running"]


@pytest.mark.parametrize(
    ("task", "result"),
    [
        (a_task(), (Phase.PENDING, None)),
        (a_task(queue_max=0), (Phase.ENDED, EndReason.QUEUE_FULL)),
        (a_task(on_overlap=OnOverlap.SKIP), (Phase.ENDED, EndReason.SKIPPED)),
        (a_task(parallelism=2), (Phase.RUNNING, None)),
    ],
)
def test_triggers_by_hand_pass_the_same_gate_and_are_told_the_result(
    task: Task, result: tuple[Phase, EndReason | None]
) -> None:
    history = History(task)
    history.fire("backup")
    answer = history.trigger("backup")
    assert isinstance(answer, Run)
    assert (answer.phase, answer.end_reason) == result


def test_api_trigger_false_means_that_only_its_cron_starts_it() -> None:
    history = History(a_task(api_trigger=False))
    assert isinstance(history.trigger("backup"), Refused)
    assert history.table() == []
    history.fire("backup")
    assert history.table() == ["backup#1 running"]


def test_an_unknown_name_is_refused_with_what_to_do() -> None:
    answer = History(a_task()).trigger("bakcup")
    assert isinstance(answer, UnknownTask)
    assert answer.hint


# Retries


def test_every_attempt_is_a_run_of_its_own_that_names_the_one_before() -> None:
    history = History(a_task(retry_attempts=2))
    history.fire("backup", at=NEW_YEAR)
    for nick in ("backup#1", "backup#2", "backup#3"):
        history.exit(nick, 1)
        history.wait(5 * SECOND)
    assert history.table() == [f"backup#{nth} ended failed 1" for nth in (1, 2, 3)]
    last = history.row("backup#3")
    assert (last.retry_attempt, last.retry_of_run_id) == (2, history.id_of("backup#2"))
    assert (last.triggered_by, last.scheduled_for) == (Trigger.CRON, NEW_YEAR)
    assert history.row("backup#1").retry_of_run_id is None


def test_each_failed_attempt_is_told_and_the_success_that_ends_the_chain() -> None:
    history = History(a_task(retry_attempts=5))
    history.fire("backup")
    history.exit("backup#1", 1)
    history.wait(5 * SECOND)
    history.exit("backup#2")
    history.wait(MINUTE)
    assert history.told("backup#1") == ["run.started", "run.failed"]
    assert history.told("backup#2") == ["run.started", "run.succeeded"]
    assert len(history.table()) == 2


def test_a_retry_waits_its_delay() -> None:
    history = History(a_task(retry_attempts=2, retry_delay=SECOND, retry_backoff=Backoff.LINEAR))
    history.fire("backup")
    history.exit("backup#1", 1)
    history.wait(SECOND - 1)
    assert history.alive() == []
    history.wait(1)
    history.exit("backup#2", 1)
    history.wait(2 * SECOND - 1)
    assert history.alive() == []
    history.wait(1)
    assert history.alive() == ["backup#3"]


def test_a_retry_without_delay_starts_at_once() -> None:
    history = History(a_task(retry_attempts=1, retry_delay=0))
    history.fire("backup")
    history.exit("backup#1", 1)
    assert history.alive() == ["backup#2"]


def test_a_chain_keeps_its_slot_while_it_waits() -> None:
    history = History(a_task(retry_attempts=1, queue_max=1))
    history.fire("backup")
    history.exit("backup#1", 1)
    history.fire("backup")
    history.fire("backup")
    assert history.table()[1:] == [
        "backup#2 pending retry",
        "backup#3 pending queue",
        "backup#4 ended queue_full -1",
    ]
    history.wait(5 * SECOND)
    assert history.alive() == ["backup#2"]
    history.exit("backup#2", 1)
    assert history.alive() == ["backup#3"]


@pytest.mark.parametrize("target", ["backup", "backup#2"])
def test_a_manual_stop_ends_a_chain_that_waits(target: str) -> None:
    history = History(a_task(retry_attempts=5))
    history.fire("backup")
    history.exit("backup#1", 1)
    history.stop(target)
    history.wait(MINUTE)
    assert history.table() == ["backup#1 ended failed 1", "backup#2 ended stopped -1"]
    assert history.told("backup#2") == ["run.stopped"]


@pytest.mark.parametrize("target", ["backup", "backup#1"])
def test_a_manual_stop_ends_a_chain_that_runs(target: str) -> None:
    history = History(a_task(retry_attempts=5))
    history.fire("backup")
    history.stop(target)
    history.wait(MINUTE)
    assert history.table() == ["backup#1 ended stopped 143"]


@pytest.mark.parametrize("target", ["backup", "backup#1"])
def test_a_manual_stop_ends_a_chain_whose_attempt_is_timing_out(target: str) -> None:
    task = a_task(retry_attempts=5, timeout=SECOND)
    history = History(task, programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.wait(SECOND)
    history.stop(target)
    history.wait(MINUTE)
    assert history.table() == ["backup#1 ended timeout 137"]


@pytest.mark.parametrize("target", ["backup", "backup#1"])
def test_a_manual_stop_ends_a_chain_whose_attempt_is_being_drained(target: str) -> None:
    history = History(a_task(retry_attempts=5), programs={"backup": Program(drains=False)})
    history.fire("backup")
    history.exit("backup#1", 1)
    history.stop(target)
    history.drain("backup#1")
    history.wait(MINUTE)
    assert history.table() == ["backup#1 ended failed 1"]


def test_a_stop_that_meets_a_failing_start_ends_the_chain() -> None:
    history = History(a_task(retry_attempts=5), programs={"backup": Program(refused="no such file")})
    history.give(history.firing("backup"), Asked(StopTask("backup"), ticket=1))
    history.wait(MINUTE)
    assert history.table() == ["backup#1 ended stopped 127"]


def test_a_start_that_failed_is_retried() -> None:
    history = History(a_task(retry_attempts=1), programs={"backup": Program(refused="no such file")})
    history.fire("backup")
    history.wait(5 * SECOND)
    assert history.table() == ["backup#1 ended failed 127", "backup#2 ended failed 127"]


def test_on_failure_starts_again_with_the_curve_of_services_until_it_succeeds() -> None:
    history = History(a_task(restart=Restart.ON_FAILURE))
    history.fire("backup")
    for nth, wait in enumerate((1, 2, 4, 8, 16, 32, 60, 60), start=1):
        history.exit(f"backup#{nth}", 1)
        history.wait(wait * SECOND - 1)
        assert history.alive() == []
        history.wait(1)
        assert history.alive() == [f"backup#{nth + 1}"]
    history.exit("backup#9")
    history.wait(5 * MINUTE)
    assert history.alive() == []


# Timeouts and caps


def test_a_timeout_goes_through_the_ladder_per_attempt_and_is_retried() -> None:
    history = History(a_task(timeout=MINUTE, retry_attempts=1))
    history.fire("backup")
    history.wait(MINUTE + 5 * SECOND + MINUTE)
    assert history.table() == ["backup#1 ended timeout 143", "backup#2 ended timeout 143"]
    assert history.row("backup#1").message == "ran longer than its timeout of 1m"
    assert history.told("backup#1") == ["run.started", "run.timeout"]


def test_a_run_that_ends_in_time_leaves_no_deadline() -> None:
    history = History(a_task(timeout=MINUTE))
    history.fire("backup")
    history.exit("backup#1")
    assert not history.world.armed


def test_a_timeout_that_comes_together_with_the_end_does_nothing() -> None:
    history = History(a_task(timeout=MINUTE))
    history.fire("backup")
    due = history.late(MINUTE)
    history.give(history.ended("backup#1"), *map(Due, due))
    assert history.table() == ["backup#1 ended success 0"]
    assert history.did("signal") == []


def test_a_timeout_that_comes_just_before_the_end_counts() -> None:
    history = History(a_task(timeout=MINUTE))
    history.fire("backup")
    due = history.late(MINUTE)
    history.give(*map(Due, due), history.ended("backup#1"))
    assert history.table() == ["backup#1 ended timeout 0"]


def test_a_stop_by_hand_counts_before_a_timeout_that_comes_later() -> None:
    history = History(a_task(timeout=SECOND), programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.stop("backup#1")
    history.wait(MINUTE)
    assert history.table() == ["backup#1 ended stopped 137"]


def test_a_log_at_its_cap_ends_the_run_as_log_overflow_and_is_retried() -> None:
    history = History(a_task(retry_attempts=1))
    history.fire("backup")
    history.give(Overflowed(history.id_of("backup#1")))
    assert history.table() == ["backup#1 ended log_overflow 143", "backup#2 pending retry"]
    assert history.told("backup#1") == ["run.started", "run.failed"]


def test_a_log_at_its_cap_after_the_end_of_the_process_changes_nothing() -> None:
    history = History(a_task(), programs={"backup": Program(drains=False)})
    history.fire("backup")
    history.exit("backup#1")
    history.give(Overflowed(history.id_of("backup#1")))
    history.drain("backup#1")
    history.give(Overflowed(history.id_of("backup#1")))
    assert history.table() == ["backup#1 ended success 0"]


def test_disk_pressure_is_told_once_a_run_and_never_ends_it() -> None:
    history = History(a_task())
    history.fire("backup")
    for _ in range(2):
        history.give(Pressure(history.id_of("backup#1"), free_bytes=5, min_free_bytes=9, why="no room"))
    assert history.told("backup#1") == ["run.started", "log.disk_pressure"]
    event = history.world.events[-1]
    assert event.message == "output of backup is dropped: no room"
    assert event.fields == {"free_bytes": 5, "min_free_bytes": 9}
    history.exit("backup#1")
    history.give(Pressure(history.id_of("backup#1"), free_bytes=5, min_free_bytes=9, why="no room"))
    assert history.told("backup#1")[-1] == "run.succeeded"


# Stops by hand


def test_stopping_a_task_stops_what_runs_and_what_waits() -> None:
    history = History(a_task(parallelism=2))
    for _ in range(4):
        history.fire("backup")
    assert history.stop("backup") == "backup: stopping 4 runs"
    assert history.table() == [
        "backup#1 ended stopped 143",
        "backup#2 ended stopped 143",
        "backup#3 ended stopped -1",
        "backup#4 ended stopped -1",
    ]
    assert history.stop("backup") == "backup is not running"
    history.fire("backup")
    assert history.stop("backup") == "backup: stopping 1 run"


def test_stopping_a_run_in_the_queue_leaves_the_others() -> None:
    history = History(a_task())
    for _ in range(3):
        history.fire("backup")
    history.stop("backup#2")
    history.exit("backup#1")
    assert history.table()[1:] == ["backup#2 ended stopped -1", "backup#3 running"]


def test_stopping_a_run_that_waits_for_a_retry_frees_its_slot() -> None:
    history = History(a_task(retry_attempts=1))
    history.fire("backup")
    history.exit("backup#1", 1)
    history.fire("backup")
    history.stop("backup#2")
    assert history.alive() == ["backup#3"]


def test_a_run_that_is_over_cannot_be_stopped() -> None:
    history = History(a_task(), a_service())
    history.fire("backup")
    history.exit("backup#1")
    assert isinstance(history.stop("backup#1"), UnknownRun)


def test_a_stop_of_a_name_that_is_not_there_is_refused() -> None:
    assert isinstance(History(a_task()).ask(StopTask("nobody")), UnknownTask)


def test_tasks_do_not_share_their_slots() -> None:
    history = History(a_task("one"), a_task("two"))
    history.fire("one")
    history.fire("two")
    assert history.alive() == ["one#1", "two#1"]


def test_restarting_a_task_is_refused_with_what_to_do() -> None:
    answer = History(a_task()).restart("backup")
    assert isinstance(answer, Refused)
    assert "trigger" in answer.message


def test_nothing_is_begun_by_itself() -> None:
    tasks: list[Task] = [a_task("one"), a_task("two", cron="* * * * *")]
    assert History(*tasks).happened() == []
