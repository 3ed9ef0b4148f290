"""What happens finds those who are to know of it: real daemons, real deliver processes, a real web server."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from runwisp.clock import SECOND
from runwisp.daemon.deliverers import LIMIT, NICENESS
from runwisp.daemon.engine import TOGETHER
from runwisp.deliver.deadline import ATTEMPT
from tests.faults.recording import Seen
from tests.integration.asking import entered
from tests.integration.conftest import all_pids, command_line, parent_pid
from tests.integration.receiver import Answer, Behaviour, Hang, Receiver, Request
from tests.integration.running import House
from tests.integration.test_faults_disk import disk_at, fill
from tests.integration.waiting import PATIENCE, wait_for

SECRET = "hunter2-in-the-file"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def a_webhook(receiver: Receiver, name: str = "hook") -> str:
    return (
        f'[[notifier]]\nid = "{name}"\ntype = "webhook"\nurl = "{receiver.url(f"/{name}")}"\nsecret = "x"\n'
    )


def a_route(*kinds: str, to: str) -> str:
    return f'[[notification_route]]\nmatch = {{ kind = {json.dumps(kinds)} }}\nnotify = ["{to}"]\n'


def a_failing_task(name: str = "backup", attempts: int = 0, more: str = "") -> str:
    """Each attempt is an event."""
    return (
        f'[tasks.{name}]\nrun_on_start = true\nrun = "echo out of paper; exit 3"\n'
        f'retry_attempts = {attempts}\nretry_delay = "1ms"\nretry_backoff = "constant"\n{more}\n'
    )


def a_command(run: str) -> str:
    return f'[[notifier]]\nid = "hook"\ntype = "command"\nrun = """{run}"""\n'


SHORT_LIMIT = (
    sys.executable,
    "-c",
    "import sys, runwisp.daemon.deliverers as deliverers; deliverers.LIMIT = 5_000; "
    "from runwisp.cli.main import main; sys.argv[:] = sys.argv[3:]; sys.exit(main())",
)
"""A daemon with a bound that a test can wait for."""

ALL_TO_HOOK = '[notify]\ndefault_notifiers = ["inapp", "hook"]\n'


def come(receiver: Receiver, count: int, path: str = "") -> list[Request]:
    """All that came, once there are so many."""

    def look() -> list[Request]:
        found = [each for each in receiver.requests if each.path.startswith(path)]
        return found if len(found) >= count else []

    return wait_for(look, lambda: receiver.requests)


def counts(requests: list[Request]) -> list[tuple[int, bool]]:
    return [(each.json["count"], each.json["is_summary"]) for each in requests]


def outbox(house: House) -> list[str]:
    return [row["id"] for row in house.query("SELECT id FROM deliveries ORDER BY id")]


def is_empty(house: House) -> bool:
    return not outbox(house)


def test_a_failure_is_in_the_bell_and_at_the_channel_and_nothing_is_left_of_it(
    house: House, receiver: Receiver
) -> None:
    house.start(ALL_TO_HOOK + a_webhook(receiver) + a_failing_task())
    [request] = come(receiver, 1)
    run = house.run_of("backup")
    assert request.json["event"]["run_id"] == run.id
    assert request.json["log_tail"] == ["out of paper"]
    wait_for(lambda: is_empty(house))
    [notice] = house.query("SELECT * FROM notices")
    assert (notice["title"], notice["count"]) == ("backup failed", 1)


def test_repetitions_are_the_first_every_third_and_a_summary_through_a_restart(
    house: House, receiver: Receiver
) -> None:
    coalescing = ALL_TO_HOOK + "occurrence_ring = 3\n"
    tasks = a_webhook(receiver) + a_failing_task(attempts=6)
    daemon = house.start(coalescing + tasks)
    assert counts(come(receiver, 3)) == [(1, False), (3, False), (6, False)]
    house.ended("backup", 7)
    assert daemon.stop() == 0
    [notice] = house.query("SELECT * FROM notices")
    assert (notice["title"], notice["count"]) == ("backup failed", 7)
    idle = tasks.replace("run_on_start = true", "run_on_start = false")
    house.start(coalescing + "coalesce_outbound = false\n" + idle)
    assert counts(come(receiver, 4))[3:] == [(7, True)]
    wait_for(lambda: is_empty(house))
    assert not house.query("SELECT * FROM series")


def test_the_order_of_a_channel_is_kept_whatever_fails_between(house: House, receiver: Receiver) -> None:
    receiver.answers = [Answer(), Answer(500), Answer(429, headers={"Retry-After": "1"}), Answer(), Answer()]
    house.start(
        ALL_TO_HOOK + "coalesce_outbound = false\n" + a_webhook(receiver) + a_failing_task(attempts=2)
    )
    came = [each.json["run"]["id"] for each in come(receiver, 5)]
    first, second, third = (run.id for run in house.ended("backup", 3))
    assert came == [first, second, second, second, third]
    ids = [each.headers["Idempotency-Key"] for each in receiver.requests]
    assert len(set(ids)) == 3
    assert ids[1] == ids[2] == ids[3]


def test_what_cannot_be_delivered_is_in_the_bell_and_goes_another_way(house: House) -> None:
    def judge(request: Request) -> Behaviour:
        return Answer(404, "no such hook") if request.path == "/hook" else Answer()

    with Receiver(judge) as receiver:
        notifiers = a_webhook(receiver) + a_webhook(receiver, "other")
        routes = a_route("notify.delivery_failed", to="other") + a_route("notify.delivery_failed", to="hook")
        house.start(ALL_TO_HOOK + notifiers + routes + a_failing_task())
        [told] = come(receiver, 1, "/other")
        wait_for(lambda: is_empty(house))
        assert len(come(receiver, 1, "/hook")) == 1
    event = told.json["event"]
    assert event["kind"] == "notify.delivery_failed"
    assert (event["fields"]["channel"], event["fields"]["event"]) == ("hook", "run.failed")
    assert "404" in event["fields"]["reason"]
    [notice] = house.query("SELECT * FROM notices WHERE kind = 'notify.delivery_failed'")
    assert notice["title"] == "hook did not deliver: backup failed"
    assert "404" in notice["body"]


def test_two_broken_channels_do_not_keep_telling_of_each_other(house: House) -> None:
    with Receiver(lambda _request: Answer(410, "gone")) as receiver:
        notifiers = a_webhook(receiver) + a_webhook(receiver, "other")
        routes = a_route("notify.delivery_failed", to="other") + a_route("notify.delivery_failed", to="hook")
        daemon = house.start(ALL_TO_HOOK + notifiers + routes + a_failing_task())
        daemon.says("other did not deliver")
        wait_for(lambda: is_empty(house))
        assert Counter(each.path for each in receiver.requests) == {"/hook": 1, "/other": 1}
    assert len(house.query("SELECT * FROM notices WHERE kind = 'notify.delivery_failed'")) == 2


def test_a_deliver_process_that_is_killed_is_followed_by_another_with_the_same_key(
    house: House, receiver: Receiver
) -> None:
    receiver.answers = [Hang(), Answer()]
    daemon = house.start(ALL_TO_HOOK + a_webhook(receiver) + a_failing_task())
    come(receiver, 1)
    [pid] = [pid for pid in daemon.children() if "runwisp.deliver" in command_line(pid)]
    os.kill(pid, signal.SIGKILL)
    first, second = come(receiver, 2)
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    wait_for(lambda: is_empty(house))


def test_the_bound_of_a_deliver_process_is_beyond_that_of_an_attempt() -> None:
    assert LIMIT == 20 * SECOND > ATTEMPT


def test_a_deliver_process_that_hangs_is_ended_with_its_command_and_followed_by_another(
    house: House,
) -> None:
    started = house.folder / "started"
    run = f"echo $$ >> {started}; [ $(wc -l < {started}) -gt 1 ] || exec sleep 1000"
    daemon = house.start(ALL_TO_HOOK + a_command(run) + a_failing_task(), prefix=SHORT_LIMIT)
    first = the_command_of(started)
    os.kill(parent_pid(first), signal.SIGSTOP)
    wait_for(lambda: len(started.read_text().split()) > 1, lambda: daemon.said)
    wait_for(lambda: first not in all_pids())
    wait_for(lambda: is_empty(house))


def test_a_command_does_not_outlive_the_daemon_and_runs_again_with_the_next(house: House) -> None:
    started = house.folder / "started"
    daemon = house.start(ALL_TO_HOOK + a_command(f"echo $$ > {started}; exec sleep 1000") + a_failing_task())
    pid = the_command_of(started)
    assert os.getpriority(os.PRIO_PROCESS, pid) == NICENESS
    assert daemon.stop() == 0
    wait_for(lambda: pid not in all_pids())
    started.unlink()
    house.start()
    the_command_of(started)


def the_command_of(started: Path) -> int:
    """Its pid, once it has written that."""
    return int(wait_for(lambda: started.exists() and started.read_text().strip()))


def test_a_full_queue_drops_the_new_ones_counts_them_and_slows_no_task(house: House) -> None:
    with Receiver(lambda _request: Hang()) as receiver:
        settings = ALL_TO_HOOK + "queue_size = 5\ncoalesce_outbound = false\n"
        daemon = house.start(settings + a_webhook(receiver) + a_failing_task(attempts=19))
        house.ended("backup", 20)
        wait_for(lambda: len(outbox(house)) == 5)
        daemon.says("notifications are dropped")
        assert entered(house, daemon).get("/api/info").json["deliveries"] == {"waiting": 5, "dropped": 15}
        assert daemon.stop() == 0
    assert len(outbox(house)) == 5


@pytest.mark.fault("load", "1,000 failures in a second, with every channel hanging")
@pytest.mark.parametrize("count", [2_000, pytest.param(5_000, marks=pytest.mark.faults)])
def test_no_firing_waits_for_a_crowd_that_fails_or_for_channels_that_hang(
    house: House, count: int, seen: Seen
) -> None:
    """The crowd keeps the daemon busy for longer than a second, so the probe comes due in the midst of it."""
    with Receiver(lambda _request: Hang()) as receiver:
        hooks = [f"hook{n}" for n in range(5)]
        daemon = house.start_after(
            1,
            f"[notify]\ndefault_notifiers = {json.dumps(['inapp', *hooks])}\n"
            + "".join(a_webhook(receiver, hook) for hook in hooks)
            + '[tasks.probe]\ncron = "@every 1s"\ncatch_up = "skip"\nparallelism = 50\nrun = "true"\n'
            + "".join(f'[tasks.t{n}]\ncron = "@every 1h"\nrun = "exit 1"\n' for n in range(count)),
        )
        for some in range(1_000, count + 1, 1_000):
            wait_for(partial(has_ended_of_the_crowd, house, some))
        deliveries = entered(house, daemon).get("/api/info").json["deliveries"]
        daemon.stop()
    crowd = house.query(f"SELECT start_at, end_at FROM runs WHERE {OF_THE_CROWD}")  # noqa: S608
    starts, ends = ([row[name] for row in crowd] for name in ("start_at", "end_at"))
    probes = house.runs("probe")
    meanwhile = [run for run in probes if min(starts) < (run.scheduled_for or 0) < max(ends)]
    assert meanwhile
    for run in meanwhile:
        overtaken = [at for at in starts + ends if (run.scheduled_for or 0) < at < (run.start_at or 0)]
        assert len(overtaken) <= 4 * TOGETHER, f"{run} waited for {len(overtaken)}"
    assert deliveries["waiting"] == 1024
    assert deliveries["dropped"] >= len(hooks) * count - 1024
    late = max((run.start_at or 0) - (run.scheduled_for or 0) for run in meanwhile)
    seen(f"{count:,} fail in {max(ends) - min(starts):,} ms: a firing in the midst of it is {late} ms late")


OF_THE_CROWD = "phase = 'ended' AND task_name LIKE 't%'"


def has_ended_of_the_crowd(house: House, some: int) -> bool:
    [row] = house.query(f"SELECT count(*) AS count FROM runs WHERE {OF_THE_CROWD}")  # noqa: S608
    return bool(row["count"] >= some)


def test_what_was_dropped_is_told_the_next_time_also_by_the_next_daemon(house: House) -> None:
    with Receiver(lambda _request: Hang()) as receiver:
        tasks = a_failing_task() + a_failing_task("mirror")
        daemon = house.start(ALL_TO_HOOK + "queue_size = 1\n" + a_webhook(receiver) + tasks)
        house.ended("backup")
        house.ended("mirror")
        daemon.says("notifications are dropped")
        assert daemon.stop() == 0
    assert sorted(row["told"] for row in house.query("SELECT told FROM series")) == [0, 1]


def test_the_end_of_the_daemon_is_told_at_its_next_start(house: House, receiver: Receiver) -> None:
    configuration = a_webhook(receiver) + a_route("daemon.started", "daemon.stopped", to="hook")
    daemon = house.start(configuration + "[notify]\ncoalesce_outbound = false\n")
    come(receiver, 1)
    wait_for(lambda: is_empty(house))
    daemon.stop()
    house.start()
    kinds = [each.json["event"]["kind"] for each in come(receiver, 3)]
    assert kinds == ["daemon.started", "daemon.stopped", "daemon.started"]


def test_a_message_for_a_notifier_that_was_taken_away_is_told_in_the_bell(house: House) -> None:
    with Receiver(lambda _request: Hang()) as receiver:
        daemon = house.start(ALL_TO_HOOK + a_webhook(receiver) + a_failing_task())
        come(receiver, 1)
        daemon.stop()
    house.start('[tasks.idle]\nrun = "true"\n')
    [notice] = wait_for(lambda: house.query("SELECT * FROM notices WHERE kind = 'notify.delivery_failed'"))
    assert notice["body"] == "no notifier is called hook any more"


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk")
def test_messages_go_out_while_the_history_cannot_be_written_and_none_is_lost_or_repeated(
    house: House, receiver: Receiver
) -> None:
    with disk_at(house.data, "2m") as ballast:
        service = '[services.web]\nrun = "exit 3"\nrestart_delay = "100ms"\nrestart_backoff = "constant"\n'
        daemon = house.start(ALL_TO_HOOK + "coalesce_outbound = false\n" + a_webhook(receiver) + service)
        come(receiver, 1)
        fill(ballast)
        daemon.says("the history cannot be written")
        come(receiver, len(receiver.requests) + 3)
        ballast.unlink()
        daemon.says("the history is written again")
        assert daemon.stop() == 0
        ids = [each.headers["Idempotency-Key"] for each in receiver.requests]
        told = {each.json["event"]["run_id"] for each in receiver.requests}
        left = house.query("SELECT id, json_extract(event, '$.run_id') AS run_id FROM deliveries")
        failed = house.query("SELECT id FROM runs WHERE end_reason = 'failed'")
        assert {row["id"] for row in failed} <= told | {row["run_id"] for row in left}
        assert len(ids) == len(set(ids))
        assert not {*ids[:-1]} & {row["id"] for row in left}


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk")
def test_an_answer_that_cannot_be_recorded_is_told_and_recorded_once_there_is_room(house: House) -> None:
    """Nothing else happens meanwhile: it is the answer that finds the disk full."""
    is_full = threading.Event()

    def judge(_request: Request) -> Behaviour:
        return Answer() if is_full.wait(PATIENCE) else Answer(500)

    with disk_at(house.data, "2m") as ballast, Receiver(judge) as receiver:
        daemon = house.start(ALL_TO_HOOK + a_webhook(receiver) + a_failing_task())
        come(receiver, 1)
        fill(ballast)
        is_full.set()
        daemon.says("the history cannot be written")
        ballast.unlink()
        daemon.says("the history is written again")
        wait_for(lambda: is_empty(house))
        assert daemon.stop() == 0


def test_a_secret_is_nowhere_but_where_it_was_put(house: House) -> None:
    """In no log, row, answer, argument or environment but the ones of who sends the message."""
    seen: list[str] = []

    def judge(_request: Request) -> Behaviour:
        seen.extend(map(command_line, all_pids()))
        return Answer(500, f"I was called with {SECRET}")

    with Receiver(judge) as receiver:
        url = receiver.url(f"/{SECRET}")
        notifiers = (
            f'[[notifier]]\nid = "hook"\ntype = "slack"\nwebhook_url_env = "HOOK"\n'
            f'[[notifier]]\nid = "inline"\ntype = "discord"\nwebhook_url = "{url}"\n'
        )
        settings = (
            '[notify]\ndefault_notifiers = ["inapp", "hook", "inline"]\ndefault_timeout = "1s"\n'
            "coalesce_outbound = false\n"
        )
        task = a_failing_task().replace("echo out of paper", "env")
        daemon = house.start(settings + notifiers + task, env={"HOOK": url})
        wait_for(
            lambda: len(house.query("SELECT 1 FROM notices WHERE kind = 'notify.delivery_failed'")) == 2,
            lambda: daemon.said,
        )
        door = entered(house, daemon)
        paths = ("/api/info", "/api/tasks", "/api/notifications", "/api/runs")
        answers = [door.get(path).body for path in paths]
        assert [each for each in seen if "runwisp.deliver" in each]
        assert not [each for each in seen if SECRET in each]
        assert SECRET not in house.log(house.run_of("backup"))
        assert SECRET not in daemon.said
        assert not [answer for answer in answers if SECRET in str(answer)]
    with pytest.raises(AssertionError, match="hunter2"):
        _assert_nowhere(house.folder)
    house.config.write_text("")
    _assert_nowhere(house.folder)


def _assert_nowhere(folder: Path) -> None:
    holders = [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert not holders, f"hunter2 is in {holders}"


@pytest.mark.fault("daemon", "SIGKILL at random moments while tasks start, print, end, retry and queue")
def test_a_kill_at_any_moment_loses_no_event_and_repeats_none_that_was_acknowledged(house: House) -> None:
    survive_kills(house, 6)


@pytest.mark.faults
def test_a_hundred_kills_lose_no_event_and_repeat_none_that_was_acknowledged(house: House) -> None:
    survive_kills(house, 100)


def survive_kills(house: House, kills: int) -> None:
    """What has no row any more at a kill was acknowledged, and that was read."""
    chance = random.Random(kills)  # noqa: S311
    acknowledged: dict[str, int] = {}
    settings = ALL_TO_HOOK + "coalesce_outbound = false\n"
    with Receiver(lambda _request: Answer()) as receiver:
        for _ in range(kills):
            daemon = house.start(settings + a_webhook(receiver) + a_failing_task(attempts=1))
            if chance.random() < 0.7:
                come(receiver, len(receiver.requests) + 1)
            threading.Event().wait(chance.random())
            daemon.kill()
            came = Counter(each.json["delivery_id"] for each in receiver.requests)
            known = {*outbox(house), *acknowledged}
            acknowledged |= {each: count for each, count in came.items() if each not in known}
        idle = a_failing_task(attempts=1).replace("run_on_start = true", "run_on_start = false")
        house.start(settings + a_webhook(receiver) + idle)
        failed = "('failed', 'crashed', 'timeout', 'missed')"
        ended = f"SELECT id FROM runs WHERE end_reason IN {failed}"  # noqa: S608
        unended = "SELECT 1 FROM runs WHERE end_reason IS NULL"
        wait_for(lambda: not house.query(unended))
        while left := outbox(house):
            wait_for(partial(lambda left: outbox(house) != left, left), lambda: daemon.said)
        told = Counter(each.json["delivery_id"] for each in receiver.requests)
        runs = {each.json["event"]["run_id"] for each in receiver.requests}
        assert {row["id"] for row in house.query(ended)} <= runs
        assert {each: told[each] for each in acknowledged} == acknowledged
        assert acknowledged
