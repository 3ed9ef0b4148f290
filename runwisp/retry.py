"""How long to wait before a task's next attempt or a service's next start."""

from __future__ import annotations

from runwisp.clock import MINUTE, SECOND, Millis
from runwisp.task import Backoff, Service, Task

RETRY_CAP: Millis = 5 * MINUTE
RESTART_CAP: Millis = MINUTE
SHORT_LIFE: Millis = 100
"""A replica that lived less is not started again sooner than this, so that a broken command cannot spin."""


def grown(delay: Millis, backoff: Backoff, nth: int, cap: Millis) -> Millis:
    """The ``nth`` wait, counted from 1."""
    match backoff:
        case Backoff.CONSTANT:
            wait = delay
        case Backoff.LINEAR:
            wait = delay * nth
        case Backoff.EXPONENTIAL:
            wait = delay * 2 ** min(nth - 1, 64)
    return min(wait, cap)


def retry_wait(task: Task, attempt: int) -> Millis:
    """Before attempt ``attempt`` (1 for the first retry)."""
    return grown(task.retry_delay, task.retry_backoff, attempt, RETRY_CAP)


def restart_wait(service: Service, restarts: int, lived: Millis) -> Millis:
    """Before restart number ``restarts`` (from 1) since the replica was last healthy."""
    wait = grown(service.restart_delay, service.restart_backoff, restarts, RESTART_CAP)
    return max(wait, SHORT_LIFE) if lived < SHORT_LIFE else wait


def on_failure_wait(attempt: int) -> Millis:
    """``restart = "on_failure"`` of a task: the default curve of services."""
    return grown(SECOND, Backoff.EXPONENTIAL, attempt, RESTART_CAP)
