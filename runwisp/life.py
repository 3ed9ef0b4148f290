"""A life: one stretch of a process that runs tasks, a daemon or an `exec`, from its start to its end."""

from __future__ import annotations

from enum import StrEnum

from runwisp.clock import Wall
from runwisp.frozen import frozen


class LifeKind(StrEnum):
    DAEMON = "daemon"
    EXEC = "exec"


@frozen
class Life:
    """Named by boot id, pid and kernel start time together, since a pid alone is reused.

    ``pid_started``: clock ticks since boot, field 22 of proc_pid_stat(5).
    """

    kind: LifeKind
    boot_id: str
    pid: int
    pid_started: int
    started_at: Wall
