"""What a message changes, and what the console then wants done.

Pure: a model and a message in, a model and commands out. Called by ``main``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from runwisp.clock import Now
from runwisp.console import answers, questions, streams
from runwisp.console.going import Turn, fetched, of_place, sampled, told
from runwisp.console.keyboard import pasted, pressed
from runwisp.console.messages import (
    Answered,
    Came,
    Command,
    Done,
    Failed,
    Follow,
    Key,
    Lost,
    Message,
    Mouse,
    NoBrowser,
    NotDone,
    Opened,
    PasswordTold,
    Pasted,
    Refused,
    Resized,
    Tick,
    Told,
)
from runwisp.console.model import Home, Model, RunPlace, Sidebar
from runwisp.console.mouse import pointed
from runwisp.console.requests import AskNotices, AskTail, AskTask, AskTasks, NoticesStream, RunsStream
from runwisp.console.ticking import next_tick
from runwisp.console.views.sidebar import entries

FEW = 4
"""Tasks that are asked for one by one; more are asked for all together."""


def begin(
    *,
    url: str,
    columns: int,
    rows: int,
    is_unicode: bool,
    has_colour: bool,
    has_started_daemon: bool,
    now: Now,
) -> Turn:
    """The model before anything has happened. What it shows is asked for once the stream of runs is open."""
    model = Model(
        url=url,
        columns=columns,
        rows=rows,
        is_unicode=is_unicode,
        has_colour=has_colour,
        has_started_daemon=has_started_daemon,
        now=now,
        sidebar=Sidebar(entries({}, ""), {}),
    )
    return sampled(model), (Follow(RunsStream()), Follow(NoticesStream()))


def update(model: Model, message: Message) -> Turn:
    match message:
        case Tick(now):
            return _ticked(replace(model, now=now))
        case Key(name):
            return pressed(model, name)
        case Mouse():
            return pointed(model, message)
        case Pasted(text):
            return pasted(model, text)
        case Resized(columns, rows):
            return replace(model, columns=columns, rows=rows), ()
        case PasswordTold(text):
            return (replace(model, password=text) if isinstance(model.place, Home) else model), ()
        case NoBrowser(url):
            return questions.without_browser(model, url), ()
        case Told(text, is_bad):
            return told(model, text, is_bad=is_bad), ()
        case _:
            return _of_daemon(model, message)


def _of_daemon(
    model: Model, message: Answered | Refused | Done | NotDone | Opened | Came | Lost | Failed
) -> Turn:
    match message:
        case Answered():
            return answers.answered(model, message)
        case Refused():
            return answers.refused(model, message)
        case Done():
            return answers.done(model, message)
        case NotDone():
            return answers.not_done(model, message)
        case Opened():
            return streams.opened(model, message)
        case Came():
            return streams.came(model, message)
        case Lost():
            return streams.lost(model, message)
        case Failed():
            return streams.failed(model, message)
        case _ as never:
            assert_never(never)


def _ticked(model: Model) -> Turn:
    """What is due is asked for, but not while nobody would answer."""
    now, due = model.now.mono, model.due
    if model.flash and model.flash.until <= now:
        model = replace(model, flash=None)
    commands: tuple[Command, ...] = ()
    if due.system is not None and due.system <= now:
        commands += () if model.lost else fetched(*of_place(model.place))
        model = sampled(model)
    if due.tasks is not None and due.tasks <= now:
        names = sorted(model.stale)
        commands += fetched(*map(AskTask, names)) if len(names) <= FEW else fetched(AskTasks())
        model = replace(model, stale=frozenset(), due=replace(model.due, tasks=None))
    if due.tail is not None and due.tail <= now:
        if isinstance(model.place, RunPlace) and model.log.top is None and not model.lost:
            commands += fetched(AskTail(model.place.name, model.place.run_id))
        model = replace(model, due=replace(model.due, tail=None))
    if due.bell is not None and due.bell <= now:
        commands += fetched(AskNotices())
        model = replace(model, due=replace(model.due, bell=None))
    return model, commands


__all__ = ["Turn", "begin", "next_tick", "update"]
