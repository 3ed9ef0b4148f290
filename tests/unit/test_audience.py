"""Who is told of an event: defaults, tasks and routes add up; a broken channel is never told of itself."""

from __future__ import annotations

import pytest

from runwisp.audience import Audience
from runwisp.clock import Wall
from runwisp.event import Event, EventKind
from runwisp.notifier import Notifier, Secret, SecretSource, Slack, Smtp
from runwisp.route import Match, Route
from runwisp.task import Task

AT = Wall(1_700_000_000_000)
SECRET = Secret(SecretSource.ENV, "HOOK")
NOTIFIERS: dict[str, Notifier] = {
    "slack": Slack(id="slack", webhook_url=SECRET, channel="#ops"),
    "mail": Smtp(id="mail", host="h", password=SECRET, to=("a@b.c",)),
}


def event(kind: EventKind, task_name: str | None = "backup", **fields: str) -> Event:
    return Event(kind, AT, "", task_name, None, fields)


def an_audience(*routes: Route, defaults: tuple[str, ...] = ("inapp",), **task: tuple[str, ...]) -> Audience:
    backup = Task(name="backup", run="true", working_dir="/", **task)  # type: ignore[arg-type]
    return Audience(defaults, {"backup": backup}, routes, NOTIFIERS)


def to(*notify: str, kind: EventKind = EventKind.RUN_FAILED) -> Route:
    return Route(Match(frozenset({kind})), notify)


@pytest.mark.parametrize(
    "kind", [EventKind.RUN_FAILED, EventKind.RUN_TIMEOUT, EventKind.RUN_CRASHED, EventKind.RUN_MISSED]
)
def test_defaults_are_added_to_what_a_task_asks_for_its_failures(kind: EventKind) -> None:
    assert an_audience(notify_on_failure=("slack",)).of(event(kind)) == ("inapp", "slack")


@pytest.mark.parametrize(
    "kind", [EventKind.RUN_STARTED, EventKind.RUN_SKIPPED, EventKind.DAEMON_STARTED, EventKind.RUN_STOPPED]
)
def test_of_what_is_no_failure_nobody_is_told_unasked(kind: EventKind) -> None:
    assert an_audience(notify_on_failure=("slack",), notify_on_success=("slack",)).of(event(kind)) == ()
    assert an_audience(to("slack", kind=kind)).of(event(kind)) == ("slack",)


def test_each_address_is_told_once() -> None:
    audience = an_audience(to("slack", "mail"), to("mail", "inapp"), notify_on_failure=("slack",))
    assert audience.of(event(EventKind.RUN_FAILED)) == ("inapp", "slack", "mail")


def test_a_target_that_the_notifier_has_anyway_is_no_other_address() -> None:
    audience = an_audience(to("slack:#ops", "slack", "slack:#dev", "mail:a@b.c", "mail"), defaults=())
    assert audience.of(event(EventKind.RUN_FAILED)) == ("slack", "slack:#dev", "mail")


def a_failed_delivery(channel: str, of: EventKind = EventKind.RUN_FAILED) -> Event:
    return event(EventKind.NOTIFY_DELIVERY_FAILED, channel=channel, event=of.value, reason="404")


def test_a_failed_delivery_is_always_in_the_bell_and_never_goes_through_the_channel_that_failed() -> None:
    route = to("slack", "slack:#dev", "mail", kind=EventKind.NOTIFY_DELIVERY_FAILED)
    assert an_audience(defaults=()).of(a_failed_delivery("slack")) == ("inapp",)
    assert an_audience(route, defaults=()).of(a_failed_delivery("slack")) == ("inapp", "mail")


def test_that_this_could_not_be_told_either_is_in_the_bell_only() -> None:
    """Or two broken channels would keep each other busy for ever."""
    route = to("slack", "mail", kind=EventKind.NOTIFY_DELIVERY_FAILED)
    failed = a_failed_delivery("mail", of=EventKind.NOTIFY_DELIVERY_FAILED)
    assert an_audience(route).of(failed) == ("inapp",)
