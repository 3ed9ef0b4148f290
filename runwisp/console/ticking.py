"""When time alone changes what is seen.

Pure. Called by ``main``, which sleeps until then. Invariant: nothing that counts seconds is seen, and the
console wakes no more often than it has to ask the daemon.
"""

from __future__ import annotations

from collections.abc import Iterator

from runwisp.clock import HOUR, MINUTE, SECOND, Millis, Mono, Wall
from runwisp.console.model import Home, InfoPlace, Model, Notices, RunPlace, TaskPlace
from runwisp.console.records import Run, Task


def next_tick(model: Model) -> Mono | None:
    """None while it does not."""
    at = [
        when
        for when in (model.due.system, model.due.tasks, model.due.bell, model.due.tail)
        if when is not None
    ]
    if model.flash:
        at.append(model.flash.until)
    if step := _step(model):
        at.append(model.now.mono + step - model.now.wall % step)
    return Mono(min(at)) if at else None


def _step(model: Model) -> Millis:
    """How often it changes: each second, each minute or, 0, never."""
    if model.lost or any(_counts_seconds(model)):
        return SECOND
    return MINUTE if isinstance(model.place, Home | InfoPlace | TaskPlace | Notices) else 0


def _counts_seconds(model: Model) -> Iterator[bool]:
    now = model.now.wall
    match model.place:
        case Home():
            yield any(run.kind == "task" for run in model.active.values())
            yield any(now - run.at < MINUTE for run in model.recent[:1])
            yield any(_is_soon(task, now) for task in model.tasks.values())
        case TaskPlace(name):
            task = model.tasks.get(name)
            yield task is not None and (_is_soon(task, now) or task.running > 0)
            yield task is not None and task.last_run is not None and now - task.last_run.at < MINUTE
        case RunPlace():
            yield model.run is not None and _counts(model.run, now)
        case InfoPlace():
            yield model.info is not None and now - model.info.started_at < HOUR
        case _:
            yield False


def _is_soon(task: Task, now: Wall) -> bool:
    return task.next_run_at is not None and task.next_run_at - now < HOUR


def _counts(run: Run, now: Wall) -> bool:
    if run.has_ended:
        return False
    is_young = run.status == "running" and now - (run.start_at or now) < HOUR
    return is_young or run.due_at is not None
