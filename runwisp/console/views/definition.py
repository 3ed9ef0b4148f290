"""What a task is, as the daemon resolved it: every key of its table in the configuration, in groups.

Pure. The groups and words are those of the web dashboard. Called by the view of a task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runwisp.console.records import NANOS, Info, Task
from runwisp.console.style import Tone
from runwisp.console.views.sheet import BLANK, Row, Sheet, fact, facts, heading, notes
from runwisp.console.words import ago, count, length, plural, size

Spelled = Callable[[Any], str]


def _duration(ns: Any) -> str:
    return length(int(ns) // NANOS)


def _yes_no(value: Any) -> str:
    return "yes" if value else "no"


def _listed(values: Any) -> str:
    return ", ".join(map(str, values)) or "none"


def _worded(**words: str) -> Spelled:
    return lambda value: words.get(str(value), str(value))


GROUPS: dict[str, dict[str, Spelled]] = {
    "When it runs": {
        "cron": str,
        "timezone": str,
        "run_on_start": _yes_no,
        "catch_up": _worded(skip="skip: not at all", latest="latest: the last one", all="all of them"),
        "max_catch_up_runs": count,
        "api_trigger": lambda value: "yes" if value else "no: not by hand",
        "autostart": _yes_no,
        "instances": count,
    },
    "Overlap, retries, restarts": {
        "parallelism": lambda value: plural(value, "run") + " at once",
        "on_overlap": _worded(
            queue="queue: it waits for its turn",
            skip="skip: it is recorded as failed",
            terminate="terminate: the oldest run is stopped",
        ),
        "queue_max": count,
        "retry_attempts": count,
        "retry_delay": _duration,
        "retry_backoff": str,
        "restart": _worded(on_failure="on failure"),
        "restart_delay": _duration,
        "restart_backoff": str,
        "healthy_after": _duration,
    },
    "How it ends": {
        "timeout": _duration,
        "exit_codes": lambda values: f"success: {_listed(values)}",
        "stop_signal": str,
        "graceful_stop": _duration,
    },
    "Log and history": {
        "log_max_size": size,
        "log_on_full": _worded(
            drop_old="drop_old: the oldest lines go",
            drop_new="drop_new: the newest lines go",
            kill_task="kill_task: the run is ended",
        ),
        "keep_runs": count,
        "keep_for": _duration,
    },
    "Notifications": {"notify_on_failure": _listed, "notify_on_success": _listed},
}
"""Each key, and how its value is told."""

OTHERWISE = {"timeout": "none", "keep_runs": "all", "keep_for": "forever"}
"""What is told of keys that are absent."""


def definition(task: Task, info: Info | None, on: Sheet) -> list[Row]:
    found = [*_command(task, on), *_environment(task, on)]
    for title, keys in GROUPS.items():
        found += [BLANK, heading(title)]
        for key, spelled in keys.items():
            found += _key(task, key, spelled, on)
    return [*found, *_origin(info, on)]


def _key(task: Task, key: str, spelled: Spelled, on: Sheet) -> list[Row]:
    value = task.definition.get(key)
    if value is not None:
        return facts(key, spelled(value), on)
    is_missing = key in OTHERWISE and not (task.is_service and key == "timeout")
    return [fact(key, (OTHERWISE[key], Tone.DIM))] if is_missing else []


def _command(task: Task, on: Sheet) -> list[Row]:
    found = [BLANK, heading("What it runs")]
    for number, line in enumerate(str(task.definition.get("run") or "").splitlines()):
        found += facts("" if number else "run", line, on)
    shell = task.definition.get("shell") or "started directly"
    found += facts("shell", str(shell), on)
    for key in ("working_dir", "user", "umask"):
        if value := task.definition.get(key):
            found += facts(key, str(value), on)
    return found


def _environment(task: Task, on: Sheet) -> list[Row]:
    """Values are known to the daemon alone."""
    names = sorted(task.definition.get("env") or ())
    told = [f"{name} = hidden" for name in names] or ["nothing of its own"]
    found = [BLANK, heading("Environment")]
    for number, text in enumerate(told):
        found += facts("" if number else "env", text, on)
    if path := task.definition.get("env_file"):
        found += facts("env_file", str(path), on)
    return found


def _origin(info: Info | None, on: Sheet) -> list[Row]:
    if info is None:
        return []
    changed = "; the file has changed since." if info.is_config_stale else "."
    text = f"From {info.config_path}, loaded {ago(info.config_loaded_at, on.now)}{changed}"
    return [BLANK, *notes(text, on)]
