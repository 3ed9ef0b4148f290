"""From place to place: what is asked for where one arrives, and what ends where one leaves.

Pure. Called by ``update`` and its parts.
"""

from __future__ import annotations

from dataclasses import replace

from runwisp.clock import SECOND, Mono
from runwisp.console.messages import Command, Fetch, Follow, Unfollow
from runwisp.console.model import (
    DaemonLog,
    Debug,
    Flash,
    Focus,
    History,
    Home,
    InfoPlace,
    Log,
    Model,
    Notices,
    Place,
    Position,
    RunPlace,
    TaskPlace,
)
from runwisp.console.records import Run
from runwisp.console.requests import (
    Ask,
    AskActive,
    AskFirings,
    AskInfo,
    AskNotices,
    AskRecent,
    AskRun,
    AskRuns,
    AskSamples,
    AskSystem,
    AskTasks,
    DaemonLogStream,
    LogStream,
)
from runwisp.console.views.sidebar import shown_as

Turn = tuple[Model, tuple[Command, ...]]

LAST_LINES = 1000
"""Of a log that is opened."""

SAMPLED_EVERY = 10 * SECOND
"""The daemon looks at its machine as often; there is no stream of it."""

LONGEST_TRAIL = 50
FLASHED_FOR = 8 * SECOND


def joined(model: Model, *commands: Command) -> Turn:
    return model, commands


def told(model: Model, text: str, *, is_bad: bool = False) -> Model:
    """With something to be read once."""
    return replace(model, flash=Flash(text, is_bad, model.now.mono + FLASHED_FOR))


def go(model: Model, place: Place, *, is_root: bool = False) -> Turn:
    """``is_root``: Esc leads to the sidebar from there, as it was chosen in it."""
    trail = () if is_root else (*model.trail, (model.place, model.position))[-LONGEST_TRAIL:]
    return _arrive(replace(model, trail=trail, focus=Focus.MAIN), place, Position())


def back(model: Model) -> Turn:
    if not model.trail:
        return replace(model, focus=Focus.SIDEBAR), ()
    place, position = model.trail[-1]
    return _arrive(replace(model, trail=model.trail[:-1], focus=Focus.MAIN), place, position)


def _arrive(model: Model, place: Place, position: Position) -> Turn:
    left = leaving(model)
    model = replace(
        model,
        place=place,
        position=position,
        has_details=False,
        password=None,
        run=None,
        run_trouble="",
        log=Log(is_wrapped=model.log.is_wrapped, has_times=model.log.has_times),
        due=replace(model.due, system=None, tail=None),
    )
    model = _pointed(model)
    model, commands = _arrived(model, place)
    return model, left + commands


def leaving(model: Model) -> tuple[Command, ...]:
    """What is followed for the sake of this place alone ends."""
    if isinstance(model.place, RunPlace) and model.log.stream_from is not None:
        return (Unfollow(log_stream(model.place, model.log.stream_from)),)
    return (Unfollow(DaemonLogStream()),) if isinstance(model.place, Debug) else ()


def log_stream(place: RunPlace, first: int) -> LogStream:
    return LogStream(place.name, place.run_id, first)


def _pointed(model: Model) -> Model:
    """The sidebar shows where one is, if that is in it."""
    entry = shown_as(model.place)
    if entry not in model.sidebar.entries:
        return model
    return replace(model, sidebar=replace(model.sidebar, at=model.sidebar.entries.index(entry)))


def _arrived(model: Model, place: Place) -> Turn:
    match place:
        case TaskPlace(name):
            model = replace(model, history=_history(model, name), firings=())
            return model, fetched(*of_place(place))
        case RunPlace(name, run_id):
            commands = fetched(*of_place(place))
            history = _history(model, name)
            log = replace(model.log, stream_from=-LAST_LINES)
            model = replace(model, history=history, run=known_run(model, run_id), log=log)
            return model, (*commands, Follow(log_stream(place, -LAST_LINES)))
        case Debug():
            return replace(model, daemon_log=DaemonLog()), (Follow(DaemonLogStream()),)
        case Home() | InfoPlace():
            return sampled(model), fetched(*of_place(place))
        case Notices():
            return model, ()


def of_place(place: Place) -> tuple[Ask, ...]:
    """What a place shows and no stream tells."""
    match place:
        case TaskPlace(name):
            return AskRuns(name), AskFirings(name)
        case RunPlace(name, run_id):
            return AskRun(name, run_id), AskRuns(name)
        case Home():
            return (AskInfo(),)
        case InfoPlace():
            return AskInfo(), AskSystem(), AskSamples()
        case Notices() | Debug():
            return ()


def everything(model: Model) -> Turn:
    """Anew, as something may have been missed."""
    always = (AskInfo(), AskTasks(), AskActive(), AskRecent(), AskNotices())
    here = tuple(ask for ask in of_place(model.place) if ask not in always)
    return model, fetched(*always, *here)


def sampled(model: Model) -> Model:
    """What no stream tells is asked for again in a while."""
    return replace(model, due=replace(model.due, system=Mono(model.now.mono + SAMPLED_EVERY)))


def fetched(*asks: Ask) -> tuple[Command, ...]:
    return tuple(map(Fetch, asks))


def _history(model: Model, name: str) -> History:
    """What is known of it already is shown until the answer comes."""
    if model.history and model.history.name == name:
        return replace(model.history, is_loading=True, trouble="")
    return History(name, is_loading=True)


def known_run(model: Model, run_id: str) -> Run | None:
    found = model.active.get(run_id)
    known = (*(model.history.runs if model.history else ()), *model.recent)
    return found or next((run for run in known if run.id == run_id), None)
