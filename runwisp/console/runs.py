"""Runs as they change, in everything that is made of them: tasks, lists, and the one that is shown.

Pure. The rules are those of the web dashboard. Called by ``streams``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from runwisp.console.model import History, Model, RunPlace
from runwisp.console.records import Glance, Run, Task
from runwisp.console.requests import RECENT

STRIP = 10
"""Runs that a task tells of itself."""


def kept(model: Model, runs: Sequence[Run]) -> Model:
    if not runs:
        return model
    tasks, active = dict(model.tasks), dict(model.active)
    for run in runs:
        former = active.get(run.id)
        if run.has_ended:
            active.pop(run.id, None)
        else:
            active[run.id] = run
        if task := tasks.get(run.task_name):
            tasks[run.task_name] = touched(task, run, former)
    latest = {run.id: run for run in runs}
    return replace(
        model,
        tasks=tasks,
        sidebar=replace(model.sidebar, tasks=tasks),
        active=active,
        recent=_newest((*model.recent, *runs))[:RECENT],
        history=_history(model.history, runs),
        run=latest.get(_shown(model), model.run),
    )


def _shown(model: Model) -> str:
    return model.place.run_id if isinstance(model.place, RunPlace) else ""


def touched(task: Task, run: Run, former: Run | None) -> Task:
    """``former``: what the run was before, where it was known and had not ended."""
    others = [each for each in task.recent_runs if each.id != run.id]
    recent: list[Glance] = sorted([run, *others], key=_id, reverse=True)
    is_last = task.last_run is None or run.id >= task.last_run.id
    return replace(
        task,
        running=max(0, task.running + _is(run, "running") - _is(former, "running")),
        queued=max(0, task.queued + _is_queued(run) - _is_queued(former)),
        last_run=run if is_last else task.last_run,
        recent_runs=tuple(recent[:STRIP]),
    )


def deleted(model: Model, run_ids: Iterable[str]) -> Model:
    gone = set(run_ids)
    if not gone:
        return model
    history = model.history
    if history:
        history = replace(history, runs=_without(history.runs, gone))
    is_here = isinstance(model.place, RunPlace) and model.place.run_id in gone
    return replace(
        model,
        active={run_id: run for run_id, run in model.active.items() if run_id not in gone},
        recent=_without(model.recent, gone),
        history=history,
        run_trouble="This run was deleted." if is_here else model.run_trouble,
        run=None if is_here else model.run,
    )


def _history(history: History | None, runs: Sequence[Run]) -> History | None:
    """Those older than the oldest that is known belong to a page that is not loaded yet."""
    if history is None or not history.is_loaded:
        return history
    mine = [run for run in runs if run.task_name == history.name]
    oldest = history.runs[-1].id if history.runs and history.cursor else ""
    mine = [run for run in mine if run.id >= oldest]
    return replace(history, runs=_newest((*history.runs, *mine))) if mine else history


def _newest(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Each once, as it was told last. Ids sort by time."""
    by_id = {run.id: run for run in runs}
    return tuple(sorted(by_id.values(), key=_id, reverse=True))


def _without(runs: Sequence[Run], gone: set[str]) -> tuple[Run, ...]:
    return tuple(run for run in runs if run.id not in gone)


def _id(run: Glance) -> str:
    return run.id


def _is(run: Run | None, status: str) -> int:
    return int(run is not None and run.status == status)


def _is_queued(run: Run | None) -> int:
    return int(run is not None and run.status == "pending" and run.waits_for == "queue")
