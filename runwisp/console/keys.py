"""Which key means what, where.

Pure. Owns the one table that keys are looked up in, hints are made of and the help shows. Called by
``update`` and the views.
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto

from runwisp.console.model import Debug, Home, InfoPlace, Notices, Place, RunPlace, TaskPlace
from runwisp.frozen import frozen


class Where(StrEnum):
    EVERYWHERE = "Everywhere"
    TASK = "Tasks and services"
    RUN = "A run and its log"
    NOTICES = "Notifications"


class Intent(Enum):
    """What a person wants, whatever the key."""

    UP = auto()
    DOWN = auto()
    LEFT = auto()
    RIGHT = auto()
    PAGE_UP = auto()
    PAGE_DOWN = auto()
    FIRST = auto()
    LAST = auto()
    OPEN = auto()
    BACK = auto()
    OTHER_HALF = auto()
    SEARCH = auto()
    RUN = auto()
    STOP = auto()
    DELETE = auto()
    FULL = auto()
    SAVE = auto()
    DETAILS = auto()
    NOTICES = auto()
    HELP = auto()
    QUIT = auto()
    BROWSER = auto()
    PASSWORD = auto()
    FOLLOW = auto()
    WRAP = auto()
    TIMES = auto()
    NEXT_HIT = auto()
    LAST_HIT = auto()
    MARK = auto()
    MARK_ALL = auto()
    SUSPEND = auto()
    REDRAW = auto()


@frozen
class Binding:
    """``hint``: a word for the last line of the screen; empty where it is in the help alone."""

    keys: tuple[str, ...]
    intent: Intent
    words: str
    where: Where = Where.EVERYWHERE
    hint: str = ""


BINDINGS = (
    Binding(("up", "k"), Intent.UP, "Up"),
    Binding(("down", "j"), Intent.DOWN, "Down"),
    Binding(("left", "h"), Intent.LEFT, "To the sidebar; in a log that is not wrapped, to the left"),
    Binding(
        ("right", "l"), Intent.RIGHT, "Open, or to the right half; in a log that is not wrapped, to the right"
    ),
    Binding(("tab", "shift-tab"), Intent.OTHER_HALF, "To the other half"),
    Binding(("page-up", "ctrl-b", "ctrl-u"), Intent.PAGE_UP, "A page up"),
    Binding(("page-down", "ctrl-f", "ctrl-d"), Intent.PAGE_DOWN, "A page down"),
    Binding(("g", "home"), Intent.FIRST, "To the beginning"),
    Binding(("G", "end"), Intent.LAST, "To the end; a log is followed from there on"),
    Binding(("enter",), Intent.OPEN, "Open", hint="open"),
    Binding(("escape", "backspace"), Intent.BACK, "Back", hint="back"),
    Binding(("/",), Intent.SEARCH, "Filter the sidebar; search in a log", hint="filter"),
    Binding(
        ("r",), Intent.RUN, "Run the task; restart or start the service; retry a lost connection", hint="run"
    ),
    Binding(
        ("s",), Intent.STOP, "Stop the run that is shown or chosen, the task or the service", hint="stop"
    ),
    Binding(("x",), Intent.DELETE, "Delete the run that is shown or chosen"),
    Binding(
        ("i",),
        Intent.DETAILS,
        "All there is to know: the definition of a task, the facts of a run",
        hint="details",
    ),
    Binding(("n",), Intent.NOTICES, "Notifications", hint="notifications"),
    Binding(("p",), Intent.PASSWORD, "Show or hide the password, at Home"),
    Binding(("b",), Intent.BROWSER, "Open the dashboard in a browser, logged in", hint="browser"),
    Binding(("?",), Intent.HELP, "All keys", hint="keys"),
    Binding(("q", "ctrl-c"), Intent.QUIT, "Quit", hint="quit"),
    Binding(("ctrl-z",), Intent.SUSPEND, "Back to the shell; fg returns"),
    Binding(("ctrl-l",), Intent.REDRAW, "Draw the screen anew"),
    Binding((" ",), Intent.FOLLOW, "Pause, or follow again", Where.RUN, hint="follow"),
    Binding(("f",), Intent.FULL, "The log alone on the screen, to copy from it", Where.RUN, hint="full"),
    Binding(("d",), Intent.SAVE, "Save the log to a file", Where.RUN, hint="save"),
    Binding(("w",), Intent.WRAP, "Wrap long lines, or not", Where.RUN),
    Binding(("t",), Intent.TIMES, "Show when each line came, or not", Where.RUN),
    Binding((".",), Intent.NEXT_HIT, "Next line that was found", Where.RUN),
    Binding((",",), Intent.LAST_HIT, "The line found before", Where.RUN),
    Binding((" ",), Intent.MARK, "Mark as read, or as unread", Where.NOTICES, hint="read"),
    Binding(("a",), Intent.MARK_ALL, "Mark all as read", Where.NOTICES, hint="all read"),
)

WHERE: dict[type, Where] = {
    Home: Where.EVERYWHERE,
    TaskPlace: Where.TASK,
    RunPlace: Where.RUN,
    Notices: Where.NOTICES,
    InfoPlace: Where.EVERYWHERE,
    Debug: Where.EVERYWHERE,
}

TABLE = {(binding.where, key): binding.intent for binding in BINDINGS for key in binding.keys}

NAMES = {
    " ": "Space",
    "enter": "Enter",
    "escape": "Esc",
    "backspace": "Backspace",
    "tab": "Tab",
    "shift-tab": "Shift-Tab",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "page-up": "PgUp",
    "page-down": "PgDn",
    "home": "Home",
    "end": "End",
}


def intent(key: str, place: Place) -> Intent | None:
    """None for a key that means nothing here."""
    return TABLE.get((WHERE[type(place)], key)) or TABLE.get((Where.EVERYWHERE, key))


def spelled(key: str) -> str:
    """As it is written on a keyboard."""
    if key.startswith("ctrl-"):
        return f"Ctrl-{key[-1].upper()}"
    return NAMES.get(key, key)
