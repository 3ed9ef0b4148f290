"""The left half: Home, tasks by group with what each is doing, notifications, Info, Debug.

Pure. Called by ``view``, and by ``update`` for what is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from runwisp.console.cells import fitted
from runwisp.console.model import (
    Asking,
    Debug,
    Entry,
    Focus,
    GroupName,
    Home,
    InfoPlace,
    Model,
    Notices,
    Place,
    RunPlace,
    Sidebar,
    TaskPlace,
)
from runwisp.console.records import Task
from runwisp.console.state import ASCII, UNICODE, Signs, beside
from runwisp.console.style import Line, Tone
from runwisp.frozen import frozen

BEFORE: tuple[Entry, ...] = (Home(),)
AFTER: tuple[Entry, ...] = (GroupName(""), Notices(), InfoPlace(), Debug())
NAMES: dict[type, str] = {Home: "Home", Notices: "Notifications", InfoPlace: "Info", Debug: "Debug"}
NO_GROUP = "Tasks"


def entries(tasks: Mapping[str, Task], wanted: str) -> tuple[Entry, ...]:
    """Of tasks, those with every word of the filter in what they are, in the order of the file."""
    words = wanted.lower().split()
    groups: dict[str, list[Entry]] = {}
    for task in tasks.values():
        if all(word in _text(task) for word in words):
            groups.setdefault(task.group, []).append(TaskPlace(task.name))
    found: list[Entry] = [*BEFORE]
    for group, places in groups.items():
        found += [GroupName(group or NO_GROUP), *places]
    return (*found, *AFTER)


def _text(task: Task) -> str:
    return f"{task.name} {task.group} {task.description} {task.definition.get('run', '')}".lower()


def row_of(sidebar: Sidebar, rows: int) -> int:
    """The number of the entry in the uppermost row."""
    return max(0, min(sidebar.at - rows // 2, len(sidebar.entries) - rows))


def lines(model: Model, columns: int, rows: int) -> list[Line]:
    signs = UNICODE if model.is_unicode else ASCII
    is_asking = model.prompt is not None and model.prompt.asking is Asking.FILTER
    filtered = f" /{model.sidebar.filter}" if model.sidebar.filter or is_asking else ""
    head = [fitted(((filtered, Tone.KEY),), columns)] if filtered and rows > 3 else []
    room = rows - len(head)
    here = shown_as(model.place)
    shown = _Shown(here, model.focus is Focus.SIDEBAR, model.bell.unread, columns, room, signs)
    found = _lines(model.sidebar, shown)
    return [*head, *found]


def head_rows(model: Model, rows: int) -> int:
    """Rows above the entries."""
    is_asking = model.prompt is not None and model.prompt.asking is Asking.FILTER
    return 1 if (model.sidebar.filter or is_asking) and rows > 3 else 0


def shown_as(place: Place) -> Place:
    """The entry that a place belongs to."""
    return TaskPlace(place.name) if isinstance(place, RunPlace) else place


@frozen
class _Shown:
    """What decides how a sidebar looks."""

    here: Place
    has_focus: bool
    unread: int
    columns: int
    rows: int
    signs: Signs


@lru_cache(maxsize=8)  # a chatty log is drawn twenty times a second, and nothing changes here
def _lines(sidebar: Sidebar, shown: _Shown) -> tuple[Line, ...]:
    start = row_of(sidebar, shown.rows)
    found = []
    for number, entry in enumerate(sidebar.entries[start : start + shown.rows], start):
        is_chosen = number == sidebar.at and shown.has_focus
        line = _entry(entry, sidebar, shown)
        if is_chosen or entry == shown.here:
            tone = Tone.SELECTED if is_chosen else Tone.CHOSEN
            mark = ">" if is_chosen else " "
            text = mark + "".join(text for text, _ in line)[1:]
            found.append(fitted(((text, tone),), shown.columns, tone))
        else:
            found.append(fitted(line, shown.columns))
    return tuple(found + [fitted((), shown.columns)] * (shown.rows - len(found)))


def _entry(entry: Entry, sidebar: Sidebar, shown: _Shown) -> Line:
    if isinstance(entry, GroupName):
        return ((f" {entry.name}", Tone.DIM),)
    if isinstance(entry, TaskPlace):
        state = beside(sidebar.tasks[entry.name])
        return ((f" {state.sign(shown.signs)} ", state.tone), (entry.name, Tone.PLAIN))
    name = NAMES[type(entry)]
    counted = f" ({shown.unread})" if isinstance(entry, Notices) and shown.unread else ""
    return ((f" {name}", Tone.TITLE), (counted, Tone.WARN))
