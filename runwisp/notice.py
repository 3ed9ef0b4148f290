"""The bell: which events ring it, what a notice says, and when an event repeats one instead of making
another.

Pure. Owns the notices that may still be repeated, one for each thing that went wrong lately. Called by the
daemon with every event; saving and showing notices is others'.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runwisp.audience import Audience
from runwisp.clock import SECOND, Millis, Wall, spell
from runwisp.event import Event, EventKind, Severity
from runwisp.frozen import frozen
from runwisp.ids import UlidMaker
from runwisp.notifier import INAPP, NotifySettings
from runwisp.run import EndReason, Run

WORDS = {
    EventKind.RUN_STARTED: "started",
    EventKind.RUN_SUCCEEDED: "succeeded",
    EventKind.RUN_FAILED: "failed",
    EventKind.RUN_TIMEOUT: "ran too long",
    EventKind.RUN_CRASHED: "crashed",
    EventKind.RUN_STOPPED: "was stopped",
    EventKind.RUN_SKIPPED: "was skipped",
    EventKind.RUN_MISSED: "was missed",
    EventKind.LOG_DISK_PRESSURE: "loses output",
}
"""What happened to a task, for the title."""

Key = tuple[str | None, EventKind, EndReason | None]


@frozen(kw_only=True)
class Notice:
    """A row of the bell. ``times`` are the last ones it happened at, the newest in front; ``count`` is how
    often in all."""

    id: str
    task_name: str | None
    kind: EventKind
    severity: Severity
    title: str
    body: str
    run_id: str | None
    end_reason: EndReason | None
    count: int
    times: tuple[Wall, ...]
    created_at: Wall
    updated_at: Wall
    is_read: bool = False

    @property
    def key(self) -> Key:
        """Those with one key tell of the same thing."""
        return self.task_name, self.kind, self.end_reason


class Bell:
    """``recent`` are the notices of a former life, in the order they were made."""

    def __init__(
        self,
        settings: NotifySettings,
        audience: Audience,
        ids: UlidMaker,
        recent: Iterable[Notice] = (),
    ) -> None:
        self._settings = settings
        self._audience = audience
        self._ids = ids
        self._recent = {notice.key: notice for notice in recent}

    def ring(self, event: Event, run: Run | None) -> Notice | None:
        """The notice that tells of the event: a new one, or one that it repeats, unread again. ``run`` is the
        one that the event is about. Each message that could not be delivered has a notice of its own."""
        if INAPP not in self._audience.of(event):
            return None
        if event.kind is EventKind.NOTIFY_DELIVERY_FAILED:
            return self._new(event, run)
        self._forget_old(event.at)
        reason = run.end_reason if run else None
        former = self._recent.get((event.task_name, event.kind, reason))
        notice = self._repeated(former, event, run) if former else self._new(event, run)
        if self._settings.coalesce_window:
            self._recent[notice.key] = notice
        return notice

    def _forget_old(self, now: Wall) -> None:
        """Those whose window is over, the oldest in front; also those that a clock set back put far ahead."""
        window = self._settings.coalesce_window
        while self._recent:
            key, oldest = next(iter(self._recent.items()))
            if 0 <= now - oldest.created_at < window:
                return
            del self._recent[key]

    def _new(self, event: Event, run: Run | None) -> Notice:
        return Notice(
            id=self._ids.next(event.at),
            task_name=event.task_name,
            kind=event.kind,
            severity=event.severity,
            title=headline(event),
            body="" if explanation(event, run) == headline(event) else explanation(event, run),
            run_id=event.run_id,
            end_reason=run.end_reason if run else None,
            count=1,
            times=(event.at,),
            created_at=event.at,
            updated_at=event.at,
        )

    def _repeated(self, former: Notice, event: Event, run: Run | None) -> Notice:
        count = former.count + 1
        return replace(
            former,
            body=f"{explanation(event, run)}; {count} times so far",
            run_id=event.run_id,
            count=count,
            times=(event.at, *former.times)[: self._settings.occurrence_ring],
            updated_at=event.at,
            is_read=False,
        )


def headline(event: Event) -> str:
    """What happened, and to which task."""
    return f"{event.task_name} {WORDS[event.kind]}" if event.kind in WORDS else event.message


def explanation(event: Event, run: Run | None) -> str:
    """With which exit code, after how long, why."""
    if event.kind is EventKind.NOTIFY_DELIVERY_FAILED:
        return str(event.fields["reason"])
    if run is None or run.end_at is None:
        return event.message
    parts = [part for part in run.message.split("; ") if part and part != f"exited with code {run.exit_code}"]
    if run.start_at is not None:
        took = roughly(max(0, run.end_at - run.start_at))
        parts.insert(0, f"exit code {run.exit_code} after {took}")
    text = "; ".join(parts) or event.message
    return text[:1].upper() + text[1:]


def roughly(took: Millis) -> str:
    """As precise as somebody wants to know it: ``850ms``, ``3.2s``, ``1h5m``."""
    if took < SECOND:
        return spell(took)
    if took < 10 * SECOND:
        return f"{took / SECOND:.1f}s"
    return spell(took // SECOND * SECOND)
