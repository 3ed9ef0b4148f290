"""A delivery: its states, its waits, and orders and outcomes as JSON."""

from __future__ import annotations

from dataclasses import fields
from itertools import product
from typing import Any

import pytest

from runwisp import delivery
from runwisp.clock import Wall
from runwisp.delivery import CHANNELS, Delivery, DeliveryState, Order, Outcome, Verdict
from runwisp.errors import IllegalMove
from runwisp.event import Event, EventKind
from runwisp.notifier import Notifier, Secret, SecretSource, Slack, Tls
from runwisp.run import EndReason, Phase, Run, Trigger
from runwisp.task import Kind

AT = Wall(1_700_000_000_000)
ID = "01HF7YAT000000000000000000"
RUN = Run(
    id=ID,
    task_name="backup",
    kind=Kind.TASK,
    phase=Phase.ENDED,
    triggered_by=Trigger.CRON,
    created_at=AT,
    log_stem="x",
    end_reason=EndReason.FAILED,
    exit_code=3,
)
FAILED = Event(EventKind.RUN_FAILED, AT, "backup ended: failed", "backup", ID, {"exit_code": 3})
SAMPLES: dict[str, Any] = {
    "str": "x",
    "str | None": "y",
    "int | None": 5,
    "Secret": Secret(SecretSource.FILE, "hook"),
    "Tls": Tls.IMPLICIT,
    "tuple[str, ...]": ("a@b.c", "d@e.f"),
    "Mapping[str, str]": {"X-A": "b"},
}


def filled(kind: type[Notifier]) -> Notifier:
    return kind(**{each.name: SAMPLES[str(each.type)] for each in fields(kind)})


def order(notifier: Notifier, run: Run | None = RUN) -> Order:
    return Order(
        delivery_id=ID,
        notifier=notifier,
        target="#ops",
        data_dir="/var/lib/runwisp",
        external_url=None,
        host="web1",
        fingerprint="abcd",
        event=FAILED,
        run=run,
        count=10,
        since=AT,
        is_summary=True,
    )


@pytest.mark.parametrize("kind", CHANNELS.values(), ids=CHANNELS)
def test_an_order_comes_back_as_it_was_with_every_key_of_its_notifier(kind: type[Notifier]) -> None:
    given = order(filled(kind))
    assert delivery.order_from(delivery.order_json(given)) == given


def test_an_order_needs_no_run() -> None:
    given = order(filled(Slack), run=None)
    assert delivery.order_from(delivery.order_json(given)) == given


@pytest.mark.parametrize(
    "outcome",
    [Outcome(Verdict.SENT), Outcome(Verdict.AGAIN, "busy", 5000), Outcome(Verdict.GAVE_UP, "404\nNot Found")],
)
def test_an_outcome_comes_back_from_one_line(outcome: Outcome) -> None:
    line = delivery.outcome_json(outcome)
    assert line.count(b"\n") == 1
    assert delivery.outcome_from(line) == outcome


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"outcome": "lost"}',
        b'{"outcome": "sent", "reason": 5}',
        b'{"outcome": "again", "retry_after_ms": -1}',
        b'{"outcome": "again", "retry_after_ms": true}',
        b"\xff",
    ],
)
def test_what_is_no_outcome_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        delivery.outcome_from(line)


@pytest.mark.parametrize(("state", "to"), list(product(DeliveryState, DeliveryState)))
def test_a_delivery_moves_as_its_table_says(state: DeliveryState, to: DeliveryState) -> None:
    given = Delivery(id=ID, address="slack", event=FAILED, state=state)
    if to in delivery.MOVES[state]:
        assert delivery.move(given, to).state is to
    else:
        with pytest.raises(IllegalMove):
            delivery.move(given, to)


def test_waits_double_from_a_second_to_a_minute_and_chance_takes_a_quarter_at_most() -> None:
    waits = [delivery.wait_after(attempts, 0) for attempts in range(1, 9)]
    assert waits == [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
    assert delivery.wait_after(7, 0.999) > 45_000
    assert delivery.wait_after(7, 0.5) == 52_500
