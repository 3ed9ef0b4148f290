"""What streams tell: runs as they change, notices, the daemon's log and that of a run.

Pure. Called by ``update``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from runwisp.clock import SECOND, Mono
from runwisp.console import notices, records, scrolling
from runwisp.console.answers import STRANGE
from runwisp.console.cells import wrapped
from runwisp.console.going import Turn, everything, fetched, log_stream, told
from runwisp.console.inks import inked
from runwisp.console.logwindow import rotated
from runwisp.console.messages import Came, Command, Failed, Lost, Opened, Unfollow
from runwisp.console.model import DaemonLog, Debug, Disconnected, Model, RunPlace
from runwisp.console.records import UNREADABLE, Run
from runwisp.console.requests import (
    AskNotices,
    DaemonLogStream,
    LogStream,
    NoticesStream,
    RunsStream,
)
from runwisp.console.runs import deleted, kept
from runwisp.console.view import main_sheet
from runwisp.console.words import count

SOON = 1 * SECOND
LATER = 5 * SECOND
FEW = 4
MOST_DAEMON_LINES = 2000

Events = Sequence[tuple[bytes, bytes]]


def opened(model: Model, message: Opened) -> Turn:
    match message.stream:
        case RunsStream():
            return everything(replace(model, lost=None, trouble=""))
        case NoticesStream():
            return model, fetched(AskNotices())
        case LogStream():
            is_growing = model.run is not None and not model.run.has_ended
            if is_growing and _is_here(model, message.stream):
                return scrolling.listening(replace(model, log=replace(model.log, is_loaded=True))), ()
    return model, ()


def lost(model: Model, message: Lost) -> Turn:
    """That of the runs tells of the connection; the others come back with it."""
    if not isinstance(message.stream, RunsStream):
        return model, ()
    since = model.lost.since if model.lost else model.now.wall
    return replace(model, lost=Disconnected(since, message.retry_at, message.text)), ()


def failed(model: Model, message: Failed) -> Turn:
    """A daemon that gives no stream may give all the rest."""
    match message.stream:
        case RunsStream():
            return everything(replace(model, lost=None, trouble=message.text))
        case DaemonLogStream():
            return replace(model, daemon_log=replace(model.daemon_log, trouble=message.text)), ()
        case LogStream() as stream if _is_here(model, stream):
            log = replace(model.log, stream_from=None, is_loaded=True, is_finished=True)
            log = replace(log, trouble=message.text, trouble_code=message.code)
            return replace(model, log=log), ()
        case LogStream():
            return model, ()
        case NoticesStream():
            return replace(model, bell=replace(model.bell, trouble=message.text)), ()


def came(model: Model, message: Came) -> Turn:
    try:
        return _came(model, message)
    except UNREADABLE:
        return told(model, STRANGE, is_bad=True), ()


def _came(model: Model, message: Came) -> Turn:
    match message.stream:
        case LogStream() as stream:
            return _log(model, message.events) if _is_here(model, stream) else (model, ())
        case RunsStream():
            return _runs(model, message.events)
        case NoticesStream():
            return _notices(model, message.events)
        case DaemonLogStream():
            return _daemon_log(model, message.events), ()


def _is_here(model: Model, stream: LogStream) -> bool:
    """Whether it is the one that is followed now, not one that was left."""
    place, first = model.place, model.log.stream_from
    return isinstance(place, RunPlace) and first is not None and stream == log_stream(place, first)


def _log(model: Model, events: Events) -> Turn:
    commands: tuple[Command, ...] = ()
    for kind, group in groupby(events, key=itemgetter(0)):
        data = [data for _, data in group]
        model, more = _log_events(model, kind, data)
        commands += more
        if model.log.stream_from is None:  # what follows would leave a hole
            break
    return model, commands


def _log_events(model: Model, kind: bytes, data: Sequence[bytes]) -> Turn:
    match kind:
        case b"line":
            return scrolling.came(model, data)
        case b"dropped":
            left_out = sum(int(records.event(each)["count"]) for each in data)
            text = (
                f"{count(left_out)} lines came too fast to be shown. Scroll up to read those that are kept."
            )
            return (told(model, text) if model.log.top is None else model), ()
        case b"rotated":
            first = int(records.event(data[-1])["first_available"])
            window = rotated(model.log.window, first)
            return replace(model, log=replace(model.log, window=window)), ()
        case b"done":
            return _log_done(model, records.run(records.event(data[-1])))
        case _:
            return model, ()


def _log_done(model: Model, run: Run) -> Turn:
    place, first = model.place, model.log.stream_from
    log = replace(model.log, stream_from=None, tail=None, is_loaded=True, is_finished=True)
    model = replace(model, run=run, log=log, due=replace(model.due, tail=None))
    if not isinstance(place, RunPlace) or first is None:
        return model, ()
    return model, (Unfollow(log_stream(place, first)),)


def _runs(model: Model, events: Events) -> Turn:
    commands: tuple[Command, ...] = ()
    if any(kind == b"reload" for kind, _ in events):
        model, commands = everything(model)
    changed = [(kind, records.event(data)) for kind, data in events if kind.startswith(b"run.")]
    runs = [records.run(found) for kind, found in changed if kind != b"run.deleted"]
    gone = [str(found["id"]) for kind, found in changed if kind == b"run.deleted"]
    model = deleted(kept(model, runs), gone)
    return _stale(model, {str(found["task_name"]) for _, found in changed}), commands


def _stale(model: Model, names: set[str]) -> Model:
    """What runs do not tell of their tasks, the next firing and rates, is asked for a little later."""
    names = names & model.tasks.keys()  # there may be runs of tasks that were
    if not names:
        return model
    stale = model.stale | names
    wait = SOON if len(stale) <= FEW else LATER
    due = model.due.tasks or Mono(model.now.mono + wait)
    return replace(model, stale=stale, due=replace(model.due, tasks=due))


def _notices(model: Model, events: Events) -> Turn:
    if any(kind == b"reload" for kind, _ in events):
        return model, fetched(AskNotices())
    rows = [records.notice(records.event(data)) for kind, data in events if kind == b"notice"]
    bell, is_unsure = notices.heard(model.bell, rows)
    due = model.due.bell or (Mono(model.now.mono + SOON) if is_unsure else None)
    return replace(model, bell=bell, due=replace(model.due, bell=due)), ()


def _daemon_log(model: Model, events: Events) -> Model:
    if not isinstance(model.place, Debug):
        return model
    begins_at = max((at for at, (kind, _) in enumerate(events) if kind == b"reload"), default=None)
    if begins_at is not None:
        events = events[begins_at:]
        model = replace(model, daemon_log=DaemonLog(), position=replace(model.position, at=0))
    lines = [_daemon_line(kind, data) for kind, data in events if kind in (b"line", b"dropped")]
    log = DaemonLog((*model.daemon_log.lines, *lines)[-MOST_DAEMON_LINES:])
    at = model.position.at
    if at:  # what is read stays where it is
        columns = max(2, main_sheet(model).columns)
        at += sum(len(list(wrapped(inked(line), columns))) for line in lines)
    return replace(model, daemon_log=log, position=replace(model.position, at=at))


def _daemon_line(kind: bytes, data: bytes) -> str:
    found = records.event(data)
    return str(found["text"]) if kind == b"line" else f"[{count(int(found['count']))} lines left out]"
