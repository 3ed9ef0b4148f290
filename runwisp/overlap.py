"""What a firing does when its task is already running: ``parallelism``, ``on_overlap``, ``queue_max``."""

from __future__ import annotations

from enum import Enum, auto

from runwisp.task import OnOverlap, Task


class Decision(Enum):
    START = auto()
    WAIT = auto()
    SKIP = auto()
    QUEUE_FULL = auto()
    REPLACE = auto()
    """Wait, and stop the oldest running one."""


def decide(task: Task, busy: int, waiting: int) -> Decision:
    """``busy``: slots taken by running attempts and by chains waiting for a retry; ``waiting``: the queue."""
    if busy < task.parallelism and not waiting:
        return Decision.START
    match task.on_overlap:
        case OnOverlap.SKIP:
            return Decision.SKIP
        case OnOverlap.TERMINATE:
            return Decision.REPLACE
        case OnOverlap.QUEUE:
            return Decision.WAIT if waiting < task.queue_max else Decision.QUEUE_FULL
