"""A run: one start of a command, from the decision to its end.

Owns the phases, the end reasons and the table of what each means. A run is a value: moving it on
gives a new one. Source of the words and codes: the table of end reasons in the user guide.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from runwisp.clock import Wall, utc
from runwisp.event import EventKind
from runwisp.frozen import frozen
from runwisp.logcap import LogTotals
from runwisp.states import moved
from runwisp.task import AnyTask, Kind


class Phase(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"


MOVES = {
    Phase.PENDING: frozenset({Phase.RUNNING, Phase.ENDED}),
    Phase.RUNNING: frozenset({Phase.ENDED}),
    Phase.ENDED: frozenset[Phase](),
}


class WaitsFor(StrEnum):
    """What a pending run waits for."""

    QUEUE = "queue"
    RETRY = "retry"
    RESTART = "restart"


class Trigger(StrEnum):
    CRON = "cron"
    API = "api"
    SERVICE = "service"
    STARTUP = "startup"
    EXEC = "exec"


class EndReason(StrEnum):
    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"
    LOG_OVERFLOW = "log_overflow"
    STOPPED = "stopped"
    DAEMON_STOPPED = "daemon_stopped"
    CRASHED = "crashed"
    SKIPPED = "skipped"
    QUEUE_FULL = "queue_full"
    DST_SKIPPED = "dst_skipped"
    MISSED = "missed"


@frozen
class Meaning:
    """What an end reason entails: whether it is retried, listed as failed, and which event tells of it."""

    is_retried: bool
    is_failed: bool
    event: EventKind | None


MEANINGS = {
    EndReason.SUCCESS: Meaning(False, False, EventKind.RUN_SUCCEEDED),
    EndReason.FAILED: Meaning(True, True, EventKind.RUN_FAILED),
    EndReason.TIMEOUT: Meaning(True, True, EventKind.RUN_TIMEOUT),
    EndReason.LOG_OVERFLOW: Meaning(True, True, EventKind.RUN_FAILED),
    EndReason.STOPPED: Meaning(False, False, EventKind.RUN_STOPPED),
    EndReason.DAEMON_STOPPED: Meaning(False, False, EventKind.RUN_STOPPED),
    EndReason.CRASHED: Meaning(True, True, EventKind.RUN_CRASHED),
    EndReason.SKIPPED: Meaning(False, True, EventKind.RUN_SKIPPED),
    EndReason.QUEUE_FULL: Meaning(False, True, EventKind.RUN_SKIPPED),
    EndReason.DST_SKIPPED: Meaning(False, False, None),
    EndReason.MISSED: Meaning(False, True, EventKind.RUN_MISSED),
}

NEVER_STARTED = -1
CRASHED = -2


@frozen
class Usage:
    """What a reaped process used, from wait4(2); ``max_rss_bytes`` is None where it is unknown."""

    cpu_seconds: float
    max_rss_bytes: int | None


@frozen(kw_only=True)
class Run:
    """One row of the history.

    Invariant: ``phase`` is ENDED if and only if ``end_reason`` is set.
    ``log_stem`` is the name of its log below ``logs/<task_name>/`` without a suffix. ``pid`` and
    ``pid_started`` (clock ticks since boot, field 22 of proc_pid_stat(5)) name its process.
    ``due_at`` is when a waiting retry or restart is to start.
    """

    id: str
    task_name: str
    kind: Kind
    phase: Phase
    triggered_by: Trigger
    created_at: Wall
    log_stem: str
    message: str = ""
    waits_for: WaitsFor | None = None
    due_at: Wall | None = None
    scheduled_for: Wall | None = None
    start_at: Wall | None = None
    end_at: Wall | None = None
    end_reason: EndReason | None = None
    exit_code: int = NEVER_STARTED
    replica_index: int = 0
    retry_attempt: int = 0
    retry_of_run_id: str | None = None
    cpu_seconds: float | None = None
    max_rss_bytes: int | None = None
    log_lines: int = 0
    log_bytes: int = 0
    log_dropped_lines: int = 0
    log_disk_bytes: int = 0
    pid: int | None = None
    pid_started: int | None = None

    @property
    def meaning(self) -> Meaning:
        """Raises: KeyError while the run has not ended."""
        return MEANINGS[self.end_reason]  # type: ignore[index]


def log_stem(run_id: str, at: Wall, letters: int = 4) -> str:
    """``<YYYYMMDD>_<HHMMSS>_<last letters of the ULID>``, in UTC."""
    return f"{utc(at):%Y%m%d_%H%M%S}_{run_id[-letters:]}"


def drafted(
    run_id: str, definition: AnyTask, triggered_by: Trigger, at: Wall, scheduled_for: Wall | None = None
) -> Run:
    """A run that was decided on, and nothing more."""
    return Run(
        id=run_id,
        task_name=definition.name,
        kind=definition.kind,
        phase=Phase.PENDING,
        triggered_by=triggered_by,
        created_at=at,
        scheduled_for=scheduled_for,
        log_stem=log_stem(run_id, at),
    )


def started(run: Run, at: Wall) -> Run:
    phase = moved(MOVES, run.phase, Phase.RUNNING, f"run {run.id}")
    return replace(run, phase=phase, start_at=at, waits_for=None, due_at=None)


def ended(run: Run, reason: EndReason, exit_code: int, message: str, at: Wall) -> Run:
    phase = moved(MOVES, run.phase, Phase.ENDED, f"run {run.id}")
    return replace(
        run,
        phase=phase,
        end_reason=reason,
        exit_code=exit_code,
        message=message,
        end_at=at,
        waits_for=None,
        due_at=None,
    )


def with_usage(run: Run, usage: Usage) -> Run:
    return replace(run, cpu_seconds=usage.cpu_seconds, max_rss_bytes=usage.max_rss_bytes)


def with_totals(run: Run, totals: LogTotals) -> Run:
    return replace(
        run,
        log_lines=totals.log_lines,
        log_bytes=totals.log_bytes,
        log_dropped_lines=totals.log_dropped_lines,
        log_disk_bytes=totals.log_disk_bytes,
    )
