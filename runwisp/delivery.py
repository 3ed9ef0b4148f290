"""A delivery: one message on its way to one address, its states, and what daemon and deliver say of it.

Pure. The *order* is what a deliver process reads from its stdin, the *outcome* the one line that it prints;
each is turned into JSON and back here. Called by the daemon's outbox and by ``deliver``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any, get_args

from runwisp.clock import MINUTE, SECOND, Millis, Wall
from runwisp.event import Event, EventKind
from runwisp.frozen import frozen
from runwisp.notifier import Notifier, Secret, SecretSource, Tls
from runwisp.retry import grown
from runwisp.route import split
from runwisp.run import Run
from runwisp.runmeta import row_of, run_of_row
from runwisp.states import moved
from runwisp.task import Backoff

AGAIN_AFTER: Millis = SECOND
AGAIN_CAP: Millis = MINUTE
JITTER = 0.25
"""The part of a wait that chance may take away: those who failed together are not to come back together."""

CHANNELS: Mapping[str, type[Notifier]] = {each.type: each for each in get_args(Notifier)}


class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    WAITING = "waiting"
    SENT = "sent"
    GAVE_UP = "gave_up"


MOVES = {
    DeliveryState.QUEUED: frozenset({DeliveryState.SENDING, DeliveryState.GAVE_UP}),
    DeliveryState.SENDING: frozenset({DeliveryState.WAITING, DeliveryState.SENT, DeliveryState.GAVE_UP}),
    DeliveryState.WAITING: frozenset({DeliveryState.SENDING, DeliveryState.GAVE_UP}),
    DeliveryState.SENT: frozenset[DeliveryState](),
    DeliveryState.GAVE_UP: frozenset[DeliveryState](),
}


@frozen(kw_only=True)
class Delivery:
    """``id`` is also the idempotency key, the same for every attempt. It tells of ``count`` occurrences, the
    first of them at ``since``; ``is_summary``: it is the last word on them. ``due_at`` is when a waiting one
    is tried again."""

    id: str
    address: str
    event: Event
    run: Run | None = None
    count: int = 1
    since: Wall | None = None
    is_summary: bool = False
    state: DeliveryState = DeliveryState.QUEUED
    attempts: int = 0
    due_at: Wall | None = None

    @property
    def channel(self) -> str:
        """The id of the notifier that it goes through."""
        return split(self.address)[0]

    @property
    def is_new(self) -> bool:
        return self.state is DeliveryState.QUEUED and not self.attempts

    @property
    def is_over(self) -> bool:
        return not MOVES[self.state]


def move(delivery: Delivery, to: DeliveryState) -> Delivery:
    """Raises: IllegalMove."""
    return replace(delivery, state=moved(MOVES, delivery.state, to, f"delivery {delivery.id}"))


def wait_after(attempts: int, chance: float) -> Millis:
    """Before the next attempt; ``chance`` is from 0 up to 1."""
    wait = grown(AGAIN_AFTER, Backoff.EXPONENTIAL, attempts, AGAIN_CAP)
    return wait - int(wait * JITTER * chance)


@frozen(kw_only=True)
class Order:
    """All that a deliver process needs to know. ``target`` takes the place of the notifier's own. ``count``
    and the like are as in ``Delivery``. ``data_dir`` is absolute; secrets in files are relative to it."""

    delivery_id: str
    notifier: Notifier
    target: str | None
    data_dir: str
    external_url: str | None
    host: str
    fingerprint: str
    event: Event
    run: Run | None = None
    count: int = 1
    since: Wall | None = None
    is_summary: bool = False


class Verdict(StrEnum):
    SENT = "sent"
    AGAIN = "again"
    GAVE_UP = "gave_up"


@frozen
class Outcome:
    """``reason`` is a sentence for a person, without secrets. ``retry_after`` is what the service asked for,
    with ``AGAIN`` only."""

    verdict: Verdict
    reason: str = ""
    retry_after: Millis | None = None


def order_json(order: Order) -> bytes:
    values = {each.name: getattr(order, each.name) for each in fields(order)}
    spelled = {
        "notifier": notifier_values(order.notifier),
        "event": event_values(order.event),
        "run": row_of(order.run) if order.run else None,
    }
    return json.dumps(values | spelled).encode()


def order_from(text: bytes | str) -> Order:
    """Raises: ValueError, KeyError or TypeError for anything that ``order_json`` could not have made."""
    values = json.loads(text)
    made = {
        "notifier": notifier_from(values["notifier"]),
        "event": event_from(values["event"]),
        "run": run_of_row(values["run"]) if values["run"] else None,
    }
    return Order(**values | made)


def outcome_json(outcome: Outcome) -> bytes:
    """One line."""
    values = {
        "outcome": outcome.verdict,
        "reason": outcome.reason,
        "retry_after_ms": outcome.retry_after,
    }
    return json.dumps(values).encode() + b"\n"


def outcome_from(line: bytes) -> Outcome:
    """Raises: ValueError for anything that ``outcome_json`` could not have made."""
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError(f"not an outcome: {values!r}")
    reason, wait = values.get("reason", ""), values.get("retry_after_ms")
    if not isinstance(reason, str) or not (wait is None or (type(wait) is int and wait >= 0)):
        raise ValueError(f"not an outcome: {values!r}")
    return Outcome(Verdict(values.get("outcome", "")), reason, wait)


def event_values(event: Event) -> dict[str, Any]:
    """As JSON has them."""
    values = {each.name: getattr(event, each.name) for each in fields(event)}
    return values | {"severity": event.severity, "fields": dict(event.fields)}


def event_from(values: Mapping[str, Any]) -> Event:
    """Raises: ValueError, KeyError, TypeError."""
    given = {name: value for name, value in values.items() if name != "severity"}
    return Event(**given | {"kind": EventKind(given["kind"])})


def notifier_values(notifier: Notifier) -> dict[str, Any]:
    """With its type; secrets as where they are."""
    values = {each.name: _plain(getattr(notifier, each.name)) for each in fields(notifier)}
    return {"type": notifier.type, **values}


def notifier_from(values: Mapping[str, Any]) -> Notifier:
    """Raises: ValueError, KeyError, TypeError."""
    make = CHANNELS[values["type"]]
    read = {
        each.name: READERS.get(str(each.type), _same)(values[each.name])
        for each in fields(make)
        if each.name in values
    }
    return make(**read)


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return {"source": value.source, "text": value.text}
    return dict(value) if isinstance(value, Mapping) else value


def _same(value: Any) -> Any:
    return value


READERS: Mapping[str, Callable[[Any], Any]] = {
    "Secret": lambda value: Secret(SecretSource(value["source"]), value["text"]),
    "Tls": Tls,
    "tuple[str, ...]": tuple,
}
"""How the types of a notifier's fields are read that JSON does not have."""
