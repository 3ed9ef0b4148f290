"""The message: what a notification says, in plain text, before a channel makes it its own.

Pure. Knows no channel and no markup; what others wrote, names and output, is in it as harmless text.
Called by ``deliver``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from string import Template

from runwisp.clock import Wall, rfc3339, utc
from runwisp.delivery import Order
from runwisp.escapes import SEQUENCE
from runwisp.event import EventKind, Severity
from runwisp.frozen import frozen
from runwisp.notice import explanation, headline, roughly
from runwisp.printable import escaped, printable
from runwisp.run import Run

LAST_LINES = 3
OUTPUT_BYTES = 300
MARK = "[...]"
"""Where text was left out."""

LONGEST_TITLE = 200
LONGEST_DETAIL = 800
LONGEST_ORIGIN = 200
LONGEST_LINK = 500
"""Characters. With them a message has less than the 4,096 UTF-16 units of the channel that takes least."""

STATUS = {Severity.INFO: "INFO", Severity.WARN: "WARNING", Severity.ERROR: "ERROR"}


@frozen(kw_only=True)
class Message:
    """``title`` and ``origin`` are one line; ``output`` are the last lines printed, none for most events."""

    severity: Severity
    title: str
    details: str
    output: tuple[str, ...]
    link: str | None
    origin: str

    @property
    def text(self) -> str:
        """All but the title."""
        parts = [self.details, *self.output, *([self.link] if self.link else []), self.origin]
        return "\n".join(parts)


def composed(order: Order, output: Sequence[str], zone: tzinfo) -> Message:
    """``output`` are the last lines of the run's log as they lie there; times are told in ``zone``."""
    return Message(
        severity=order.event.severity,
        title=_title(order, zone),
        details="\n".join(_line(each, LONGEST_DETAIL) for each in _details(order, zone) if each),
        output=shortened(output),
        link=_link(order),
        origin=_line(f"{order.host} (RunWisp {order.fingerprint})", LONGEST_ORIGIN),
    )


def shortened(output: Sequence[str]) -> tuple[str, ...]:
    """The last lines, at most 300 bytes in all, with a mark where something is left out."""
    kept: list[str] = []
    room = OUTPUT_BYTES
    for line in reversed(output[-LAST_LINES:]):
        text = _harmless(line)
        size = len(text.encode()) + 1
        if size > room:
            end = room - len(MARK) - 1
            if end > 0:
                kept.append(MARK + text.encode()[-end:].decode(errors="ignore"))
            break
        kept.append(text)
        room -= size
    return tuple(reversed(kept))


def fields(order: Order, message: Message) -> dict[str, str]:
    """What a template may name. Every one is there for every event, empty where there is nothing to say."""
    event, run = order.event, order.run
    return {
        **{name: printable(str(value)) for name, value in event.fields.items()},
        "title": message.title,
        "details": message.details,
        "output": "\n".join(message.output),
        "link": message.link or "",
        "kind": str(event.kind),
        "severity": str(event.severity),
        "message": printable(event.message),
        "at": rfc3339(event.at),
        "task_name": event.task_name or "",
        "run_id": event.run_id or "",
        "count": str(order.count),
        "since": "" if order.since is None else rfc3339(order.since),
        "host": printable(order.host),
        "fingerprint": order.fingerprint,
        "delivery_id": order.delivery_id,
        **_run_fields(run),
    }


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template's text. What it names and is not known stays as it is written there, for all to see."""
    return Template(template).safe_substitute(values)


def _title(order: Order, zone: tzinfo) -> str:
    """``ERROR: backup failed``: the status, what it is about, and the verb."""
    event = order.event
    status = "OK" if event.kind is EventKind.RUN_SUCCEEDED else STATUS[event.severity]
    return f"{status}: {_line(headline(event), LONGEST_TITLE)}{_repeated(order, zone)}"


def _repeated(order: Order, zone: tzinfo) -> str:
    if order.count <= 1 and not order.is_summary:
        return ""
    since = "" if order.since is None else f" since {_spelled(order.since, zone)}"
    times = f", {order.count} times{since}"
    return f"{times}, until {_spelled(order.event.at, zone)}" if order.is_summary else times


def _details(order: Order, zone: tzinfo) -> tuple[str, str]:
    """With which exit code, after how long and why, unless the title says it already; then when."""
    reason = explanation(order.event, order.run)
    return "" if reason == headline(order.event) else reason, _when(order, zone)


def _when(order: Order, zone: tzinfo) -> str:
    """What triggered the run, and when it was."""
    run = order.run
    if run is None:
        return _spelled(order.event.at, zone)
    begun = run.scheduled_for or run.start_at or run.created_at
    parts = [f"Triggered by {run.triggered_by} at {_spelled(begun, zone)}"]
    if run.retry_attempt:
        parts.append(f"retry {run.retry_attempt}")
    if run.end_at is not None and run.start_at is not None:
        parts.append(f"ended at {_spelled(run.end_at, zone)}")
    return ", ".join(parts)


def _link(order: Order) -> str | None:
    """Where the dashboard shows it."""
    if order.external_url is None:
        return None
    event, root = order.event, order.external_url.rstrip("/")
    if event.task_name is None:
        return f"{root}/notifications"
    page = f"{root}/tasks/{event.task_name}"
    link = f"{page}/runs/{event.run_id}" if event.run_id else page
    return link if len(link) <= LONGEST_LINK else None


def _run_fields(run: Run | None) -> dict[str, str]:
    if run is None:
        return dict.fromkeys(
            (
                "end_reason",
                "exit_code",
                "duration",
                "triggered_by",
                "retry_attempt",
                "replica_index",
                "scheduled_for",
                "start_at",
                "end_at",
            ),
            "",
        )
    return {
        "end_reason": run.end_reason or "",
        "exit_code": "" if run.end_reason is None else str(run.exit_code),
        "duration": _duration(run),
        "triggered_by": str(run.triggered_by),
        "retry_attempt": str(run.retry_attempt),
        "replica_index": str(run.replica_index),
        "scheduled_for": _moment(run.scheduled_for),
        "start_at": _moment(run.start_at),
        "end_at": _moment(run.end_at),
    }


def _moment(at: Wall | None) -> str:
    return "" if at is None else rfc3339(at)


def _duration(run: Run) -> str:
    if run.start_at is None or run.end_at is None:
        return ""
    return roughly(max(0, run.end_at - run.start_at))


def _spelled(at: Wall, zone: tzinfo) -> str:
    """``2026-11-28 08:47:24 +01:00``."""
    local: datetime = utc(at).astimezone(zone)
    return local.isoformat(sep=" ", timespec="seconds")


def _line(text: str, longest: int) -> str:
    """One line of at most so many characters, escapes counted."""
    line = printable(text, longest)
    return line if len(line) <= longest else line[: longest - len(MARK)] + MARK


def _harmless(line: str) -> str:
    """A line as a terminal would leave it: without escape sequences, and what was written over is gone."""
    plain = SEQUENCE.sub(b"", line.encode(errors="replace")).decode(errors="replace")
    return escaped(plain.rstrip("\r").rpartition("\r")[2][-OUTPUT_BYTES - 1 :])
