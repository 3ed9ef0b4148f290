"""What the daemon answered, and what it did.

Pure. Called by ``update``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runwisp.console import records, scrolling
from runwisp.console.going import Turn, back, fetched, told
from runwisp.console.messages import Answered, Done, NotDone, Refused
from runwisp.console.model import Bell, Model, RunPlace, TaskPlace
from runwisp.console.notices import merged
from runwisp.console.records import UNREADABLE, Task
from runwisp.console.requests import (
    Action,
    Ask,
    AskActive,
    AskFirings,
    AskInfo,
    AskLog,
    AskNotices,
    AskRecent,
    AskRun,
    AskRuns,
    AskSamples,
    AskSearch,
    AskSystem,
    AskTail,
    AskTask,
    AskTasks,
    DeleteRun,
    MarkAllRead,
    MarkNotice,
    Trigger,
)
from runwisp.console.views.sidebar import entries

STRANGE = "The daemon answered something that this console does not understand. Are both of one version?"


def answered(model: Model, message: Answered) -> Turn:
    try:
        return _answered(model, message.ask, message.found)
    except UNREADABLE:
        return told(model, STRANGE, is_bad=True), ()


def _answered(model: Model, ask: Ask, found: Any) -> Turn:
    match ask:
        case AskInfo():
            return replace(model, info=records.info(found)), ()
        case AskSystem():
            return replace(model, system=records.system(found)), ()
        case AskSamples():
            return replace(model, samples=tuple(map(records.sample, found))), ()
        case AskTasks():
            return with_tasks(model, tuple(map(records.task, found))), ()
        case AskTask():
            return _task(model, records.task(found))
        case AskFirings(name):
            return _firings(model, name, found), ()
        case AskActive():
            return replace(model, active={run.id: run for run in records.runs(found)}), ()
        case AskRecent():
            return replace(model, recent=records.runs(found)), ()
        case AskNotices(before):
            return replace(model, bell=_bell(model.bell, before, found)), ()
        case _:
            return _answered_of_runs(model, ask, found)


def _answered_of_runs(model: Model, ask: AskRuns | AskRun | AskLog | AskTail | AskSearch, found: Any) -> Turn:
    """What came too late, as one is elsewhere by now, is of no use."""
    match ask:
        case AskRuns(name, before):
            return _runs(model, name, before, found), ()
        case AskRun(name, run_id):
            is_here = model.place == RunPlace(name, run_id)
            return (replace(model, run=records.run(found), run_trouble="") if is_here else model), ()
        case AskLog(name, run_id):
            is_here = model.place == RunPlace(name, run_id) and model.log.is_fetching
            return scrolling.page(model, ask, found) if is_here else (model, ())
        case AskTail(name, run_id):
            is_here = model.place == RunPlace(name, run_id)
            return (scrolling.with_tail(model, found) if is_here else model), ()
        case AskSearch(name, run_id):
            is_here = model.place == RunPlace(name, run_id)
            return scrolling.hits(model, ask, found) if is_here else (model, ())


def with_tasks(model: Model, tasks: tuple[Task, ...]) -> Model:
    """All of them, and the sidebar by them."""
    by_name = {task.name: task for task in tasks}
    bar = model.sidebar
    chosen = bar.entries[bar.at]
    found = entries(by_name, bar.filter)
    at = found.index(chosen) if chosen in found else 0
    bar = replace(bar, entries=found, tasks=by_name, at=at)
    return replace(model, tasks=by_name, sidebar=bar, is_loaded=True)


def _task(model: Model, task: Task) -> Turn:
    former = model.tasks.get(task.name)
    tasks = {**model.tasks, task.name: task}
    model = replace(model, tasks=tasks, sidebar=replace(model.sidebar, tasks=tasks))
    is_new = former is None or former.next_run_at != task.next_run_at
    return model, fetched(AskFirings(task.name)) if is_new and model.place == TaskPlace(task.name) else ()


def _firings(model: Model, name: str, found: Any) -> Model:
    if model.place != TaskPlace(name):
        return model
    return replace(model, firings=tuple(map(records.firing, found)))


def _runs(model: Model, name: str, before: str, found: Any) -> Model:
    history = model.history
    if history is None or history.name != name:
        return model
    runs = records.runs(found)
    if before:
        runs = history.runs + runs
    cursor = str(found.get("next_cursor") or "")
    known = replace(history, runs=runs, cursor=cursor, is_loaded=True, is_loading=False, trouble="")
    return replace(model, history=known)


def _bell(bell: Bell, before: str, found: Any) -> Bell:
    rows = tuple(map(records.notice, found["notices"]))
    is_first = not before and not bell.is_loaded
    return replace(
        bell,
        rows=rows if is_first else merged((*bell.rows, *rows)),
        unread=int(found["unread_count"]),
        cursor=str(found.get("next_cursor") or "") if before or is_first else bell.cursor,
        is_loaded=True,
        is_loading=False,
        trouble="",
    )


def refused(model: Model, message: Refused) -> Turn:
    """It is said where the answer would be seen."""
    text = message.text
    match message.ask:
        case AskRuns(name):
            if model.history is None or model.history.name != name:
                return model, ()
            return replace(model, history=replace(model.history, trouble=text, is_loading=False)), ()
        case AskRun(name, run_id):
            is_here = model.place == RunPlace(name, run_id)
            return (replace(model, run_trouble=text) if is_here else model), ()
        case AskLog():
            log = replace(model.log, is_fetching=False, seeking=None)
            return told(replace(model, log=log), text, is_bad=True), ()
        case AskTail():
            return model, ()
        case AskSearch():
            if model.log.search is None:
                return model, ()
            search = replace(model.log.search, trouble=text, is_busy=False)
            return replace(model, log=replace(model.log, search=search)), ()
        case AskNotices():
            return replace(model, bell=replace(model.bell, trouble=text, is_loading=False)), ()
        case _:
            return _elsewhere(model, text), ()


def _elsewhere(model: Model, text: str) -> Model:
    """While the connection is lost, that is known, and all is asked for anew after it. Of what keeps the
    stream away the banner tells."""
    if model.lost or model.trouble == text:
        return model
    return told(model, text, is_bad=True) if model.is_loaded else replace(model, trouble=text)


def done(model: Model, message: Done) -> Turn:
    match message.action:
        case Trigger(name):
            try:
                run = records.run(message.found)
            except UNREADABLE:
                return told(model, STRANGE, is_bad=True), ()
            return told(model, f"{name}: {run.status}."), ()
        case DeleteRun(name, run_id):
            model = told(model, "The run is deleted.")
            return back(model) if model.place == RunPlace(name, run_id) else (model, ())
        case MarkNotice() | MarkAllRead():
            return model, ()
        case _:
            text = message.found.get("message") if isinstance(message.found, dict) else None
            return told(model, str(text or "Done.")), ()


def not_done(model: Model, message: NotDone) -> Turn:
    model = told(model, message.text, is_bad=True)
    return model, _undone(message.action)


def _undone(action: Action) -> tuple[Any, ...]:
    """What was shown as done already is asked for again."""
    return fetched(AskNotices()) if isinstance(action, MarkNotice | MarkAllRead) else ()
