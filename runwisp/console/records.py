"""What the daemon answers, as the console keeps it.

Pure. From JSON to values: instants become ``Wall``, lengths milliseconds; what is not shown is left out.
Called by ``update``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from runwisp.clock import Millis, Wall, wall_of
from runwisp.frozen import frozen

NANOS = 1_000_000
Found = Mapping[str, Any]

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""What reading raises where the answer is none of this API."""


@frozen(kw_only=True)
class Glance:
    """A run as far as its state tells."""

    id: str
    status: str
    end_reason: str
    exit_code: int
    waits_for: str = ""


@frozen(kw_only=True)
class Run(Glance):
    task_name: str
    kind: str
    message: str
    triggered_by: str
    due_at: Wall | None
    scheduled_for: Wall | None
    created_at: Wall
    start_at: Wall | None
    end_at: Wall | None
    replica_index: int
    retry_attempt: int
    retry_of_run_id: str
    cpu_seconds: float | None
    max_rss_bytes: int | None
    log_lines: int
    log_bytes: int
    log_dropped_lines: int

    @property
    def has_ended(self) -> bool:
        return self.status == "ended"

    @property
    def at(self) -> Wall:
        """When something happened to it last."""
        return self.end_at or self.start_at or self.created_at


@frozen(kw_only=True)
class Task:
    """A task or service. ``definition`` is all of it, as the daemon gave it."""

    name: str
    kind: str
    group: str
    description: str
    next_run_at: Wall | None
    running: int
    queued: int
    stopped: bool
    last_run: Run | None
    success_rate: float | None
    median_duration: Millis | None
    recent_runs: tuple[Glance, ...]
    definition: Found

    @property
    def is_service(self) -> bool:
        return self.kind == "service"

    @property
    def instances(self) -> int:
        return int(self.definition.get("instances") or 1)


@frozen(kw_only=True)
class Firing:
    at: Wall
    local: str
    note: str


@frozen
class Deliveries:
    """Messages on their way, and how many the queue had no room for since the daemon started."""

    waiting: int
    dropped: int


@frozen(kw_only=True)
class Info:
    version: str
    fingerprint: str
    host: str
    port: int
    external_url: str
    zone: str
    zone_source: str
    config_path: str
    config_loaded_at: Wall
    is_config_stale: bool
    started_at: Wall
    health: str
    health_reason: str
    deliveries: Deliveries


@frozen(kw_only=True)
class OwnProcess:
    pid: int
    role: str
    rss: int
    cpu: float


@frozen(kw_only=True)
class System:
    host: str
    os: str
    arch: str
    cpu_cores: int
    cpu_usage: float
    mem_total: int
    mem_used: int
    mem_usage: float
    work_dir: str
    processes: tuple[OwnProcess, ...]


@frozen(kw_only=True)
class Sample:
    at: Wall
    cpu: float
    mem: float


@frozen(kw_only=True)
class Notice:
    id: str
    task_name: str
    kind: str
    severity: str
    title: str
    body: str
    run_id: str
    count: int
    created_at: Wall
    updated_at: Wall
    is_read: bool


@frozen
class LogLine:
    n: int
    at: Wall
    stream: str
    text: str
    is_continued: bool
    is_open: bool


@lru_cache(maxsize=256)  # lines of a log come many in a millisecond
def instant(text: str) -> Wall:
    return wall_of(datetime.fromisoformat(text))


def glance(found: Found) -> Glance:
    return Glance(
        id=str(found["id"]),
        status=str(found["status"]),
        end_reason=_text(found, "end_reason"),
        exit_code=int(found["exit_code"]),
    )


def run(found: Found) -> Run:
    return Run(
        id=str(found["id"]),
        status=str(found["status"]),
        end_reason=_text(found, "end_reason"),
        exit_code=int(found["exit_code"]),
        waits_for=_text(found, "waits_for"),
        task_name=str(found["task_name"]),
        kind=str(found["kind"]),
        message=_text(found, "message"),
        triggered_by=_text(found, "triggered_by"),
        due_at=_instant(found, "due_at"),
        scheduled_for=_instant(found, "scheduled_for"),
        created_at=instant(found["created_at"]),
        start_at=_instant(found, "start_at"),
        end_at=_instant(found, "end_at"),
        replica_index=int(found["replica_index"]),
        retry_attempt=int(found["retry_attempt"]),
        retry_of_run_id=_text(found, "retry_of_run_id"),
        cpu_seconds=found.get("cpu_seconds"),
        max_rss_bytes=found.get("max_rss_bytes"),
        log_lines=int(found.get("log_lines") or 0),
        log_bytes=int(found.get("log_bytes") or 0),
        log_dropped_lines=int(found.get("log_dropped_lines") or 0),
    )


def runs(found: Found) -> tuple[Run, ...]:
    return tuple(map(run, found["runs"]))


def task(found: Found) -> Task:
    median = found.get("median_duration")
    return Task(
        name=str(found["name"]),
        kind=str(found["kind"]),
        group=_text(found, "group"),
        description=_text(found, "description"),
        next_run_at=_instant(found, "next_run_at"),
        running=int(found["running"]),
        queued=int(found["queued"]),
        stopped=bool(found["stopped"]),
        last_run=run(found["last_run"]) if found.get("last_run") else None,
        success_rate=found.get("success_rate"),
        median_duration=None if median is None else median // NANOS,
        recent_runs=tuple(map(glance, found["recent_runs"])),
        definition=found,
    )


def firing(found: Found) -> Firing:
    return Firing(at=instant(found["at"]), local=str(found["local"]), note=_text(found, "note"))


def info(found: Found) -> Info:
    return Info(
        version=str(found["version"]),
        fingerprint=str(found["fingerprint"]),
        host=str(found["host"]),
        port=int(found["port"]),
        external_url=_text(found, "external_url"),
        zone=str(found["resolved_timezone"]),
        zone_source=_text(found, "timezone_source"),
        config_path=_text(found, "config_path"),
        config_loaded_at=instant(found["config_loaded_at"]),
        is_config_stale=bool(found["config_stale"]),
        started_at=instant(found["started_at"]),
        health=_text(found, "health"),
        health_reason=_text(found, "health_reason"),
        deliveries=Deliveries(int(found["deliveries"]["waiting"]), int(found["deliveries"]["dropped"])),
    )


def system(found: Found) -> System:
    own = (
        OwnProcess(pid=int(p["pid"]), role=str(p["role"]), rss=int(p["rss"]), cpu=float(p["cpu"]))
        for p in found["processes"]
    )
    return System(
        host=str(found["host"]),
        os=str(found["os"]),
        arch=str(found["arch"]),
        cpu_cores=int(found["cpu_cores"]),
        cpu_usage=float(found["cpu_usage"]),
        mem_total=int(found["mem_total"]),
        mem_used=int(found["mem_used"]),
        mem_usage=float(found["mem_usage"]),
        work_dir=str(found["work_dir"]),
        processes=tuple(own),
    )


def sample(found: Found) -> Sample:
    return Sample(at=instant(found["ts"]), cpu=float(found["cpu"]), mem=float(found["mem"]))


def notice(found: Found) -> Notice:
    return Notice(
        id=str(found["id"]),
        task_name=_text(found, "task_name"),
        kind=str(found["kind"]),
        severity=str(found["severity"]),
        title=str(found["title"]),
        body=_text(found, "body"),
        run_id=_text(found, "run_id"),
        count=int(found["count"]),
        created_at=instant(found["created_at"]),
        updated_at=instant(found["updated_at"]),
        is_read=bool(found["is_read"]),
    )


def log_line(found: Found) -> LogLine:
    return LogLine(
        n=int(found["n"]),
        at=instant(found["ts"]),
        stream=str(found["stream"]),
        text=str(found["text"]),
        is_continued=bool(found["continued"]),
        is_open=bool(found.get("open")),
    )


def event(data: bytes) -> Found:
    """Raises: ValueError."""
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("an event is a JSON object")
    return found


def _text(found: Found, key: str) -> str:
    return str(found.get(key) or "")


def _instant(found: Found, key: str) -> Wall | None:
    return instant(found[key]) if found.get(key) else None
