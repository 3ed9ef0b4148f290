"""A notification as JSON, for programs: the body of a webhook, and what a command reads.

Times and names are those of the API.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from runwisp.clock import Wall, rfc3339
from runwisp.deliver.dispatch import Dispatch
from runwisp.event import Event
from runwisp.run import Run
from runwisp.runmeta import storable
from runwisp.version import VERSION

TOLD = (
    "id",
    "task_name",
    "kind",
    "end_reason",
    "exit_code",
    "message",
    "triggered_by",
    "scheduled_for",
    "created_at",
    "start_at",
    "end_at",
    "replica_index",
    "retry_attempt",
    "retry_of_run_id",
    "cpu_seconds",
    "max_rss_bytes",
    "log_lines",
    "log_bytes",
    "log_dropped_lines",
)
"""Of a run, in the order of the API."""

TIMES = frozenset({"scheduled_for", "created_at", "start_at", "end_at"})


def content(dispatch: Dispatch) -> bytes:
    """A template makes a document of its own: values in it are escaped for JSON strings."""
    own = dispatch.templated(lambda value: json.dumps(value)[1:-1])
    if own is not None:
        return own.encode()
    return json.dumps(document(dispatch), ensure_ascii=False).encode(errors="backslashreplace")


def document(dispatch: Dispatch) -> dict[str, object]:
    order, message = dispatch.order, dispatch.message
    return {
        "delivery_id": order.delivery_id,
        "title": message.title,
        "text": message.text,
        "event": _event(order.event),
        "run": _run(order.run),
        "log_tail": list(message.output),
        "count": order.count,
        "is_summary": order.is_summary,
        "since": _moment(order.since),
        "link": message.link,
        "host": order.host,
        "fingerprint": order.fingerprint,
        "version": VERSION,
    }


def _event(event: Event) -> Mapping[str, object]:
    return {
        "kind": event.kind,
        "severity": event.severity,
        "at": rfc3339(event.at),
        "message": storable(event.message),
        "task_name": event.task_name,
        "run_id": event.run_id,
        "fields": dict(event.fields),
    }


def _run(run: Run | None) -> Mapping[str, object] | None:
    if run is None:
        return None
    facts: dict[str, object] = {"status": run.phase}
    for name in TOLD:
        value = getattr(run, name)
        facts[name] = _moment(value) if name in TIMES else value
    facts["message"] = storable(run.message)
    return facts


def _moment(at: Wall | None) -> str | None:
    return None if at is None else rfc3339(at)
