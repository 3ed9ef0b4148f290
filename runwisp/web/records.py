"""What the API answers: one frozen dataclass for every JSON object, with the names that stand in it.

Pure. Instants are ``Wall``, lengths ``Length``; a field that is None is not in the JSON. The docstrings are
the descriptions in the OpenAPI document. Called by the routes, the board and the streams.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from runwisp.clock import Wall
from runwisp.event import Severity
from runwisp.frozen import frozen
from runwisp.logcap import LogOnFull
from runwisp.run import EndReason, Phase, Run, Trigger, WaitsFor
from runwisp.task import Backoff, CatchUp, Kind, OnOverlap, Restart
from runwisp.tick import Note
from runwisp.web.schema import Length
from runwisp.webwire import Health


@frozen(kw_only=True)
class Healthy:
    """Whether the daemon lives, and as what."""

    app: Literal["runwisp"] = "runwisp"
    status: Health
    version: str
    fingerprint: str
    uptime_seconds: int


@frozen(kw_only=True)
class RunRecord:
    """One start of a command. `status` is its phase; why it ended is in `end_reason`.

    `waits_for` says what a pending run waits for, and `due_at` until when.
    """

    id: str
    task_name: str
    kind: Kind
    status: Phase
    end_reason: EndReason | None
    exit_code: int
    message: str | None
    triggered_by: Trigger
    waits_for: WaitsFor | None
    due_at: Wall | None
    scheduled_for: Wall | None
    created_at: Wall
    start_at: Wall | None
    end_at: Wall | None
    replica_index: int
    retry_attempt: int
    retry_of_run_id: str | None
    cpu_seconds: float | None
    max_rss_bytes: int | None
    log_lines: int
    log_bytes: int
    log_dropped_lines: int


@frozen(kw_only=True)
class RunGlance:
    """A run of a task as far as a strip of its last runs shows it."""

    id: str
    status: Phase
    end_reason: EndReason | None
    exit_code: int


@frozen(kw_only=True)
class DefinitionRecord:
    """What never changes of a ``TaskRecord``."""

    name: str
    kind: Kind
    group: str
    description: str
    run: str
    working_dir: str
    shell: str
    env: Mapping[str, str]
    env_file: str | None = None
    umask: str | None = None
    user: str | None = None
    exit_codes: tuple[int, ...]
    graceful_stop: Length
    stop_signal: str
    log_max_size: int
    log_on_full: LogOnFull
    keep_runs: int | None = None
    keep_for: Length | None = None
    notify_on_failure: tuple[str, ...]
    notify_on_success: tuple[str, ...]
    api_trigger: bool
    cron: str | None = None
    timezone: str | None = None
    catch_up: CatchUp | None = None
    max_catch_up_runs: int | None = None
    run_on_start: bool | None = None
    parallelism: int | None = None
    on_overlap: OnOverlap | None = None
    queue_max: int | None = None
    timeout: Length | None = None
    retry_attempts: int | None = None
    retry_delay: Length | None = None
    retry_backoff: Backoff | None = None
    restart: Restart | None = None
    instances: int | None = None
    restart_delay: Length | None = None
    restart_backoff: Backoff | None = None
    healthy_after: Length | None = None
    autostart: bool | None = None
    schedule: str


@frozen(kw_only=True, slots=False)  # with slots as well, no record could be made of two
class StateRecord:
    """What changes of a ``TaskRecord``."""

    next_run_at: Wall | None
    running: int
    queued: int
    stopped: bool
    last_run: RunRecord | None
    success_rate: float | None
    median_duration: Length | None
    recent_runs: tuple[RunGlance, ...]


@frozen(kw_only=True, slots=False)
class TaskRecord(StateRecord, DefinitionRecord):
    """A task or service: its resolved definition, with the keys of `runwisp.toml`, and how it fares.

    Values of `env` are masked. `schedule` is what starts it, in words. `running` counts its runs that run,
    `queued` those that wait for their turn; `stopped` is a service that was stopped by hand. Of its newest 50
    runs, `success_rate` (0 to 1) is the share that succeeded of those that started and succeeded or failed,
    and `median_duration` is of those that started and ended. `recent_runs` are the newest ten, newest first.
    A key that the kind does not have, and a limit that is not set, is absent.
    """


@frozen(kw_only=True)
class RunPage:
    """`total` counts all that match, where counters know it: with no filter but `status` and `task_name`.
    With `next_cursor` as `before` the list goes on, also after a page that is short; without it, it is
    complete.
    """

    runs: tuple[RunRecord, ...]
    total: int | None
    next_cursor: str | None


@frozen(kw_only=True)
class FiringRecord:
    """An instant at which a task is to fire. `local` is in the task's zone, with its offset. `note` tells
    what a change of the clocks does to it.
    """

    at: Wall
    local: str
    note: Note | None


@frozen(kw_only=True)
class DayCount:
    """Runs that ended on a day of the daemon's zone. What is neither `success` nor `failed` was stopped."""

    day: str
    total: int
    success: int
    failed: int


@frozen(kw_only=True)
class Summary:
    """All runs in the history, counted. `days` are the last 30, the oldest first."""

    total: int
    success: int
    failed: int
    running: int
    last_failure: RunRecord | None
    days: tuple[DayCount, ...]


@frozen(kw_only=True)
class DeliveriesRecord:
    """Notifications on their way, and how many were dropped since the daemon started because `queue_size` of
    them waited already."""

    waiting: int
    dropped: int


@frozen(kw_only=True)
class Info:
    """The daemon. It listens at `host`, on the machine called `hostname`. `config_stale`: the file is not any
    more what the daemon loaded. `health_reason` says what is wrong, where something is.
    """

    version: str
    health: Health
    health_reason: str | None
    fingerprint: str
    hostname: str
    host: str
    port: int
    external_url: str | None
    resolved_timezone: str
    timezone_source: str
    config_path: str
    config_loaded_at: Wall
    config_stale: bool
    started_at: Wall
    deliveries: DeliveriesRecord
    tasks: tuple[str, ...]
    capabilities: tuple[str, ...]


@frozen(kw_only=True)
class ProcessRecord:
    """One of the daemon's own processes. `rss` in bytes, `cpu` in percent of one core since the last look."""

    pid: int
    role: str
    rss: int
    cpu: float


@frozen(kw_only=True)
class SystemRecord:
    """The machine and the daemon on it. Usages in percent; `work_dir` is the data directory."""

    name: Literal["runwisp"] = "runwisp"
    version: str
    uptime: str
    uptime_seconds: int
    host: str
    os: str
    arch: str
    cpu_cores: int
    cpu_usage: float
    mem_total: int
    mem_used: int
    mem_usage: float
    work_dir: str
    processes: tuple[ProcessRecord, ...]


@frozen(kw_only=True)
class Sample:
    """The machine at one moment. `cpu` and `mem` in percent, the others in bytes."""

    ts: Wall
    cpu: float
    mem: float
    mem_used: int
    mem_total: int


@frozen(kw_only=True)
class Message:
    """What was done, in a sentence."""

    message: str


@frozen(kw_only=True)
class Notice:
    """A row of the bell. `times` are the last ones of `count` occurrences."""

    id: str
    task_name: str | None
    kind: str
    severity: Severity
    title: str
    body: str
    run_id: str | None
    end_reason: EndReason | None
    count: int
    times: tuple[Wall, ...]
    created_at: Wall
    updated_at: Wall
    is_read: bool


@frozen(kw_only=True)
class NoticePage:
    """Newest first. With `next_cursor` as `before` the list goes on."""

    notices: tuple[Notice, ...]
    unread_count: int
    next_cursor: str | None


@frozen(kw_only=True)
class UnreadCount:
    """How many rows of the bell nobody has read."""

    unread_count: int


def run_record(run: Run) -> RunRecord:
    return RunRecord(
        id=run.id,
        task_name=run.task_name,
        kind=run.kind,
        status=run.phase,
        end_reason=run.end_reason,
        exit_code=run.exit_code,
        message=run.message or None,
        triggered_by=run.triggered_by,
        waits_for=run.waits_for,
        due_at=run.due_at,
        scheduled_for=run.scheduled_for,
        created_at=run.created_at,
        start_at=run.start_at,
        end_at=run.end_at,
        replica_index=run.replica_index,
        retry_attempt=run.retry_attempt,
        retry_of_run_id=run.retry_of_run_id,
        cpu_seconds=run.cpu_seconds,
        max_rss_bytes=run.max_rss_bytes,
        log_lines=run.log_lines,
        log_bytes=run.log_bytes,
        log_dropped_lines=run.log_dropped_lines,
    )


def notice_record(row: Mapping[str, Any]) -> Notice:
    """From a row of ``notices``, which has ``times`` as JSON."""
    return Notice(**{**row, "is_read": bool(row["is_read"]), "times": tuple(json.loads(row["times"]))})
