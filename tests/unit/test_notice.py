"""The bell: what rings it, what it says, and what is a repetition."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runwisp.audience import Audience
from runwisp.clock import HOUR, MINUTE, SECOND, Wall
from runwisp.event import Event, EventKind, Severity
from runwisp.ids import UlidMaker
from runwisp.notice import Bell, Notice, roughly
from runwisp.notifier import NotifySettings
from runwisp.route import Match, Route
from runwisp.run import EndReason, Run, Trigger, drafted, ended, started
from runwisp.task import Task

T0 = Wall(1_700_000_000_000)
BACKUP = Task(name="backup", run="true", working_dir="/")
IDS = UlidMaker(bytes)


def a_bell(*routes: Route, task: Task = BACKUP, recent: tuple[Notice, ...] = (), **settings: object) -> Bell:
    given = NotifySettings(**settings)  # type: ignore[arg-type]
    audience = Audience(given.default_notifiers, {task.name: task}, routes, {})
    return Bell(given, audience, IDS, recent)


def a_failure(
    at: Wall = T0, reason: EndReason = EndReason.FAILED, task: Task = BACKUP, exit_code: int = 3
) -> tuple[Event, Run]:
    run = started(drafted(IDS.next(at), task, Trigger.CRON, at), Wall(at - 65 * SECOND))
    run = ended(run, reason, exit_code, "exited with code 3", at)
    kind = run.meaning.event
    assert kind
    return Event(kind, at, f"{task.name} ended: {reason}", task.name, run.id), run


def ring(bell: Bell, *happened: tuple[Event, Run]) -> list[Notice]:
    rung = [bell.ring(event, run) for event, run in happened]
    return [notice for notice in rung if notice]


@pytest.mark.parametrize(
    ("reason", "title"),
    [
        (EndReason.FAILED, "backup failed"),
        (EndReason.LOG_OVERFLOW, "backup failed"),
        (EndReason.TIMEOUT, "backup ran too long"),
        (EndReason.CRASHED, "backup crashed"),
        (EndReason.MISSED, "backup was missed"),
    ],
)
def test_every_failure_rings(reason: EndReason, title: str) -> None:
    event, run = a_failure(reason=reason)
    [notice] = ring(a_bell(), (event, run))
    assert notice.title == title
    assert (notice.task_name, notice.kind, notice.end_reason) == ("backup", event.kind, reason)
    assert (notice.run_id, notice.count, notice.times, notice.is_read) == (run.id, 1, (T0,), False)


@pytest.mark.parametrize("reason", [EndReason.SUCCESS, EndReason.STOPPED, EndReason.SKIPPED])
def test_nothing_else_rings_unless_somebody_asks(reason: EndReason) -> None:
    assert ring(a_bell(), a_failure(reason=reason)) == []


def test_a_notice_says_exit_code_duration_and_why() -> None:
    [notice] = ring(a_bell(), a_failure())
    assert notice.body == "Exit code 3 after 1m5s"
    assert notice.severity is Severity.ERROR


def test_a_repetition_raises_the_count_keeps_the_last_times_and_is_unread_again() -> None:
    bell = a_bell(occurrence_ring=3)
    [first] = ring(bell, a_failure())
    for minute in range(1, 5):
        [last] = ring(bell, a_failure(Wall(T0 + minute * MINUTE)))
    assert last.id == first.id
    assert last.count == 5
    assert last.times == tuple(Wall(T0 + minute * MINUTE) for minute in (4, 3, 2))
    assert (last.created_at, last.updated_at) == (T0, T0 + 4 * MINUTE)
    assert last.run_id != first.run_id
    assert last.body == "Exit code 3 after 1m5s; 5 times so far"
    assert not last.is_read


def test_a_repetition_after_the_window_is_a_notice_of_its_own() -> None:
    bell = a_bell(coalesce_window=HOUR)
    [first], [repeated] = ring(bell, a_failure()), ring(bell, a_failure(Wall(T0 + HOUR - 1)))
    [new] = ring(bell, a_failure(Wall(T0 + HOUR)))
    assert repeated.id == first.id != new.id
    assert new.count == 1


def test_another_task_kind_or_end_reason_is_not_a_repetition() -> None:
    bell = a_bell()
    other = replace(BACKUP, name="mail")
    happened = [
        a_failure(),
        a_failure(reason=EndReason.TIMEOUT),
        a_failure(reason=EndReason.LOG_OVERFLOW),
        a_failure(task=other),
    ]
    assert [notice.count for notice in ring(bell, *happened)] == [1, 1, 1, 1]


def test_without_a_window_nothing_is_a_repetition() -> None:
    notices = ring(a_bell(coalesce_window=0), a_failure(), a_failure())
    assert len({notice.id for notice in notices}) == 2


def test_a_former_life_is_repeated_too() -> None:
    [former] = ring(a_bell(), a_failure())
    [notice] = ring(a_bell(recent=(replace(former, is_read=True),)), a_failure(Wall(T0 + MINUTE)))
    assert (notice.id, notice.count, notice.is_read) == (former.id, 2, False)


def test_default_notifiers_without_the_bell_leave_it_to_the_tasks_and_routes() -> None:
    silent = a_bell(default_notifiers=())
    assert ring(silent, a_failure()) == []
    asking = replace(BACKUP, notify_on_failure=("inapp",))
    assert len(ring(a_bell(task=asking, default_notifiers=()), a_failure(task=asking))) == 1


def test_a_task_can_ask_to_hear_of_its_successes() -> None:
    asking = replace(BACKUP, notify_on_success=("inapp",))
    [notice] = ring(a_bell(task=asking), a_failure(reason=EndReason.SUCCESS, task=asking, exit_code=0))
    assert notice.title == "backup succeeded"


@pytest.mark.parametrize(
    ("match", "is_rung"),
    [
        (Match(frozenset({EventKind.RUN_SKIPPED})), True),
        (Match(frozenset({EventKind.RUN_SKIPPED}), task="back*"), True),
        (Match(frozenset({EventKind.RUN_SKIPPED}), task="Back*"), False),
        (Match(frozenset({EventKind.RUN_SKIPPED}), severity=Severity.WARN), True),
        (Match(frozenset({EventKind.RUN_SKIPPED}), severity=Severity.ERROR), False),
        (Match(frozenset({EventKind.RUN_STARTED})), False),
    ],
)
def test_a_route_to_the_bell_rings_it_for_what_it_matches(match: Match, is_rung: bool) -> None:
    for notify, is_heard in ((("inapp",), is_rung), (("slack",), False)):
        rung = ring(a_bell(Route(match, notify)), a_failure(reason=EndReason.SKIPPED))
        assert bool(rung) is is_heard


def test_what_is_about_no_run_can_ring_too() -> None:
    route = Route(Match(frozenset({EventKind.DAEMON_STARTED})), ("inapp",))
    notice = a_bell(route).ring(Event(EventKind.DAEMON_STARTED, T0, "runwisp runs 3 tasks"), None)
    assert notice
    assert (notice.title, notice.task_name, notice.run_id) == ("runwisp runs 3 tasks", None, None)


def test_a_clock_set_back_does_not_keep_a_window_open_for_ever() -> None:
    bell = a_bell()
    ring(bell, a_failure(Wall(T0 + 10 * HOUR)))
    [notice] = ring(bell, a_failure())
    assert notice.count == 1
    [again] = ring(bell, a_failure(Wall(T0 + 2 * HOUR)))
    assert again.count == 1


def test_every_message_that_could_not_be_delivered_has_a_notice_of_its_own_whoever_is_asked() -> None:
    fields = {"channel": "slack", "event": "run.failed", "reason": "404 Not Found"}
    failed = Event(EventKind.NOTIFY_DELIVERY_FAILED, T0, "slack did not deliver: x", "x", None, fields)
    bell = a_bell(default_notifiers=())
    first, second = (bell.ring(failed, None) for _ in range(2))
    assert first
    assert second
    assert first.id != second.id
    assert (first.count, first.title, first.body) == (1, "slack did not deliver: x", "404 Not Found")


def test_a_body_does_not_repeat_its_title() -> None:
    route = Route(Match(frozenset({EventKind.DAEMON_STARTED})), ("inapp",))
    notice = a_bell(route).ring(Event(EventKind.DAEMON_STARTED, T0, "runwisp runs 3 tasks"), None)
    assert notice
    assert notice.body == ""


@pytest.mark.parametrize(
    ("took", "spelled"), [(0, "0s"), (850, "850ms"), (3_210, "3.2s"), (9_999, "10.0s"), (65_900, "1m5s")]
)
def test_how_long_it_took_is_told_as_precisely_as_somebody_wants_to_know(took: int, spelled: str) -> None:
    assert roughly(took) == spelled
