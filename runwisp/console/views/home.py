"""Home: the daemon, how to log in, what needs attention, runs, comes and was.

Pure. Called by ``view``.
"""

from __future__ import annotations

from collections.abc import Sequence

from runwisp.clock import Wall
from runwisp.console.model import Model, RunPlace, TaskPlace
from runwisp.console.records import Run, Task
from runwisp.console.state import State, of_run, of_task, wants_attention
from runwisp.console.style import Tone
from runwisp.console.views.sheet import BLANK, Cell, Row, Sheet, aligned, fact, facts, heading, note, notes
from runwisp.console.words import (
    ago,
    clock_length,
    count,
    date_time,
    plural,
    run_length,
    until,
    whole_minutes,
)

SHOWN = 6
NAME = 20
WIDE = 64
HIDDEN = "hidden, p shows it"


def rows(model: Model, on: Sheet) -> list[Row]:
    if not model.is_loaded:
        return [BLANK, *notes(model.trouble or "Asking the daemon.", on)]
    return [
        *_daemon(model, on),
        *_stale(model, on),
        *_section("Needs attention", _attention(model, on), "All is well."),
        *_section("Running now", _running(model, on), "No task runs just now."),
        *_services(model),
        *_section("Up next", _next(model, on), "Nothing is scheduled.", has_count=False),
        *_recent(model, on),
    ]


def _daemon(model: Model, on: Sheet) -> list[Row]:
    info = model.info
    if info is None:
        return []
    found = [
        heading(info.host, f"RunWisp {info.version}, up for {whole_minutes(on.now - info.started_at)}"),
        fact("Address", model.url),
        fact("Password", (HIDDEN, Tone.DIM) if model.password is None else _password(model.password)),
        *facts("Tasks", _counts(model), on),
    ]
    if info.health != "ok":
        found += facts("Health", f"{info.health}: {info.health_reason}", on)
    return found


def _password(text: str) -> str:
    return text or "not known here: this console was logged in without it"


def _counts(model: Model) -> str:
    tasks = list(model.tasks.values())
    if not tasks and model.info:
        return f"No tasks yet. Define one in {model.info.config_path} and restart the daemon."
    services = sum(task.is_service for task in tasks)
    running, queued = (sum(getattr(task, name) for task in tasks) for name in ("running", "queued"))
    parts = [plural(len(tasks) - services, "task"), plural(services, "service"), f"{count(running)} running"]
    return ", ".join(parts + ([f"{count(queued)} queued"] if queued else []))


def _stale(model: Model, on: Sheet) -> list[Row]:
    info = model.info
    if info is None or not info.is_config_stale:
        return []
    text = (
        f"{on.signs.warning} {info.config_path} has changed since the daemon loaded it. Check it with "
        "`runwisp validate`, then restart the daemon."
    )
    return [BLANK, *notes(text, on, Tone.WARN)]


def _section(title: str, found: Sequence[Row], empty: str, *, has_count: bool = True) -> list[Row]:
    detail = count(len(found)) if found and has_count else ""
    more = [note(f"and {count(len(found) - SHOWN)} more")] if len(found) > SHOWN and has_count else []
    return [BLANK, heading(title, detail), *(found[:SHOWN] or [note(empty)]), *more]


def _attention(model: Model, on: Sheet) -> list[Row]:
    found = [task for task in model.tasks.values() if task.last_run and wants_attention(task)]
    found.sort(key=_newest, reverse=True)
    return [_attention_row(task, on) for task in found]


def _newest(task: Task) -> str:
    return task.last_run.id if task.last_run else ""


def _attention_row(task: Task, on: Sheet) -> Row:
    run = task.last_run
    if run is None:
        return BLANK
    state = of_task(task) if task.is_service else of_run(run)
    cells = [
        *_named(task.name, state, on),
        Cell(state.text, _state_columns(on), Tone.BAD),
        Cell(ago(run.end_at or run.created_at, on.now), 10, Tone.DIM, is_whole=True),
        Cell(run.message, 0, Tone.DIM),
    ]
    return aligned(cells, on, RunPlace(task.name, run.id))


def _running(model: Model, on: Sheet) -> list[Row]:
    running = [run for run in model.active.values() if run.status == "running" and run.kind == "task"]
    return [_running_row(run, on) for run in sorted(running, key=lambda run: run.id)]


def _running_row(run: Run, on: Sheet) -> Row:
    since = clock_length(on.now - (run.start_at or on.now))
    cells = [*_named(run.task_name, of_run(run), on), Cell(f"for {since}", _state_columns(on))]
    return aligned(cells, on, RunPlace(run.task_name, run.id))


def _services(model: Model) -> list[Row]:
    up = sum(task.running for task in model.tasks.values() if task.is_service)
    if not up:
        return []
    return [note(f"{plural(up, 'service instance')} {'is' if up == 1 else 'are'} up.")]


def _next(model: Model, on: Sheet) -> list[Row]:
    due = [(task.next_run_at, task.name) for task in model.tasks.values() if task.next_run_at]
    return [_next_row(at, name, on) for at, name in sorted(due)[:SHOWN]]


def _next_row(at: Wall, name: str, on: Sheet) -> Row:
    cells = [
        Cell(on.signs.waiting, 1, Tone.DIM),
        Cell(name, NAME),
        Cell(until(at, on.now), _state_columns(on)),
        Cell(date_time(at, on.zone), 15, Tone.DIM, is_whole=True),
    ]
    return aligned(cells, on, TaskPlace(name))


def _recent(model: Model, on: Sheet) -> list[Row]:
    found = [_recent_row(run, on) for run in model.recent]
    return [BLANK, heading("Recent activity"), *(found or [note("Nothing has run yet.")])]


def _recent_row(run: Run, on: Sheet) -> Row:
    state = of_run(run)
    cells = [
        *_named(run.task_name, state, on),
        Cell(state.text, _state_columns(on), state.tone),
        Cell(ago(run.at, on.now), 10, Tone.DIM, is_whole=True),
        Cell(run_length(run, on.now), 0, Tone.DIM),
    ]
    return aligned(cells, on, RunPlace(run.task_name, run.id))


def _named(name: str, state: State, on: Sheet) -> list[Cell]:
    return [Cell(state.sign(on.signs), 1, state.tone), Cell(name, NAME)]


def _state_columns(on: Sheet) -> int:
    """For the longest, `failed, log_overflow`, where there is room for it."""
    return 22 if on.columns >= WIDE else 18
