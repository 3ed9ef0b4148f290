"""The stop ladder, and the stop of the daemon."""

from __future__ import annotations

from signal import Signals

import pytest

from runwisp.clock import HOUR, MINUTE, SECOND, Mono, Now
from runwisp.daemon.effects import Quit, Reply
from runwisp.daemon.inputs import Asked, Due, LeftoversGone, StopDaemon, TriggerTask
from runwisp.daemon.supervisor import Limits, Supervisor
from runwisp.errors import DaemonStarting, Refused
from runwisp.firing import ClockStepped
from runwisp.ids import UlidMaker
from runwisp.run import Trigger
from runwisp.task import OnOverlap
from tests.unit.history import NEW_YEAR, History, Program, a_service, a_task

# The ladder


def test_stop_signal_then_sigkill_after_the_grace() -> None:
    history = History(
        a_task(graceful_stop=3 * SECOND, stop_signal=Signals.SIGINT),
        programs={"backup": Program(obeys=False)},
    )
    history.fire("backup")
    history.happened()
    history.stop("backup#1")
    assert history.did("signal", "arm") == ["signal backup#1 SIGINT", "arm kill backup#1 in 3s"]
    history.wait(3 * SECOND - 1)
    assert history.did("signal") == []
    history.wait(1)
    assert history.did("signal") == ["signal backup#1 SIGKILL"]
    assert history.table() == ["backup#1 ended stopped 137"]


def test_one_that_obeys_is_never_killed() -> None:
    history = History(a_task())
    history.fire("backup")
    history.stop("backup#1")
    history.wait(MINUTE)
    assert history.did("signal") == ["signal backup#1 SIGTERM"]
    assert not history.world.armed


def test_a_grace_of_none_kills_at_once() -> None:
    history = History(a_task(graceful_stop=0))
    history.fire("backup")
    history.stop("backup#1")
    assert history.did("signal") == ["signal backup#1 SIGKILL"]
    assert history.table() == ["backup#1 ended stopped 137"]


def test_a_second_stop_changes_nothing() -> None:
    history = History(a_task(), programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.stop("backup#1")
    history.wait(4 * SECOND)
    history.stop("backup#1")
    history.wait(SECOND)
    assert history.did("signal") == ["signal backup#1 SIGTERM", "signal backup#1 SIGKILL"]


def test_what_a_stopped_run_leaves_behind_is_killed_when_the_grace_is_over() -> None:
    history = History(a_task(), programs={"backup": Program(leaves=True)})
    history.fire("backup")
    history.stop("backup#1")
    assert history.table() == ["backup#1 ended stopped 143"]
    history.happened()
    history.wait(5 * SECOND)
    assert history.did("signal") == ["signal backup#1 SIGKILL"]
    assert not history.world.left_behind


def test_leftovers_that_end_in_time_are_not_killed() -> None:
    history = History(a_task(), programs={"backup": Program(leaves=True)})
    history.fire("backup")
    history.stop("backup#1")
    history.give(LeftoversGone(history.id_of("backup#1")))
    history.happened()
    history.wait(MINUTE)
    assert history.happened() == []


def test_what_outlives_a_process_that_had_to_be_killed_is_killed_again() -> None:
    history = History(a_task(graceful_stop=0), programs={"backup": Program(dies=False)})
    history.fire("backup")
    history.stop("backup#1")
    history.happened()
    history.exit("backup#1", 137, leaves=True)
    assert history.did("signal") == ["signal backup#1 SIGKILL"]


def test_what_is_left_behind_after_a_normal_exit_is_left_alone_and_named() -> None:
    history = History(a_task())
    history.fire("backup")
    history.happened()
    history.exit("backup#1", leaves=True)
    assert history.did("signal", "name") == ["name leftovers of backup#1"]
    history.wait(HOUR)
    assert history.did("signal") == []


def test_a_kill_that_is_due_together_with_the_end_hits_nobody() -> None:
    history = History(a_task(), programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.stop("backup#1")
    due = history.late(5 * SECOND)
    history.happened()
    history.give(history.ended("backup#1", 143), *map(Due, due))
    assert history.did("signal") == []


def test_a_kill_that_is_due_together_with_the_end_hits_what_was_left_behind() -> None:
    history = History(a_task(), programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.stop("backup#1")
    due = history.late(5 * SECOND)
    history.happened()
    history.give(history.ended("backup#1", 143, leaves=True), *map(Due, due))
    assert history.did("signal") == ["signal backup#1 SIGKILL"]
    assert not history.world.left_behind


# The daemon


def test_with_nothing_running_the_daemon_quits_at_once() -> None:
    history = History(a_task(), a_service(autostart=False))
    history.stop_daemon()
    assert history.happened()[-1] == "quit"


def test_a_stop_before_the_beginning_lets_nothing_begin() -> None:
    supervisor = Supervisor({"web": a_service()}, Limits(SECOND), UlidMaker(bytes))
    now = Now(NEW_YEAR, Mono(0))
    assert supervisor.handle(StopDaemon("SIGTERM"), now)[-1] == Quit()
    assert supervisor.begin(now, []) == []


def test_who_asks_for_something_before_the_beginning_is_told_to_wait() -> None:
    """What a former life left may still run: a second one beside it must not start."""
    supervisor = Supervisor({"web": a_service(autostart=False)}, Limits(SECOND), UlidMaker(bytes))
    now = Now(NEW_YEAR, Mono(0))
    [reply] = supervisor.handle(Asked(TriggerTask("web", Trigger.API), 7), now)
    assert isinstance(reply, Reply)
    assert isinstance(reply.answer, DaemonStarting)
    assert reply.answer.retry_after
    assert supervisor.begin(now, []) == []


def test_every_process_goes_through_the_ladder_in_parallel_and_then_the_daemon_quits() -> None:
    history = History(a_task(parallelism=2), a_service(instances=2))
    history.fire("backup")
    history.fire("backup")
    history.happened()
    history.stop_daemon()
    lines = history.did("signal", "quit")
    assert sorted(lines[:4]) == [
        f"signal {nick} SIGTERM" for nick in ("backup#1", "backup#2", "web#1", "web#2")
    ]
    assert lines[4:] == ["quit"]
    assert history.table() == [
        "web#1 ended daemon_stopped 143",
        "web#2 ended daemon_stopped 143",
        "backup#1 ended daemon_stopped 143",
        "backup#2 ended daemon_stopped 143",
    ]
    assert history.told("web#1")[-1] == "run.stopped"


def test_the_daemon_quits_only_when_the_last_log_is_complete() -> None:
    history = History(a_task(), programs={"backup": Program(drains=False)})
    history.fire("backup")
    history.stop_daemon()
    assert history.world.quit is None
    history.drain("backup#1")
    assert history.world.quit


def test_the_budget_of_the_stop_ends_every_grace() -> None:
    history = History(
        a_task(graceful_stop=HOUR), programs={"backup": Program(obeys=False)}, shutdown_timeout=10 * SECOND
    )
    history.fire("backup")
    history.stop_daemon()
    history.wait(10 * SECOND - 1)
    assert history.alive() == ["backup#1"]
    history.wait(1)
    assert history.table() == ["backup#1 ended daemon_stopped 137"]
    assert history.world.quit


def test_a_grace_shorter_than_the_budget_is_kept() -> None:
    history = History(a_task(graceful_stop=SECOND), programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.stop_daemon()
    history.wait(SECOND)
    assert history.world.quit


def test_a_second_signal_cuts_the_grace_short() -> None:
    history = History(a_task(), programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.stop_daemon()
    history.stop_daemon()
    assert history.table() == ["backup#1 ended daemon_stopped 137"]
    assert history.world.quit


def test_what_was_left_behind_holds_up_the_end_until_it_is_killed() -> None:
    history = History(a_task(), programs={"backup": Program(leaves=True)})
    history.fire("backup")
    history.stop_daemon()
    assert history.world.quit is None
    history.stop_daemon()
    assert history.world.quit
    assert not history.world.left_behind


def test_leftovers_that_are_gone_do_not_hold_up_the_end() -> None:
    history = History(a_task(), programs={"backup": Program(leaves=True)})
    history.fire("backup")
    history.stop("backup#1")
    history.give(LeftoversGone(history.id_of("backup#1")))
    history.stop_daemon()
    assert history.world.quit


def test_leftovers_that_cannot_be_killed_hold_up_nothing() -> None:
    history = History(a_task(), programs={"backup": Program(leaves=True, dies=False)})
    history.fire("backup")
    history.stop_daemon()
    history.wait(5 * SECOND)
    assert history.world.quit


def test_what_cannot_be_killed_is_abandoned_three_seconds_later_and_its_row_left_open() -> None:
    history = History(a_task(), programs={"backup": Program(obeys=False, dies=False)})
    history.fire("backup")
    history.stop_daemon()
    history.wait(13 * SECOND - 1)
    assert history.world.quit is None
    history.wait(1)
    assert history.happened()[-1] == "quit backup#1"
    assert history.table() == ["backup#1 running"]


def test_a_pump_that_does_not_answer_leaves_no_row_open() -> None:
    history = History(a_task(), programs={"backup": Program(drains=False)})
    history.fire("backup")
    history.stop_daemon()
    history.wait(13 * SECOND)
    assert history.happened()[-1] == "quit"
    assert history.table() == ["backup#1 ended daemon_stopped 143"]
    assert history.told("backup#1")[-1] == "run.stopped"
    history.drain("backup#1")
    assert history.told("backup#1").count("run.stopped") == 1, "an answer after all ends it a second time"


def test_a_storm_of_signals_neither_cuts_short_nor_puts_off_the_three_seconds_after_the_kill() -> None:
    history = History(a_task(), programs={"backup": Program(obeys=False, dies=False)})
    history.fire("backup")
    history.stop_daemon()
    history.stop_daemon()
    history.wait(2 * SECOND)
    history.stop_daemon()
    assert history.world.quit is None
    history.wait(SECOND)
    assert history.world.quit
    assert history.did("signal") == ["signal backup#1 SIGTERM", "signal backup#1 SIGKILL"]


def test_a_second_signal_together_with_the_end_of_the_budget_abandons_nobody() -> None:
    history = History(a_task(graceful_stop=HOUR), programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.stop_daemon()
    due = history.late(10 * SECOND)
    history.give(StopDaemon("SIGINT"), *map(Due, due))
    assert history.happened()[-1] == "quit"
    assert history.table() == ["backup#1 ended daemon_stopped 137"]


def test_no_new_runs_while_the_daemon_stops_and_the_firing_is_not_marked() -> None:
    """So the next life catches it up."""
    history = History(a_task(parallelism=2), programs={"backup": Program(obeys=False)})
    history.fire("backup", at=history.world.now.wall)
    mark = history.world.marks["backup"]
    history.stop_daemon()
    history.wait(SECOND)
    history.fire("backup")
    history.missed("backup", 1, history.world.now.wall, history.world.now.wall)
    assert history.table() == ["backup#1 running"]
    assert history.world.marks["backup"] == mark


@pytest.mark.parametrize("wish", ["trigger", "restart", "stop"])
def test_wishes_are_refused_while_the_daemon_stops(wish: str) -> None:
    history = History(a_service(), programs={"web": Program(obeys=False)})
    history.stop_daemon()
    answer = {"trigger": history.trigger, "restart": history.restart, "stop": history.stop}[wish]("web")
    assert isinstance(answer, Refused)
    assert history.table() == ["web#1 running"]


def test_waiting_runs_keep_waiting_and_go_on_in_the_next_life() -> None:
    history = History(
        a_task("queued", parallelism=1), a_task("retried", retry_attempts=1, retry_delay=MINUTE)
    )
    history.fire("queued")
    history.fire("queued")
    history.fire("queued")
    history.fire("retried")
    history.exit("retried#1", 1)
    history.stop_daemon()
    assert history.table() == [
        "queued#1 ended daemon_stopped 143",
        "queued#2 pending queue",
        "queued#3 pending queue",
        "retried#1 ended failed 1",
        "retried#2 pending retry",
    ]
    history.wait(30 * SECOND)
    history.come_back()
    assert history.alive() == ["queued#2"]
    history.wait(30 * SECOND)
    assert history.alive() == ["queued#2", "retried#2"]
    history.exit("queued#2")
    assert history.alive() == ["retried#2", "queued#3"]


def test_a_retry_that_becomes_due_while_the_daemon_stops_waits_for_the_next_life() -> None:
    history = History(
        a_task("retried", retry_attempts=1), a_task("slow"), programs={"slow": Program(obeys=False)}
    )
    history.fire("retried")
    history.exit("retried#1", 1)
    history.fire("slow")
    history.stop_daemon()
    history.wait(MINUTE)
    assert history.world.quit
    history.come_back()
    history.due()
    assert history.alive() == ["retried#2"]


def test_an_attempt_that_fails_while_the_daemon_stops_is_retried_in_the_next_life() -> None:
    history = History(
        a_task(retry_attempts=1, retry_delay=0, timeout=SECOND), programs={"backup": Program(obeys=False)}
    )
    history.fire("backup")
    history.wait(SECOND)
    history.stop_daemon()
    history.wait(MINUTE)
    assert history.table() == ["backup#1 ended timeout 137", "backup#2 pending retry"]
    history.come_back()
    history.due()
    assert history.alive() == ["backup#2"]


def test_a_run_that_the_daemon_stopped_is_not_retried() -> None:
    history = History(a_task(retry_attempts=5, retry_delay=0))
    history.fire("backup")
    history.stop_daemon()
    history.come_back()
    assert history.table() == ["backup#1 ended daemon_stopped 143"]


def test_replicas_that_wait_end_with_the_daemon_and_start_afresh_in_the_next_life() -> None:
    history = History(a_service())
    history.exit("web#1", 1)
    history.stop_daemon()
    assert history.table()[1:] == ["web#2 ended daemon_stopped -1"]
    history.come_back()
    assert history.alive() == ["web#3"]


def test_a_replica_that_ends_while_the_daemon_stops_stays_down() -> None:
    history = History(a_service(restart_delay=0), programs={"web": Program(obeys=False)})
    history.restart("web")
    history.stop_daemon()
    history.exit("web#1", 0)
    assert history.table() == ["web#1 ended stopped 0"]
    assert history.world.quit


def test_a_run_that_fails_to_start_as_the_daemon_stops_is_not_retried() -> None:
    history = History(a_task(retry_attempts=5), programs={"backup": Program(refused="no such file")})
    history.give(history.firing("backup"), StopDaemon("SIGTERM"))
    assert history.table() == ["backup#1 ended daemon_stopped 127"]
    assert history.world.quit


def test_terminate_and_the_stop_of_the_daemon_leave_the_newest_to_the_next_life() -> None:
    history = History(a_task(on_overlap=OnOverlap.TERMINATE), programs={"backup": Program(obeys=False)})
    history.fire("backup")
    history.fire("backup")
    history.stop_daemon()
    history.wait(MINUTE)
    assert history.table() == ["backup#1 ended stopped 137", "backup#2 pending queue"]
    history.come_back()
    assert history.alive() == ["backup#2"]


def test_a_clock_that_was_set_is_told_with_how_far() -> None:
    history = History()
    history.give(ClockStepped(-4 * HOUR))
    history.give(ClockStepped(5 * HOUR))
    assert [event.kind for event in history.world.events] == ["daemon.clock_stepped"] * 2
    assert [event.message for event in history.world.events] == [
        "the clock was set back by 4h; schedules go on from the new time",
        "the clock was set forward by 5h; schedules go on from the new time",
    ]
