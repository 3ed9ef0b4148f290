"""The outbox in SQL: deliveries on their way, and the series that are open.

Pure: statements and rows, and back. What is over has no row. Called by ``history``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from runwisp.delivery import Delivery, DeliveryState, event_from, event_values
from runwisp.event import Event
from runwisp.run import Run
from runwisp.runmeta import row_of, run_of_row
from runwisp.series import Series

DELIVERY_COLUMNS = ("id", "address", "event", "run", "count", "since", "is_summary", "attempts", "due_at")
SERIES_COLUMNS = ("address", "task_name", "kind", "end_reason", "opened_at", "event", "run", "count", "told")

SELECT_DELIVERIES = f"SELECT {', '.join(DELIVERY_COLUMNS)} FROM deliveries ORDER BY id"  # noqa: S608, ours
SAVE_DELIVERY = (
    f"INSERT OR REPLACE INTO deliveries ({', '.join(DELIVERY_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(DELIVERY_COLUMNS))})"
)
DELETE_DELIVERY = "DELETE FROM deliveries WHERE id = ?"

SELECT_SERIES = (
    "SELECT address, opened_at, event, run, count, told FROM series ORDER BY opened_at"  # columns of Series
)
SAVE_SERIES = (
    f"INSERT OR REPLACE INTO series ({', '.join(SERIES_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(SERIES_COLUMNS))})"
)
DELETE_SERIES = "DELETE FROM series WHERE address = ? AND task_name = ? AND kind = ? AND end_reason = ?"

Row = tuple[Any, ...]
Subject = tuple[str, str | None]
"""An event and its run as JSON."""


def changes(tidings: Iterable[Delivery | Series]) -> Iterator[tuple[str, Row]]:
    """Statements with their values, in the order in which things changed: where a series is over, another one
    of the same may have begun."""
    known: dict[int, Subject] = {}
    for tiding in tidings:
        if tiding.is_over:
            yield _deletion(tiding)
            continue
        # One event goes to many addresses, and spelling it costs more than all the rest.
        key = id(tiding.event)
        subject = known[key] = known.get(key) or _subject(tiding.event, tiding.run)
        if isinstance(tiding, Delivery):
            yield SAVE_DELIVERY, delivery_row(tiding, subject)
        else:
            yield SAVE_SERIES, series_row(tiding, subject)


def delivery_row(delivery: Delivery, subject: Subject) -> Row:
    """The values of DELIVERY_COLUMNS. That one is being sent is nowhere: a kill in that moment leaves it to
    be sent."""
    return (
        delivery.id,
        delivery.address,
        *subject,
        delivery.count,
        delivery.since,
        delivery.is_summary,
        delivery.attempts,
        delivery.due_at,
    )


def delivery_from(row: Row) -> Delivery:
    values = dict(zip(DELIVERY_COLUMNS, row, strict=True))
    return Delivery(
        **values
        | {
            "event": event_from(json.loads(values["event"])),
            "run": _run(values["run"]),
            "is_summary": bool(values["is_summary"]),
            "state": DeliveryState.WAITING if values["due_at"] is not None else DeliveryState.QUEUED,
        }
    )


def series_key(series: Series) -> Row:
    """A key of a table holds no NULL."""
    address, task_name, kind, end_reason = series.key
    return address, task_name or "", kind.value, end_reason.value if end_reason else ""


def series_row(series: Series, subject: Subject) -> Row:
    """The values of SERIES_COLUMNS."""
    return (*series_key(series), series.opened_at, *subject, series.count, series.told)


def series_from(row: Row) -> Series:
    address, opened_at, event, run, count, told = row
    return Series(
        address=address,
        opened_at=opened_at,
        event=event_from(json.loads(event)),
        run=_run(run),
        count=count,
        told=told,
    )


def _deletion(tiding: Delivery | Series) -> tuple[str, Row]:
    if isinstance(tiding, Delivery):
        return DELETE_DELIVERY, (tiding.id,)
    return DELETE_SERIES, series_key(tiding)


def _subject(event: Event, run: Run | None) -> Subject:
    return json.dumps(event_values(event)), json.dumps(row_of(run)) if run else None


def _run(text: str | None) -> Run | None:
    return run_of_row(json.loads(text)) if text else None
