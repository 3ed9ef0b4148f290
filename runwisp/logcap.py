"""How much of what a run prints is kept: what is done when its log is full, and what the log came to.

Pure. Apart from ``task`` and ``run``, as the pump needs nothing else of them.
"""

from __future__ import annotations

from enum import StrEnum

from runwisp.frozen import frozen


class LogOnFull(StrEnum):
    DROP_OLD = "drop_old"
    DROP_NEW = "drop_new"
    KILL_TASK = "kill_task"


@frozen
class LogTotals:
    """What a run printed: all its lines and bytes, those dropped among them, and what lies on disk."""

    log_lines: int = 0
    log_bytes: int = 0
    log_dropped_lines: int = 0
    log_disk_bytes: int = 0
