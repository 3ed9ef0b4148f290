"""Why a run is as it is, in a sentence, in the words of the web dashboard.

Pure. Called by the view of a run.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from runwisp.clock import Wall
from runwisp.console.records import Run, Task
from runwisp.console.words import clock_length, plural, until

TRIGGERS = {
    "cron": "its schedule",
    "api": "hand or API",
    "service": "the service",
    "startup": "the start of the daemon",
    "exec": "runwisp exec",
}
EXITS = {-1: "never started", -2: "unknown, crashed"}

TOLD = frozenset(("skipped", "queue_full", "dst_skipped", "missed"))
"""The daemon's own words say it all."""

OBVIOUS = frozenset(("stopped", "daemon_stopped", "crashed"))
"""Nothing more can be said."""

SAID = frozenset(("timeout", "log_overflow"))
"""Our sentence has why it ended; what was known of it before may follow."""

USUAL = re.compile(r"exited with code \d+")


def why(run: Run, task: Task | None, now: Wall, retry: str = "") -> list[str]:
    """Sentences. ``task``, where it is still configured; ``retry``: the state of the attempt after it."""
    told = [_sentence(run, task, now)]
    if run.retry_attempt:
        told[0] += f" This was retry {run.retry_attempt}{_of_attempts(task)}."
    if retry:
        told[0] += f" Then it was tried again: {retry}."
    if news := _news(run):
        told.append(news)
    if run.log_dropped_lines:
        told.append(f"{plural(run.log_dropped_lines, 'line')} of its output were dropped.")
    return told


def _sentence(run: Run, task: Task | None, now: Wall) -> str:
    if run.status == "running":
        return f"It has been running for {clock_length(now - (run.start_at or now))}."
    if run.status == "pending":
        return _waiting(run, now)
    if run.end_reason in TOLD and run.message:
        return f"It did not start: {run.message}."
    ended = ENDED.get(run.end_reason)
    return ended(run, task) if ended else f"It ended: {run.end_reason}."


def _waiting(run: Run, now: Wall) -> str:
    due = until(run.due_at, now) if run.due_at else "soon"
    match run.waits_for:
        case "queue":
            return "It waits until the task has room for it."
        case "retry":
            return f"It is tried again {due}."
        case "restart":
            return f"It is started again {due}."
        case _:
            return "It is about to start."


def _failed(run: Run, task: Task | None) -> str:
    if run.exit_code < 0:
        return "It could not be started."
    codes = task.definition.get("exit_codes") if task else None
    codes = codes or [0]
    if len(codes) == 1:
        return f"It ended with exit code {run.exit_code}: only {codes[0]} is a success."
    good = ", ".join(map(str, codes))
    return f"It ended with exit code {run.exit_code}: only {good} are successes."


def _cause(run: Run, usual: str) -> str:
    """In the daemon's words, which go by what was configured at that time."""
    return run.message.split("; ")[0] or usual


ENDED: dict[str, Callable[[Run, Task | None], str]] = {
    "success": lambda run, _: f"It ended as it should, with exit code {run.exit_code}.",
    "failed": _failed,
    "timeout": lambda run, _: f"It was stopped as it {_cause(run, 'took longer than its timeout')}.",
    "log_overflow": lambda _, __: "It was stopped as its log had reached log_max_size.",
    "stopped": lambda run, _: f"It was {_cause(run, 'stopped')}.",
    "daemon_stopped": lambda _, __: "It was stopped as the daemon was stopped.",
    "crashed": lambda _, __: "The daemon died while it ran: how it ended is not known.",
    "skipped": lambda _, __: "It did not start, as the task was running already.",
    "queue_full": lambda _, __: "It did not start, as the queue of the task was full.",
    "dst_skipped": lambda _, __: (
        "It did not start: the hour came twice on this night, and it ran in the first."
    ),
    "missed": lambda _, __: "It did not start, as the daemon was not running at that time.",
}


def _of_attempts(task: Task | None) -> str:
    attempts = task.definition.get("retry_attempts") if task else None
    return f" of {attempts}" if attempts else ""


def _news(run: Run) -> str:
    """What of the daemon's own words says more than ours: ``exited with code 3`` does not."""
    if run.end_reason in TOLD | OBVIOUS:
        return ""
    cause, _, before = run.message.partition("; ")
    is_said = run.end_reason in SAID or USUAL.fullmatch(cause)
    return before if is_said else run.message
