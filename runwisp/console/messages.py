"""What can happen to the console, and what it then wants done.

Pure. The two closed unions between ``update`` on the one side and ``main``, ``screen`` and ``remote`` on the
other. Called by all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from runwisp.clock import Now, Wall
from runwisp.console.requests import Action, Ask, Stream
from runwisp.frozen import frozen


@frozen
class Key:
    """One key. ``name`` is the character itself, or one of: enter escape tab shift-tab backspace delete up
    down left right home end page-up page-down, or ``ctrl-`` and a letter. Everything else is passed over.
    """

    name: str


@frozen
class Pasted:
    """Text that came in one piece, not typed as keys."""

    text: str


class MouseKind(StrEnum):
    PRESS = "press"
    WHEEL_UP = "wheel-up"
    WHEEL_DOWN = "wheel-down"


@frozen
class Mouse:
    """Both from 0, at the upper left."""

    kind: MouseKind
    column: int
    row: int


@frozen
class Resized:
    columns: int
    rows: int


@frozen
class Tick:
    """What time it is. Comes before whatever came together with it, and when ``update.next_tick`` says so."""

    now: Now


@frozen
class Answered:
    """``found``: the JSON."""

    ask: Ask
    found: Any


@frozen
class Refused:
    """The daemon did not give what was asked for. ``code`` is that of the error; ``text`` says what to do."""

    ask: Ask
    code: str
    text: str


@frozen
class Done:
    """``found``: the JSON, None where there is none."""

    action: Action
    found: Any


@frozen
class NotDone:
    action: Action
    code: str
    text: str


@frozen
class Opened:
    """A stream is (again) there. After that of the runs was lost, everything is asked for anew."""

    stream: Stream


@frozen
class Came:
    """Events of a stream in their order, kind and data (JSON) each; many in one message."""

    stream: Stream
    events: Sequence[tuple[bytes, bytes]]


@frozen
class Lost:
    """A stream broke off and is taken up again by itself, next at ``retry_at``."""

    stream: Stream
    text: str
    retry_at: Wall


@frozen
class Failed:
    """A stream broke off for good."""

    stream: Stream
    code: str
    text: str


@frozen
class PasswordTold:
    """Empty where it is not known here."""

    text: str


@frozen
class NoBrowser:
    """There is none that could be opened at ``url``."""

    url: str


@frozen
class Told:
    """Something to be read once: a log was saved, a browser was opened, or could not be."""

    text: str
    is_bad: bool = False


Message = (
    Key
    | Pasted
    | Mouse
    | Resized
    | Tick
    | Answered
    | Refused
    | Done
    | NotDone
    | Opened
    | Came
    | Lost
    | Failed
    | PasswordTold
    | NoBrowser
    | Told
)


@frozen
class Fetch:
    """Answered by ``Answered`` or ``Refused``."""

    ask: Ask


@frozen
class Act:
    """Answered by ``Done`` or ``NotDone``."""

    action: Action


@frozen
class Follow:
    """Until ``Unfollow`` of the same stream."""

    stream: Stream


@frozen
class Unfollow:
    stream: Stream


@frozen
class Retry:
    """All streams that are lost, at once."""


@frozen
class SaveLog:
    """The whole text of a log into a new file at ``path``, as a person typed it. Answered by ``Told``."""

    name: str
    run_id: str
    path: str


@frozen
class OpenBrowser:
    """Already logged in, or ``Told`` the address where there is no browser."""


@frozen
class TellPassword:
    """Answered by ``PasswordTold``."""


@frozen
class Suspend:
    """What ctrl-Z does to any other program."""


@frozen
class Redraw:
    """All of the screen, as something else has written on it."""


@frozen
class Quit:
    """``wants_stop``: the daemon that was started for this console is to end as well."""

    wants_stop: bool = False


Command = (
    Fetch | Act | Follow | Unfollow | Retry | SaveLog | OpenBrowser | TellPassword | Suspend | Redraw | Quit
)
