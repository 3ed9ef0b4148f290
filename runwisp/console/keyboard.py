"""What keys do.

Pure. Called by ``update`` and ``mouse``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from runwisp.clock import utc
from runwisp.console import notices, questions, scrolling
from runwisp.console.cells import safe
from runwisp.console.going import Turn, back, fetched, go, told
from runwisp.console.keys import Intent, intent
from runwisp.console.messages import (
    Act,
    Command,
    OpenBrowser,
    Quit,
    Redraw,
    Retry,
    SaveLog,
    Suspend,
    TellPassword,
)
from runwisp.console.model import (
    Asking,
    Debug,
    Focus,
    GroupName,
    Home,
    Model,
    Notices,
    Position,
    Prompt,
    RunPlace,
    TaskPlace,
)
from runwisp.console.records import Notice
from runwisp.console.requests import MOST_NOTICES, MOST_RUNS, AskNotices, AskRuns
from runwisp.console.view import body, main_sheet
from runwisp.console.views import debug, sidebar
from runwisp.console.views.sheet import chosen

LONGEST_TEXT = 500
NEAR = 20
"""Rows before the end of a list at which more of it is asked for."""

SIDEWAYS = 20


def pressed(model: Model, key: str) -> Turn:
    model = replace(model, flash=None)
    if model.question:
        return _answered(model, key)
    if model.prompt:
        return _typed(model, key)
    if model.lost and key == "r":
        return model, (Retry(),)
    wanted = intent(key, model.place)
    if model.is_helping and wanted not in IN_HELP:
        return replace(model, help_at=None), ()
    return INTENTS[wanted](model) if wanted else (model, ())


def pasted(model: Model, text: str) -> Turn:
    """Into what asks for text; else it was a mistake, and its letters are no keys."""
    if not model.prompt:
        return model, ()
    return _asked_for(model, replace(model.prompt, text=(model.prompt.text + safe(text))[:LONGEST_TEXT]))


def _answered(model: Model, key: str) -> Turn:
    question = model.question
    if question is None:
        return model, ()
    taken = [each for each in question.choices if each.key == key.lower()]
    if key == "enter":
        taken = list(question.choices[:1])
    if not taken:
        is_left = key in ("escape", "n", "q", "ctrl-c", "enter")
        return (replace(model, question=None) if is_left else model), ()
    choice = taken[0]
    commands: tuple[Command, ...] = (Act(choice.action),) if choice.action else ()
    if choice.leaves:
        commands = (Quit(wants_stop=choice.stops_daemon),)
    return replace(model, question=None), commands


def _typed(model: Model, key: str) -> Turn:
    prompt = model.prompt
    if prompt is None:
        return model, ()
    match key:
        case "escape" | "ctrl-c":
            return _asked_for(replace(model, prompt=None), replace(prompt, text=""), is_over=True)
        case "enter":
            return _entered(replace(model, prompt=None), prompt)
        case "backspace":
            return _asked_for(model, replace(prompt, text=prompt.text[:-1]))
        case "ctrl-u":
            return _asked_for(model, replace(prompt, text=""))
        case _ if len(key) == 1 and key.isprintable():
            return _asked_for(model, replace(prompt, text=(prompt.text + key)[:LONGEST_TEXT]))
        case _:
            return model, ()


def _asked_for(model: Model, prompt: Prompt, *, is_over: bool = False) -> Turn:
    """A filter works while it is typed."""
    if prompt.asking is Asking.FILTER:
        model = _filtered(model, prompt.text)
    return (model if is_over else replace(model, prompt=prompt)), ()


def _filtered(model: Model, text: str) -> Model:
    """The first task that is left is chosen."""
    found = sidebar.entries(model.tasks, text)
    at = next((at for at, entry in enumerate(found) if isinstance(entry, TaskPlace)), 0) if text else 0
    return replace(model, sidebar=replace(model.sidebar, entries=found, filter=text, at=at))


def _entered(model: Model, prompt: Prompt) -> Turn:
    match prompt.asking, model.place:
        case Asking.SEARCH, _:
            return scrolling.search(model, prompt.text)
        case Asking.SAVE, RunPlace(name, run_id) if prompt.text.strip():
            return model, (SaveLog(name, run_id, prompt.text.strip()),)
        case Asking.FILTER, _ if prompt.text:
            return _filter_entered(model)
        case _:
            return model, ()


def _filter_entered(model: Model) -> Turn:
    if not any(isinstance(entry, TaskPlace) for entry in model.sidebar.entries):
        return told(model, "No task matches. Esc shows all of them.", is_bad=True), ()
    return open_entry(model)


def moved(model: Model, rows: int) -> Turn:
    """By so many rows, in whichever half the keys go to."""
    if model.help_at is not None:
        return replace(model, help_at=_scroll(model, model.help_at + rows)), ()
    if model.focus is Focus.SIDEBAR:
        return _pointed(model, rows), ()
    if isinstance(model.place, RunPlace) and not model.has_details:
        return scrolling.scrolled(model, rows)
    if isinstance(model.place, Debug):
        return _scrolled_back(model, model.position.at - rows), ()
    return _chosen(model, rows)


def _scroll(model: Model, at: int) -> int:
    return max(0, min(at, len(body(model) or ()) - main_sheet(model).rows))


def _scrolled_back(model: Model, at: int) -> Model:
    """In the daemon's log, which begins at its end."""
    on = main_sheet(model)
    most = max(0, debug.height(model, on.columns) - on.rows + 1)
    return replace(model, position=Position(at=max(0, min(at, most))))


def _pointed(model: Model, steps: int) -> Model:
    """To another entry of the sidebar, never a heading."""
    bar = model.sidebar
    places = [at for at, entry in enumerate(bar.entries) if not isinstance(entry, GroupName)]
    number = places.index(bar.at) if bar.at in places else 0
    return replace(model, sidebar=replace(bar, at=places[max(0, min(number + steps, len(places) - 1))]))


def _chosen(model: Model, steps: int) -> Turn:
    rows = body(model) or []
    choices = [at for at, row in enumerate(rows) if row.target is not None]
    if not choices:
        return replace(model, position=Position(at=_scroll(model, model.position.at + steps))), ()
    now = chosen(rows, model.position)
    number = max(0, min((choices.index(now) if now is not None else 0) + steps, len(choices) - 1))
    model = replace(model, position=Position(rows[choices[number]].target, number))
    return _more(model) if len(choices) - number < NEAR else (model, ())


def _more(model: Model) -> Turn:
    """The end of a list is near, and it goes on."""
    history, bell = model.history, model.bell
    if isinstance(model.place, TaskPlace) and history and history.cursor and not history.is_loading:
        if len(history.runs) >= MOST_RUNS:
            return model, ()
        loading = replace(model, history=replace(history, is_loading=True, trouble=""))
        return loading, fetched(AskRuns(history.name, history.cursor))
    if isinstance(model.place, Notices) and bell.cursor and not bell.is_loading:
        if len(bell.rows) >= MOST_NOTICES:
            return model, ()
        loading = replace(model, bell=replace(bell, is_loading=True, trouble=""))
        return loading, fetched(AskNotices(bell.cursor))
    return model, ()


def _page(model: Model) -> int:
    rows = main_sheet(model).rows
    if isinstance(model.place, RunPlace) and not model.has_details and model.focus is Focus.MAIN:
        rows = scrolling.rows(model)
    return max(1, rows - 1)


def _first(model: Model) -> Turn:
    if _is_log(model):
        return scrolling.to_begin(model)
    return moved(model, -1_000_000)


def _last(model: Model) -> Turn:
    if _is_log(model):
        return scrolling.to_end(model)
    return moved(model, 1_000_000)


def _is_log(model: Model) -> bool:
    """Whether keys go to the log of a run."""
    is_seen = isinstance(model.place, RunPlace) and not model.has_details and not model.is_helping
    return is_seen and model.focus is Focus.MAIN


def _left(model: Model) -> Turn:
    if _is_log(model) and not model.log.is_wrapped and model.log.column:
        return _sideways(model, -SIDEWAYS), ()
    if model.log.is_full:
        return model, ()
    return replace(model, focus=Focus.SIDEBAR), ()


def _right(model: Model) -> Turn:
    if model.focus is Focus.SIDEBAR:
        return open_entry(model)
    if _is_log(model):
        return _sideways(model, SIDEWAYS), ()
    return opened(model)


def _sideways(model: Model, columns: int) -> Model:
    if model.log.is_wrapped:
        return model
    most = max(model.log.column, scrolling.widest(model) - 1) if columns > 0 else model.log.column
    column = max(0, min(model.log.column + columns, most))
    return replace(model, log=replace(model.log, column=column))


def _other_half(model: Model) -> Turn:
    other = Focus.MAIN if model.focus is Focus.SIDEBAR else Focus.SIDEBAR
    return replace(model, focus=other, log=replace(model.log, is_full=False)), ()


def opened(model: Model) -> Turn:
    if model.focus is Focus.SIDEBAR:
        return open_entry(model)
    found = questions.target(model)
    place = questions.place_of(found)
    if isinstance(found, Notice):
        model, commands = _marked(model, found, is_read=True)
        model, more = go(model, place) if place else (model, ())
        return model, commands + more
    return go(model, place) if place else (model, ())


def open_entry(model: Model) -> Turn:
    entry = model.sidebar.entries[model.sidebar.at]
    if isinstance(entry, GroupName):
        return model, ()
    if entry == model.place:
        return replace(model, focus=Focus.MAIN), ()
    return go(model, entry, is_root=True)


def _back(model: Model) -> Turn:
    """What is over the rest goes first."""
    if model.is_helping:
        return replace(model, help_at=None), ()
    if model.focus is Focus.SIDEBAR:
        return (_filtered(model, "") if model.sidebar.filter else model), ()
    if model.log.is_full:
        return replace(model, log=replace(model.log, is_full=False)), ()
    if model.has_details:
        return _details(model)
    if model.log.search:
        return replace(model, log=replace(model.log, search=None)), ()
    return back(model)


def _search(model: Model) -> Turn:
    if _is_log(model):
        return replace(model, prompt=Prompt(Asking.SEARCH)), ()
    prompt = Prompt(Asking.FILTER, model.sidebar.filter)
    return replace(model, prompt=prompt, focus=Focus.SIDEBAR), ()


def _full(model: Model) -> Turn:
    is_full = not model.log.is_full
    log = replace(model.log, is_full=is_full)
    model = replace(model, focus=Focus.MAIN, has_details=False, log=log)
    return (
        told(model, "f or Esc leaves. The mouse marks text as in any terminal.") if is_full else model
    ), ()


def _save(model: Model) -> Turn:
    if not isinstance(model.place, RunPlace):
        return model, ()
    at = model.run.created_at if model.run else model.now.wall
    name = f"{model.place.name}_{utc(at):%Y%m%d_%H%M%S}.log"
    return replace(model, prompt=Prompt(Asking.SAVE, name)), ()


def _details(model: Model) -> Turn:
    if not isinstance(model.place, TaskPlace | RunPlace):
        return model, ()
    return replace(model, has_details=not model.has_details, position=Position(), focus=Focus.MAIN), ()


def _notices(model: Model) -> Turn:
    return (model, ()) if isinstance(model.place, Notices) else go(model, Notices())


def _help(model: Model) -> Turn:
    return replace(model, help_at=None if model.is_helping else 0), ()


def _password(model: Model) -> Turn:
    if not isinstance(model.place, Home):
        return model, ()
    return (replace(model, password=None), ()) if model.password is not None else (model, (TellPassword(),))


def _wrap(model: Model) -> Turn:
    return replace(model, log=replace(model.log, is_wrapped=not model.log.is_wrapped, column=0)), ()


def _times(model: Model) -> Turn:
    return replace(model, log=replace(model.log, has_times=not model.log.has_times)), ()


def _mark(model: Model) -> Turn:
    found = questions.target(model)
    return _marked(model, found, is_read=not found.is_read) if isinstance(found, Notice) else (model, ())


def _marked(model: Model, notice: Notice, *, is_read: bool) -> Turn:
    bell, commands = notices.marked(model.bell, notice, is_read=is_read)
    return replace(model, bell=bell), commands


def _mark_all(model: Model) -> Turn:
    bell, commands = notices.all_marked(model.bell)
    return replace(model, bell=bell), commands


INTENTS: dict[Intent, Callable[[Model], Turn]] = {
    Intent.UP: lambda model: moved(model, -1),
    Intent.DOWN: lambda model: moved(model, 1),
    Intent.LEFT: _left,
    Intent.RIGHT: _right,
    Intent.PAGE_UP: lambda model: moved(model, -_page(model)),
    Intent.PAGE_DOWN: lambda model: moved(model, _page(model)),
    Intent.FIRST: _first,
    Intent.LAST: _last,
    Intent.OPEN: opened,
    Intent.BACK: _back,
    Intent.OTHER_HALF: _other_half,
    Intent.SEARCH: _search,
    Intent.RUN: questions.run,
    Intent.STOP: questions.stop,
    Intent.DELETE: questions.delete,
    Intent.FULL: _full,
    Intent.SAVE: _save,
    Intent.DETAILS: _details,
    Intent.NOTICES: _notices,
    Intent.HELP: _help,
    Intent.QUIT: questions.leave,
    Intent.BROWSER: lambda model: (model, (OpenBrowser(),)),
    Intent.PASSWORD: _password,
    Intent.FOLLOW: scrolling.paused,
    Intent.WRAP: _wrap,
    Intent.TIMES: _times,
    Intent.NEXT_HIT: lambda model: scrolling.stepped(model, 1),
    Intent.LAST_HIT: lambda model: scrolling.stepped(model, -1),
    Intent.MARK: _mark,
    Intent.MARK_ALL: _mark_all,
    Intent.SUSPEND: lambda model: (model, (Suspend(),)),
    Intent.REDRAW: lambda model: (model, (Redraw(),)),
}

IN_HELP = {
    Intent.UP,
    Intent.DOWN,
    Intent.PAGE_UP,
    Intent.PAGE_DOWN,
    Intent.FIRST,
    Intent.LAST,
    Intent.BACK,
    Intent.HELP,
    Intent.SUSPEND,
    Intent.REDRAW,
}
