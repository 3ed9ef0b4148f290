"""Events: what happened that somebody may want to know, with how grave it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from runwisp.clock import Wall
from runwisp.frozen import frozen


class Severity(StrEnum):
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class EventKind(StrEnum):
    RUN_STARTED = "run.started"
    RUN_SUCCEEDED = "run.succeeded"
    RUN_FAILED = "run.failed"
    RUN_TIMEOUT = "run.timeout"
    RUN_CRASHED = "run.crashed"
    RUN_STOPPED = "run.stopped"
    RUN_SKIPPED = "run.skipped"
    RUN_MISSED = "run.missed"
    LOG_DISK_PRESSURE = "log.disk_pressure"
    DAEMON_STARTED = "daemon.started"
    DAEMON_STOPPED = "daemon.stopped"
    DAEMON_CLOCK_STEPPED = "daemon.clock_stepped"
    NOTIFY_DELIVERY_FAILED = "notify.delivery_failed"
    NOTIFY_TEST = "notify.test"


SEVERITIES = {
    EventKind.RUN_STARTED: Severity.INFO,
    EventKind.RUN_SUCCEEDED: Severity.INFO,
    EventKind.RUN_FAILED: Severity.ERROR,
    EventKind.RUN_TIMEOUT: Severity.ERROR,
    EventKind.RUN_CRASHED: Severity.ERROR,
    EventKind.RUN_STOPPED: Severity.WARN,
    EventKind.RUN_SKIPPED: Severity.WARN,
    EventKind.RUN_MISSED: Severity.WARN,
    EventKind.LOG_DISK_PRESSURE: Severity.WARN,
    EventKind.DAEMON_STARTED: Severity.INFO,
    EventKind.DAEMON_STOPPED: Severity.INFO,
    EventKind.DAEMON_CLOCK_STEPPED: Severity.WARN,
    EventKind.NOTIFY_DELIVERY_FAILED: Severity.WARN,
    EventKind.NOTIFY_TEST: Severity.INFO,
}

FAILURES = frozenset(
    {EventKind.RUN_FAILED, EventKind.RUN_TIMEOUT, EventKind.RUN_CRASHED, EventKind.RUN_MISSED}
)
"""What ``default_notifiers`` and ``notify_on_failure`` are about."""


@frozen
class Event:
    """``fields`` are what a reader needs beside the kind: numbers and strings, nothing secret."""

    kind: EventKind
    at: Wall
    message: str
    task_name: str | None = None
    run_id: str | None = None
    fields: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        return SEVERITIES[self.kind]
