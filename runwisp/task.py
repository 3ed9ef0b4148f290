"""Tasks and services as they are defined: everything ``runwisp.toml`` says of them, defaults applied.

Every field is named as its key in the file. Lengths are milliseconds, sizes bytes, None is "no limit"
or "not given". Nothing here ever changes while the daemon runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from signal import Signals
from typing import ClassVar

from runwisp.clock import DAY, MINUTE, SECOND, Millis
from runwisp.closest import did_you_mean
from runwisp.errors import UnknownTask
from runwisp.frozen import frozen
from runwisp.logcap import LogOnFull
from runwisp.printable import printable

MEBIBYTE = 1024 * 1024


class Kind(StrEnum):
    TASK = "task"
    SERVICE = "service"


class CatchUp(StrEnum):
    LATEST = "latest"
    ALL = "all"
    SKIP = "skip"


class OnOverlap(StrEnum):
    QUEUE = "queue"
    SKIP = "skip"
    TERMINATE = "terminate"


class Backoff(StrEnum):
    CONSTANT = "constant"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


class Restart(StrEnum):
    NEVER = "never"
    ON_FAILURE = "on_failure"


@frozen(kw_only=True)
class Definition:
    """What tasks and services have in common.

    ``working_dir`` and ``env_file`` are absolute. ``user`` is ``name`` or ``name:group``.
    """

    name: str
    run: str
    working_dir: str
    group: str
    description: str = ""
    api_trigger: bool = True
    shell: str = "/bin/sh"
    env: Mapping[str, str] = field(default_factory=dict)
    env_file: str | None = None
    umask: int | None = None
    user: str | None = None
    exit_codes: frozenset[int] = frozenset({0})
    graceful_stop: Millis = 5 * SECOND
    stop_signal: Signals = Signals.SIGTERM
    log_max_size: int = 100 * MEBIBYTE
    log_on_full: LogOnFull = LogOnFull.DROP_OLD
    keep_runs: int | None = 10_000
    keep_for: Millis | None = 90 * DAY
    notify_on_failure: tuple[str, ...] = ()
    notify_on_success: tuple[str, ...] = ()


@frozen(kw_only=True)
class Task(Definition):
    """Runs and ends.

    ``timezone`` is resolved: the task's own or the scheduler's. ``cron`` is as written in the file.
    """

    kind: ClassVar[Kind] = Kind.TASK
    group: str = "Tasks"
    cron: str | None = None
    timezone: str = "UTC"
    catch_up: CatchUp = CatchUp.LATEST
    max_catch_up_runs: int = 100
    run_on_start: bool = False
    parallelism: int = 1
    on_overlap: OnOverlap = OnOverlap.QUEUE
    queue_max: int = 100
    timeout: Millis | None = None
    retry_attempts: int = 0
    retry_delay: Millis = 5 * SECOND
    retry_backoff: Backoff = Backoff.CONSTANT
    restart: Restart = Restart.NEVER


@frozen(kw_only=True)
class Service(Definition):
    """Stays up."""

    kind: ClassVar[Kind] = Kind.SERVICE
    group: str = "Services"
    instances: int = 1
    restart_delay: Millis = SECOND
    restart_backoff: Backoff = Backoff.EXPONENTIAL
    healthy_after: Millis = MINUTE
    autostart: bool = True


AnyTask = Task | Service


def unknown_task(name: str, known: Iterable[str]) -> UnknownTask:
    """The error about a name that no task has, with the one that was probably meant."""
    return UnknownTask(
        f'no task or service is called "{printable(name)}"{did_you_mean(name, known)}',
        "`runwisp list` shows them all; a daemon knows those that were there when it started.",
    )
