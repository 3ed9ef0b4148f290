"""Before anything is changed: what will happen, and which answers there are; and what only has to be read.

Pure. The words are those of the web dashboard. Called by ``keyboard``.
"""

from __future__ import annotations

from dataclasses import replace

from runwisp.console.going import Turn, known_run, told
from runwisp.console.messages import Quit
from runwisp.console.model import (
    Choice,
    Focus,
    Model,
    Notices,
    Place,
    Question,
    RunPlace,
    Target,
    TaskPlace,
)
from runwisp.console.records import NANOS, Notice, Run, Task
from runwisp.console.requests import Action, DeleteRun, RestartService, StopRun, StopTask, Trigger
from runwisp.console.view import body, position
from runwisp.console.views.sheet import chosen
from runwisp.console.words import length

OVERLAP = {
    "queue": "It is running: this run waits until there is room.",
    "skip": "It is running: this run will be refused.",
    "terminate": "It is running: the oldest run is stopped first.",
}
NOT_BY_HAND = "Its api_trigger is false: it is not started by hand."
NO_TASK = "Choose a task, a service or a run first."


def target(model: Model) -> Target | None:
    """What Enter would open."""
    if model.focus is Focus.SIDEBAR:
        entry = model.sidebar.entries[model.sidebar.at]
        return entry if isinstance(entry, TaskPlace) else None
    rows = body(model)
    at = chosen(rows, position(model)) if rows else None
    return rows[at].target if rows and at is not None else None


def place_of(found: Target | None) -> Place | None:
    if not isinstance(found, Notice):
        return found
    if found.run_id:
        return RunPlace(found.task_name, found.run_id)
    return TaskPlace(found.task_name) if found.task_name else None


def _subject(model: Model) -> Place | None:
    """What keys that change something act upon: a run or a task."""
    if model.focus is Focus.MAIN and isinstance(model.place, RunPlace):
        return model.place
    found = place_of(target(model))
    if found is None and model.focus is Focus.MAIN and not isinstance(model.place, Notices):
        return model.place
    return found


def _task(model: Model) -> Task | None:
    place = _subject(model)
    return model.tasks.get(place.name) if isinstance(place, TaskPlace | RunPlace) else None


def _run(model: Model) -> Run | None:
    place = _subject(model)
    if not isinstance(place, RunPlace):
        return None
    if model.run and model.run.id == place.run_id:
        return model.run
    return known_run(model, place.run_id)


def run(model: Model) -> Turn:
    task = _task(model)
    if task is None:
        return told(model, NO_TASK, is_bad=True), ()
    if task.is_service and (task.running or not task.stopped):
        text = "All its instances are stopped and started again."
        return _asked(model, f"Restart {task.name}?", text, "Restart Service", RestartService(task.name)), ()
    if not task.definition.get("api_trigger", True):
        return told(model, NOT_BY_HAND, is_bad=True), ()
    if task.is_service:
        text = "All its instances are started."
        return _asked(model, f"Start {task.name}?", text, "Start Service", Trigger(task.name)), ()
    return _asked(model, f"Run {task.name} now?", _overlap(task), "Run Task", Trigger(task.name)), ()


def _overlap(task: Task) -> str:
    if task.running >= int(task.definition.get("parallelism") or 1):
        return OVERLAP.get(str(task.definition.get("on_overlap")), "It is running already.")
    return "It starts at once, beside its schedule." if task.definition.get("cron") else "It starts at once."


def stop(model: Model) -> Turn:
    found, task = _run(model), _task(model)
    if found is not None and not found.has_ended:
        title = f"Stop this run of {found.task_name}?"
        action = StopRun(found.task_name, found.id)
        return _asked(model, title, _ladder(task), "Stop Now", action), ()
    if isinstance(model.place, RunPlace) and model.focus is Focus.MAIN:
        return told(model, "This run has ended already.", is_bad=True), ()
    if task is None:
        return told(model, NO_TASK, is_bad=True), ()
    return _stopped(model, task), ()


def _ladder(task: Task | None) -> str:
    if task is None:
        return "It gets its stop signal; what is left of it after its grace is killed."
    grace = length(int(task.definition.get("graceful_stop") or 0) // NANOS)
    signal = task.definition.get("stop_signal")
    again = " The service then starts it again." if task.is_service else ""
    return f"It gets {signal}; what is left of it after {grace} is killed.{again}"


def _stopped(model: Model, task: Task) -> Model:
    if task.is_service and (task.running or not task.stopped):
        text = (
            "All its instances are stopped, and stay stopped until it is started again or the daemon "
            "restarts."
        )
        return _asked(model, f"Stop {task.name}?", text, "Stop Service", StopTask(task.name))
    if not task.is_service and (task.running or task.queued):
        text = "Its running and waiting runs are stopped."
        return _asked(model, f"Stop {task.name}?", text, "Stop Task", StopTask(task.name))
    return told(model, f"{task.name} is not running.", is_bad=True)


def delete(model: Model) -> Turn:
    found = _run(model)
    if found is None:
        return told(model, "Choose a run first.", is_bad=True), ()
    if not found.has_ended:
        return told(model, "It has not ended yet: stop it first.", is_bad=True), ()
    title, text = f"Delete this run of {found.task_name}?", "Its row and its log are deleted for good."
    return _asked(model, title, text, "Delete Run", DeleteRun(found.task_name, found.id)), ()


def leave(model: Model) -> Turn:
    """Nothing is asked where nothing would change."""
    if not model.has_started_daemon:
        return model, (Quit(),)
    choices = (
        Choice("k", "Keep it running", leaves=True),
        Choice("s", "Stop it", leaves=True, stops_daemon=True),
    )
    text = (
        "The daemon was started for this console. It can go on without it: `runwisp` shows it again, "
        "`runwisp stop` ends it."
    )
    return replace(model, question=Question("Leave: and the daemon?", text, choices)), ()


def without_browser(model: Model, url: str) -> Model:
    """All of the address, until it was read: it is longer than many a terminal is wide."""
    text = f"This address opens the dashboard:\n{url}"
    return replace(model, question=Question("There is no browser here", text, ()))


def _asked(model: Model, title: str, text: str, words: str, action: Action) -> Model:
    return replace(model, question=Question(title, text, (Choice("y", words, action),)))
