"""The life after a daemon that was killed: what it left running, waiting and half written."""

from __future__ import annotations

from dataclasses import replace

from runwisp.clock import HOUR, MINUTE, SECOND
from runwisp.run import Phase, Run, Trigger
from runwisp.task import OnOverlap
from tests.unit.history import History, Program, a_service, a_task


def test_every_running_row_becomes_crashed_and_its_log_is_completed() -> None:
    history = History(a_task())
    history.fire("backup")
    history.happened()
    history.die_and_come_back()
    assert history.happened() == [
        "save backup#1 ended crashed -2",
        "reopen log of backup#1",
        "end log of backup#1",
        "tell run.crashed backup#1",
        "save backup#1 ended crashed -2",
    ]
    assert history.row("backup#1").message == "the daemon died while this run was in flight"
    assert history.row("backup#1").log_lines == 3


def test_a_crashed_run_that_is_deleted_before_its_log_is_complete_does_not_come_back() -> None:
    history = History(a_task(), programs={"backup": Program(drains=False)})
    history.fire("backup")
    history.die_and_come_back()
    del history.world.rows[history.id_of("backup#1")]
    history.drain("backup#1")
    assert history.table() == []


def test_a_catch_up_that_crashed_still_says_that_it_was_one() -> None:
    history = History(a_task())
    history.fire("backup")
    row = history.row("backup#1")
    history.world.rows[row.id] = replace(row, message="catch-up of a firing that was missed")
    history.die_and_come_back()
    assert history.row("backup#1").message == (
        "the daemon died while this run was in flight; catch-up of a firing that was missed"
    )


def test_a_crashed_attempt_is_retried_after_its_delay() -> None:
    history = History(a_task(retry_attempts=1))
    history.fire("backup")
    history.die_and_come_back()
    assert history.table() == ["backup#1 ended crashed -2", "backup#2 pending retry"]
    history.wait(5 * SECOND)
    assert history.alive() == ["backup#2"]
    assert history.row("backup#2").retry_of_run_id == history.id_of("backup#1")
    history.die_and_come_back()
    history.wait(HOUR)
    assert history.table() == ["backup#1 ended crashed -2", "backup#2 ended crashed -2"]


def test_a_crashed_chain_keeps_its_slot_before_the_queue() -> None:
    history = History(a_task(retry_attempts=1))
    history.fire("backup")
    history.fire("backup")
    history.die_and_come_back()
    assert history.alive() == []
    history.wait(5 * SECOND)
    assert history.alive() == ["backup#3"]
    history.exit("backup#3")
    assert history.alive() == ["backup#2"]


def test_the_queue_goes_on_in_order_where_a_chain_is_over() -> None:
    history = History(a_task())
    for _ in range(3):
        history.fire("backup")
    history.die_and_come_back()
    assert history.alive() == ["backup#2"]
    history.exit("backup#2")
    assert history.alive() == ["backup#3"]


def test_slots_are_given_out_only_when_all_chains_are_back() -> None:
    history = History(a_task(parallelism=2, retry_attempts=1))
    history.fire("backup")
    history.fire("backup")
    for _ in range(3):
        history.fire("backup")
    history.exit("backup#2", 1)
    history.exit("backup#1", 1)
    history.wait(5 * SECOND)
    history.exit("backup#6", 1)
    assert history.alive() == ["backup#7", "backup#3"]
    history.exit("backup#3", 1)
    assert history.table()[2:] == [
        "backup#3 ended failed 1",
        "backup#4 pending queue",
        "backup#5 pending queue",
        "backup#6 ended failed 1",
        "backup#7 running",
        "backup#8 pending retry",
    ]
    history.die_and_come_back()
    assert history.alive() == ["backup#4"]
    history.wait(5 * SECOND)
    assert history.alive() == ["backup#4", "backup#8"]


def test_a_task_with_fewer_slots_than_before_keeps_to_them() -> None:
    history = History(a_task(parallelism=3, retry_attempts=1))
    for nth in (1, 2, 3):
        history.fire("backup")
        if nth > 1:
            history.exit(history.alive()[-1], 1)
    history.die_and_come_back(a_task(parallelism=1, retry_attempts=1))
    history.wait(MINUTE)
    assert len(history.alive()) == 1
    while history.alive():
        history.exit(history.alive()[0])
    assert all(row.phase is Phase.ENDED for row in history.world.rows.values())


def test_a_retry_that_was_due_meanwhile_starts_at_once() -> None:
    history = History(a_task(retry_attempts=1))
    history.fire("backup")
    history.exit("backup#1", 1)
    history.set_clock(HOUR)
    history.die_and_come_back()
    history.due()
    assert history.alive() == ["backup#2"]


def test_a_clock_set_back_does_not_hold_up_a_retry_longer_than_retries_wait() -> None:
    history = History(a_task(retry_attempts=1))
    history.fire("backup")
    history.exit("backup#1", 1)
    history.set_clock(-5 * HOUR)
    history.die_and_come_back()
    history.wait(5 * MINUTE)
    assert history.alive() == ["backup#2"]


def test_a_waiting_run_whose_task_is_gone_ends_stopped() -> None:
    history = History(a_task(), a_task("other"))
    history.fire("backup")
    history.fire("backup")
    history.die_and_come_back(a_task("other"))
    assert history.table() == ["backup#1 ended crashed -2", "backup#2 ended stopped -1"]
    assert history.told("backup#2") == ["run.stopped"]


def test_a_run_of_a_task_is_not_taken_up_by_a_service_of_the_same_name() -> None:
    history = History(a_task("x", retry_attempts=1))
    history.fire("x")
    history.fire("x")
    history.die_and_come_back(a_service("x"))
    assert history.table() == ["x#1 ended crashed -2", "x#2 ended stopped -1", "x#3 running"]


def test_a_run_of_a_service_is_not_taken_up_by_a_task_of_the_same_name() -> None:
    history = History(a_service("x", instances=2))
    history.exit("x#1", 1)
    history.die_and_come_back(a_task("x", retry_attempts=1))
    assert history.table() == ["x#1 ended failed 1", "x#2 ended crashed -2", "x#3 ended stopped -1"]


def test_no_service_runs_twice_after_a_crash() -> None:
    history = History(a_service(instances=3))
    history.exit("web#1", 1)
    history.die_and_come_back()
    assert history.alive() == ["web#4", "web#5", "web#6"]
    assert [history.row(nick).replica_index for nick in history.alive()] == [0, 1, 2]


def test_a_replica_that_is_no_longer_configured_is_not_started() -> None:
    history = History(a_service(instances=2))
    history.exit("web#2", 1)
    history.die_and_come_back(a_service(instances=1))
    assert history.table()[2:] == ["web#3 ended stopped -1", "web#4 running"]


def test_a_replica_that_waited_is_not_started_without_autostart() -> None:
    history = History(a_service())
    history.exit("web#1", 1)
    history.die_and_come_back(a_service(autostart=False))
    assert history.table() == ["web#1 ended failed 1", "web#2 ended stopped -1"]
    assert isinstance(history.trigger("web"), Run)


def test_a_replica_that_was_being_drained_beside_its_successor_starts_once() -> None:
    history = History(a_service(restart_delay=0), programs={"web": Program(drains=False)})
    history.wait(SECOND)
    history.exit("web#1", 1)
    history.die_and_come_back()
    assert history.alive() == ["web#3"]


def test_a_crashed_exec_was_one_attempt_and_is_not_retried() -> None:
    history = History(a_task(retry_attempts=5))
    history.fire("backup")
    row = history.row("backup#1")
    history.world.rows[row.id] = replace(row, triggered_by=Trigger.EXEC)
    history.die_and_come_back()
    history.wait(HOUR)
    assert history.table() == ["backup#1 ended crashed -2"]


def test_a_run_that_was_to_be_replaced_is_followed_by_the_newer_one() -> None:
    history = History(a_task(on_overlap=OnOverlap.TERMINATE), programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.fire("backup")
    history.die_and_come_back()
    assert history.table() == ["backup#1 ended crashed -2", "backup#2 running"]


def test_a_crashed_chain_that_was_to_be_replaced_gives_way_to_the_newer_one() -> None:
    task = a_task(on_overlap=OnOverlap.TERMINATE, retry_attempts=5)
    history = History(task, programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.fire("backup")
    history.die_and_come_back()
    assert history.alive() == ["backup#2"]
    history.wait(HOUR)
    assert history.table() == [
        "backup#1 ended crashed -2",
        "backup#2 running",
        "backup#3 ended stopped -1",
    ]


def test_a_policy_that_changed_to_terminate_keeps_only_the_newest_that_wait() -> None:
    history = History(a_task())
    for _ in range(4):
        history.fire("backup")
    history.die_and_come_back(a_task(on_overlap=OnOverlap.TERMINATE))
    assert history.table()[1:] == [
        "backup#2 ended stopped -1",
        "backup#3 ended stopped -1",
        "backup#4 running",
    ]


def test_the_end_of_the_daemon_waits_for_the_logs_of_the_former_life() -> None:
    history = History(a_task(), programs={"backup": Program(drains=False)})
    history.fire("backup")
    history.die_and_come_back()
    history.stop_daemon()
    assert history.world.quit is None
    history.drain("backup#1")
    assert history.world.quit


def test_run_on_start_meets_the_gate_like_any_other() -> None:
    task = a_task(retry_attempts=1, run_on_start=True, on_overlap=OnOverlap.SKIP)
    history = History(task)
    history.die_and_come_back()
    assert history.table() == [
        "backup#1 ended crashed -2",
        "backup#2 pending retry",
        "backup#3 ended skipped -1",
    ]
