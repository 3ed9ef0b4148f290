"""All that the console knows: a value that ``update`` makes anew and ``view`` draws.

Pure. Owns what there is to know, and no decision. Called by the rest of the console.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from runwisp.clock import Now, Wall
from runwisp.console.logwindow import Window
from runwisp.console.records import Firing, Info, LogLine, Notice, Run, Sample, System, Task
from runwisp.console.requests import Action
from runwisp.frozen import frozen


@frozen
class Home:
    pass


@frozen
class TaskPlace:
    name: str


@frozen
class RunPlace:
    name: str
    run_id: str


@frozen
class Notices:
    pass


@frozen
class InfoPlace:
    pass


@frozen
class Debug:
    pass


Place = Home | TaskPlace | RunPlace | Notices | InfoPlace | Debug


class Focus(StrEnum):
    """The half of the screen that keys go to."""

    SIDEBAR = "sidebar"
    MAIN = "main"


@frozen
class GroupName:
    """A heading of the sidebar, which cannot be chosen."""

    name: str


Entry = Place | GroupName


@frozen(eq=False)
class Sidebar:
    """``entries`` are those that the filter leaves; ``at`` is the chosen one. Invariant: it is a place."""

    entries: tuple[Entry, ...]
    tasks: Mapping[str, Task]
    at: int = 0
    filter: str = ""


Target = Place | Notice
"""What a line in the main half stands for."""


@frozen
class Position:
    """In the main half: the chosen target, and its number in case it goes away; or how far it is scrolled,
    where there is nothing to choose."""

    target: Target | None = None
    at: int = 0


class Asking(StrEnum):
    """What a line of text is asked for."""

    FILTER = "filter"
    SEARCH = "search"
    SAVE = "save"


@frozen
class Prompt:
    asking: Asking
    text: str = ""


@frozen
class Choice:
    """An answer to a question: its key, its words and what then happens. ``leaves`` is whether the console
    ends, ``stops_daemon`` whether the daemon does as well."""

    key: str
    words: str
    action: Action | None = None
    leaves: bool = False
    stops_daemon: bool = False


@frozen
class Question:
    """Enter takes the first of the choices; Esc takes none. Without any it is something to be read."""

    title: str
    text: str
    choices: tuple[Choice, ...]


@frozen
class Flash:
    """Shown until ``until``, of the monotonic clock, or the next key."""

    text: str
    is_bad: bool
    until: int


@frozen
class Disconnected:
    since: Wall
    retry_at: Wall
    text: str


@frozen
class History:
    """The runs of the task that is shown, newest first. ``cursor``: where the list goes on."""

    name: str
    runs: tuple[Run, ...] = ()
    cursor: str = ""
    is_loaded: bool = False
    is_loading: bool = False
    trouble: str = ""


@frozen
class Search:
    """In the log that is shown. ``hits`` are numbers of lines, ascending; ``at`` the one that was gone to."""

    text: str
    hits: tuple[int, ...] = ()
    at: int | None = None
    has_more: bool = False
    is_busy: bool = True
    trouble: str = ""


@frozen
class Top:
    """The uppermost row of a log: row ``row`` of what line ``line`` becomes when it is wrapped."""

    line: int
    row: int = 0


@frozen
class Log:
    """The log of the run that is shown.

    ``top`` None is the end, followed. ``stream_from``: the stream of it that is followed began there; None
    while there is none. ``seeking``: a line that is fetched to be shown. ``page_lines``: so many are asked
    for at once, fewer where they are long. ``tail``: a line after those held whose end has not come yet.
    """

    window: Window = field(default_factory=Window)
    tail: LogLine | None = None
    top: Top | None = None
    stream_from: int | None = None
    seeking: int | None = None
    page_lines: int = 1000
    is_fetching: bool = False
    is_loaded: bool = False
    is_finished: bool = False
    is_wrapped: bool = True
    has_times: bool = False
    is_full: bool = False
    column: int = 0
    search: Search | None = None
    trouble: str = ""
    trouble_code: str = ""


@frozen
class Bell:
    """Rows, the one that happened last in front."""

    rows: tuple[Notice, ...] = ()
    unread: int = 0
    cursor: str = ""
    is_loaded: bool = False
    is_loading: bool = False
    trouble: str = ""


@frozen
class DaemonLog:
    lines: tuple[str, ...] = ()
    trouble: str = ""


@frozen
class Due:
    """When, on the monotonic clock, something is asked for again; None while nothing is."""

    system: int | None = None
    tasks: int | None = None
    """Tasks of which a run changed: what runs do not tell is asked for a little later."""
    bell: int | None = None
    """Of an old row it is not known whether it was counted as unread."""
    tail: int | None = None
    """A log has been silent, perhaps in the middle of a line, such as a question or a progress bar."""


@frozen(kw_only=True)
class Model:
    """Invariants: ``run`` and ``log`` are of a place that is a run; ``history`` of one that is a task."""

    url: str
    columns: int
    rows: int
    is_unicode: bool
    has_colour: bool
    has_started_daemon: bool
    now: Now

    place: Place = field(default_factory=Home)
    trail: tuple[tuple[Place, Position], ...] = ()
    """Where Esc leads, the last one first to be left to."""
    focus: Focus = Focus.SIDEBAR
    sidebar: Sidebar
    position: Position = field(default_factory=Position)
    prompt: Prompt | None = None
    question: Question | None = None
    help_at: int | None = None
    """How far the help is scrolled; None while it is not shown."""
    has_details: bool = False
    flash: Flash | None = None
    lost: Disconnected | None = None
    password: str | None = None

    is_loaded: bool = False
    trouble: str = ""
    info: Info | None = None
    system: System | None = None
    samples: tuple[Sample, ...] = ()
    tasks: Mapping[str, Task] = field(default_factory=dict)
    active: Mapping[str, Run] = field(default_factory=dict)
    recent: tuple[Run, ...] = ()
    stale: frozenset[str] = frozenset()
    firings: tuple[Firing, ...] = ()
    history: History | None = None
    run: Run | None = None
    run_trouble: str = ""
    log: Log = field(default_factory=Log)
    bell: Bell = field(default_factory=Bell)
    daemon_log: DaemonLog = field(default_factory=DaemonLog)
    due: Due = field(default_factory=Due)

    @property
    def is_helping(self) -> bool:
        return self.help_at is not None

    @property
    def has_mouse(self) -> bool:
        """False where the terminal's own marking and copying is wanted."""
        return not self.log.is_full
