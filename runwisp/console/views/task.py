"""A task or service: what it does now, when it runs next, how it fares, its runs; or all of its definition.

Pure. Called by ``view``.
"""

from __future__ import annotations

from functools import partial

from runwisp.clock import Millis
from runwisp.console.cells import short
from runwisp.console.graph import sparkline
from runwisp.console.model import History, Model, RunPlace, TaskPlace
from runwisp.console.records import Run, Task
from runwisp.console.requests import MOST_RUNS
from runwisp.console.state import Kind, of_run, of_task
from runwisp.console.style import Line, Tone
from runwisp.console.views.definition import definition
from runwisp.console.views.sheet import BLANK, Cell, Row, Sheet, aligned, fact, facts, heading, note, notes
from runwisp.console.words import ago, count, date_time, length, percent, run_length, until

MOST_BARS = 60
WIDE = 90
"""Columns from which a run and its message have room beside each other."""


def rows(model: Model, place: TaskPlace, on: Sheet) -> list[Row]:
    task = model.tasks.get(place.name)
    if task is None:
        head = [heading(place.name), *notes(_unknown(model, place), on)]
    else:
        head = _head(task, on)
        if model.has_details:
            return [*head, *definition(task, model.info, on)]
        head += _facts(model, task, on)
    return [*head, *_history(model.history, on)]


def _unknown(model: Model, place: TaskPlace) -> str:
    if not model.is_loaded:
        return model.trouble or "Asking the daemon."
    return f"{place.name} is not in the configuration that the daemon has loaded. Its runs are kept."


def _head(task: Task, on: Sheet) -> list[Row]:
    kind = "service" if task.is_service else "task"
    return [heading(task.name, f"{kind} in {task.group}" if task.group else kind), *_described(task, on)]


def _described(task: Task, on: Sheet) -> list[Row]:
    found = notes(task.description, on) if task.description else []
    if not task.definition.get("api_trigger", True):
        found += notes("It cannot be started by hand: its api_trigger is false.", on)
    return found


def _facts(model: Model, task: Task, on: Sheet) -> list[Row]:
    state = of_task(task)
    last = task.last_run
    found = [fact("State", (f"{state.sign(on.signs)} {state.text}", state.tone))]
    if last:
        fared = of_run(last)
        when = f"  {ago(last.at, on.now)}"
        found.append(fact("Last run", (f"{fared.sign(on.signs)} {fared.text}", fared.tone), (when, Tone.DIM)))
    return [*found, *_schedule(model, task, on), *_fares(task), *_durations(model.history, on)]


def _schedule(model: Model, task: Task, on: Sheet) -> list[Row]:
    cron, zone = task.definition.get("cron"), task.definition.get("timezone")
    words = f"{cron} in {zone}" if cron and zone else str(cron or task.definition.get("schedule") or "none")
    return [*facts("Schedule", words, on), *_next(model, task, on)]


def _next(model: Model, task: Task, on: Sheet) -> list[Row]:
    if task.next_run_at is None:
        at_start = "at the daemon's start" if task.definition.get("run_on_start") else "by hand"
        return [fact("Next firing", ("kept running" if task.is_service else at_start, Tone.DIM))]
    at = task.next_run_at
    found = [fact("Next firing", until(at, on.now), (f"  {date_time(at, on.zone)}", Tone.DIM))]
    later = [firing for firing in model.firings if firing.at > at]
    for number, firing in enumerate(later):
        told = f"  ({firing.note})" if firing.note else ""
        found.append(fact("" if number else "After that", date_time(firing.at, on.zone), (told, Tone.WARN)))
    return found


def _fares(task: Task) -> list[Row]:
    found = []
    if task.success_rate is not None:
        found.append(fact("Success rate", percent(task.success_rate)))
    if task.median_duration is not None:
        found.append(fact("Median duration", length(task.median_duration)))
    return found


def _durations(history: History | None, on: Sheet) -> list[Row]:
    """Of the runs that are known, the newest at the right."""
    known = reversed(history.runs if history else ())
    took = [ms for run in known if (ms := _took(run)) is not None]
    if len(took) < 2:
        return []
    shown = took[-min(MOST_BARS, max(8, on.columns - 48)) :]
    most = max(shown)
    bars = sparkline(shown, len(shown), most, on.signs.bars)
    return [fact("Durations", (bars, Tone.RUN), (f"  up to {length(most)}", Tone.DIM))]


def _took(run: Run) -> Millis | None:
    return run.end_at - run.start_at if run.start_at and run.end_at else None


def _history(history: History | None, on: Sheet) -> list[Row]:
    found = [BLANK, heading("Runs", count(len(history.runs)) if history and history.runs else "")]
    if history is None:
        return found
    found += [row for run in history.runs for row in _run(run, on)]
    if history.trouble:
        found += notes(history.trouble, on, Tone.BAD)
    elif history.is_loading or not history.is_loaded:
        found.append(note("Loading."))
    elif not history.runs:
        found.append(note("It has not run yet."))
    elif history.cursor:
        older = f"Older ones: `runwisp runs {history.name}`, or b for the dashboard."
        is_full = len(history.runs) >= MOST_RUNS
        found.append(note(older if is_full else "Further down there are older ones."))
    return found


def _run(run: Run, on: Sheet) -> list[Row]:
    """Where a row has no room for the message it follows below."""
    head = Row(target=RunPlace(run.task_name, run.id), draw=partial(_drawn, run, on))
    if on.columns >= WIDE or not run.message:
        return [head]
    return [head, Row(draw=partial(_message, run, on))]


def _drawn(run: Run, on: Sheet) -> Line:
    state = of_run(run)
    sign = Cell(state.sign(on.signs), 1, state.tone)
    time = date_time(run.start_at or run.created_at, on.zone)
    took = run_length(run, on.now) or on.signs.none
    if on.columns < WIDE:
        told = state.text if state.kind is Kind.SUCCESS else f"{state.text}{_exit(run, ', ')}"
        cells = [sign, Cell(time[:-3], 12), Cell(told, 25, state.tone), Cell(took, 10, is_whole=True)]
        return aligned(cells, on).line
    cells = [sign, Cell(time, 15), Cell(state.text, 20, state.tone), Cell(took, 12)]
    cells += [
        Cell(_exit(run), 8, Tone.DIM),
        Cell(run.triggered_by, 7, Tone.DIM),
        Cell(_detail(run), 0, Tone.DIM),
    ]
    return aligned(cells, on).line


def _message(run: Run, on: Sheet) -> Line:
    return (("    " + short(_detail(run), max(1, on.columns - 5), on.signs.more), Tone.DIM),)


def _exit(run: Run, before: str = "") -> str:
    return f"{before}exit {run.exit_code}" if run.has_ended else ""


def _detail(run: Run) -> str:
    retry = f"retry {run.retry_attempt}. " if run.retry_attempt else ""
    return retry + run.message
