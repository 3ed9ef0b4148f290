"""Services: replicas, backoff, stopped and restarted by hand."""

from __future__ import annotations

import pytest

from runwisp.clock import HOUR, MINUTE, SECOND
from runwisp.daemon.inputs import Asked, Due, RestartService
from runwisp.errors import Refused, TriggerForbidden
from runwisp.run import Run, Trigger
from runwisp.task import Backoff
from runwisp.wire import Overflowed
from tests.unit.history import History, Program, a_service


def test_instances_replicas_each_with_a_run_and_an_index_of_its_own() -> None:
    history = History(a_service(instances=3))
    assert history.alive() == ["web#1", "web#2", "web#3"]
    assert [history.row(nick).replica_index for nick in history.alive()] == [0, 1, 2]
    assert {history.row(nick).triggered_by for nick in history.alive()} == {Trigger.SERVICE}


def test_a_replica_is_seen_to_run_to_wait_and_to_be_stopped() -> None:
    history = History(a_service(), programs={"web": Program(obeys=False)})
    replica = history.supervisor.services["web"].replicas[0]
    seen = [replica.state]
    history.exit("web#1", 1)
    seen.append(replica.state)
    history.wait(SECOND)
    history.stop("web")
    seen.append(replica.state)
    history.wait(5 * SECOND)
    assert [*seen, replica.state] == ["running", "backoff", "stopping", "stopped"]


def test_autostart_false_waits_to_be_started() -> None:
    history = History(a_service(autostart=False))
    assert history.table() == []
    answer = history.trigger("web")
    assert isinstance(answer, Run)
    assert history.nick(answer.id) == "web#1"
    assert history.alive() == ["web#1"]


@pytest.mark.parametrize(("exit_code", "reason"), [(0, "success"), (3, "failed"), (137, "failed")])
def test_any_exit_starts_a_new_run(exit_code: int, reason: str) -> None:
    history = History(a_service())
    history.exit("web#1", exit_code)
    assert history.table() == [f"web#1 ended {reason} {exit_code}", "web#2 pending restart"]
    history.wait(SECOND)
    assert history.alive() == ["web#2"]
    assert history.row("web#2").replica_index == 0


def test_the_backoff_doubles_from_one_second_to_sixty() -> None:
    history = History(a_service())
    for nth, wait in enumerate((1, 2, 4, 8, 16, 32, 60, 60), start=1):
        history.exit(f"web#{nth}", 1)
        history.wait(wait * SECOND - 1)
        assert history.alive() == []
        history.wait(1)
        assert history.alive() == [f"web#{nth + 1}"]


def test_a_waiting_restart_says_how_long_and_the_how_manieth_it_is() -> None:
    history = History(a_service())
    history.exit("web#1", 1)
    history.wait(SECOND)
    history.exit("web#2", 1)
    assert history.row("web#3").message == "restart 2 after 2s"


def test_a_replica_that_stayed_up_starts_over_with_a_fresh_backoff() -> None:
    history = History(a_service(healthy_after=MINUTE))
    for nth in range(1, 6):
        history.exit(f"web#{nth}", 1)
        history.wait(MINUTE)
    history.wait(MINUTE)
    history.exit("web#6", 1)
    assert history.row("web#7").message == "restart 1 after 1s"


def test_a_replica_that_did_not_stay_up_keeps_its_backoff() -> None:
    history = History(a_service(healthy_after=MINUTE))
    history.exit("web#1", 1)
    history.wait(SECOND + MINUTE - 1)
    history.exit("web#2", 1)
    assert history.row("web#3").message == "restart 2 after 2s"


def test_replicas_back_off_each_for_itself() -> None:
    history = History(a_service(instances=2))
    history.exit("web#1", 1)
    assert history.alive() == ["web#2"]
    history.wait(SECOND)
    assert history.alive() == ["web#2", "web#3"]
    history.exit("web#2", 1)
    history.wait(SECOND)
    assert history.alive() == ["web#3", "web#4"]
    assert history.row("web#4").replica_index == 1


def test_one_that_lived_under_100_ms_is_not_started_again_within_100_ms() -> None:
    history = History(a_service(restart_delay=0))
    history.wait(99)
    history.exit("web#1", 1)
    history.wait(99)
    assert history.alive() == []
    history.wait(1)
    assert history.alive() == ["web#2"]


def test_without_delay_one_that_lived_longer_is_started_again_in_the_same_turn() -> None:
    history = History(a_service(restart_delay=0, restart_backoff=Backoff.CONSTANT))
    history.wait(100)
    history.happened()
    history.exit("web#1", 1)
    assert "spawn web#2" in history.happened()


def test_a_program_that_cannot_be_started_backs_off_too() -> None:
    history = History(a_service(restart_delay=0), programs={"web": Program(refused="no such file")})
    assert history.table() == ["web#1 ended failed 127", "web#2 pending restart"]
    history.wait(99)
    assert len(history.table()) == 2


def test_the_successor_waits_for_the_process_not_for_its_output() -> None:
    history = History(a_service(restart_delay=0), programs={"web": Program(drains=False)})
    history.wait(SECOND)
    history.exit("web#1", 1)
    assert history.table() == ["web#1 running", "web#2 running"]
    assert history.alive() == ["web#2"]
    history.drain("web#1")
    assert history.table() == ["web#1 ended failed 1", "web#2 running"]


def test_the_successor_does_wait_for_the_process() -> None:
    history = History(a_service(), programs={"web": Program(obeys=False)})
    history.restart("web")
    history.wait(5 * SECOND - 1)
    assert history.alive() == ["web#1"]
    history.wait(1)
    assert history.alive() == ["web#2"]


def test_stop_stops_all_replicas_and_keeps_them_stopped() -> None:
    history = History(a_service(instances=3))
    history.exit("web#1", 1)
    answer = history.stop("web")
    assert answer == "web stays stopped until it is started again or the daemon restarts"
    history.wait(HOUR)
    assert history.table() == [
        "web#1 ended failed 1",
        "web#2 ended stopped 143",
        "web#3 ended stopped 143",
        "web#4 ended stopped -1",
    ]
    assert history.supervisor.services["web"].is_stopped
    assert not history.world.armed


def test_stop_lasts_for_the_life_of_the_daemon() -> None:
    history = History(a_service())
    history.stop("web")
    history.die_and_come_back()
    assert history.alive() == ["web#2"]


def test_restart_stops_and_starts_at_once_with_a_fresh_backoff() -> None:
    history = History(a_service())
    history.exit("web#1", 1)
    history.wait(SECOND)
    history.restart("web")
    assert history.table()[1:] == ["web#2 ended stopped 143", "web#3 running"]
    assert history.row("web#2").message == "restarted by hand; restart 1 after 1s"
    history.exit("web#3", 1)
    assert history.row("web#4").message == "restart 1 after 1s"


def test_restart_starts_a_stopped_one() -> None:
    history = History(a_service())
    history.stop("web")
    assert history.restart("web") == "web restarts"
    assert history.alive() == ["web#2"]
    assert not history.supervisor.services["web"].is_stopped


def test_api_trigger_false_means_that_neither_way_starts_a_stopped_one() -> None:
    history = History(a_service(api_trigger=False))
    assert history.restart("web") == "web restarts"
    history.stop("web")
    for answer in (history.restart("web"), history.trigger("web")):
        assert isinstance(answer, TriggerForbidden)
        assert answer.message == "web has api_trigger = false: only the daemon, when it starts, starts it"
    assert history.alive() == []


def test_api_trigger_false_keeps_no_one_from_restarting_what_is_being_restarted() -> None:
    history = History(a_service(api_trigger=False), programs={"web": Program(obeys=False)})
    assert [history.restart("web"), history.restart("web")] == ["web restarts"] * 2


def test_restart_of_one_that_waits_starts_a_new_run_at_once() -> None:
    history = History(a_service())
    history.exit("web#1", 1)
    history.restart("web")
    assert history.table()[1:] == ["web#2 ended stopped -1", "web#3 running"]
    history.wait(MINUTE)
    assert history.alive() == ["web#3"]


def test_restart_while_it_is_being_stopped_starts_it_once_it_is_down() -> None:
    history = History(a_service(), programs={"web": Program(obeys=False)})
    history.stop("web")
    history.restart("web")
    history.restart("web")
    history.wait(5 * SECOND)
    assert history.table() == ["web#1 ended stopped 137", "web#2 running"]


def test_stop_while_it_is_being_restarted_keeps_it_down() -> None:
    history = History(a_service(), programs={"web": Program(obeys=False)})
    history.restart("web")
    history.stop("web")
    history.wait(MINUTE)
    assert history.table() == ["web#1 ended stopped 137"]


def test_start_while_it_is_being_stopped_starts_it_once_it_is_down() -> None:
    history = History(a_service(), programs={"web": Program(obeys=False)})
    history.stop("web")
    answer = history.trigger("web")
    assert isinstance(answer, Run)
    assert history.nick(answer.id) == "web#1", "the run that it comes after"
    history.wait(MINUTE)
    assert history.alive() == ["web#2"]


def test_restart_together_with_a_start_that_fails_starts_again_and_then_backs_off() -> None:
    history = History(a_service(autostart=False), programs={"web": Program(refused="no such file")})
    history.give(Asked(RestartService("web"), 1), Asked(RestartService("web"), 2))
    assert history.table() == [
        "web#1 ended stopped 127",
        "web#2 ended failed 127",
        "web#3 pending restart",
    ]


def test_a_restart_that_comes_with_the_end_of_the_wait_starts_once() -> None:
    history = History(a_service())
    history.exit("web#1", 1)
    due = history.late(SECOND)
    history.give(*map(Due, due), Asked(RestartService("web"), 1))
    assert history.alive() == ["web#3"]
    history.wait(MINUTE)
    assert history.alive() == ["web#3"]


def test_a_restart_that_comes_before_the_end_of_the_wait_starts_once() -> None:
    history = History(a_service())
    history.exit("web#1", 1)
    due = history.late(SECOND)
    history.give(Asked(RestartService("web"), 1), *map(Due, due))
    history.wait(MINUTE)
    assert history.table()[1:] == ["web#2 ended stopped -1", "web#3 running"]


def test_triggering_a_running_service_is_refused_with_what_to_do_instead() -> None:
    history = History(a_service())
    answer = history.trigger("web")
    assert isinstance(answer, Refused)
    assert "restart it instead" in answer.message
    history.exit("web#1", 1)
    assert isinstance(history.trigger("web"), Refused)
    assert len(history.table()) == 2


def test_stopping_one_run_brings_its_replica_up_again() -> None:
    history = History(a_service(instances=2))
    history.stop("web#1")
    history.wait(SECOND)
    assert history.table() == ["web#1 ended stopped 143", "web#2 running", "web#3 running"]


def test_stopping_a_run_that_waits_for_its_restart_is_refused_with_what_to_do_instead() -> None:
    history = History(a_service())
    history.exit("web#1", 1)
    answer = history.stop("web#2")
    assert isinstance(answer, Refused)
    assert answer.hint == "`runwisp stop web` keeps it down"
    assert history.table()[1:] == ["web#2 pending restart"]


def test_a_log_at_its_cap_ends_the_run_and_the_replica_comes_up_again() -> None:
    history = History(a_service())
    history.give(Overflowed(history.id_of("web#1")))
    assert history.table() == ["web#1 ended log_overflow 143", "web#2 pending restart"]
