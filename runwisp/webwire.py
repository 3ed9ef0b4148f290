"""What daemon and web say to each other.

Web asks, the daemon decides; everything that changes is told to web as it happens, so that web can answer
without asking. Runs travel as ``runmeta.row_of`` makes them, instants as in ``clock``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from runwisp.frozen import frozen
from runwisp.packet import Kinds, kinds_of


class Health(StrEnum):
    STARTING = "starting"
    OK = "ok"
    DEGRADED = "degraded"
    STOPPING = "stopping"


@frozen(kw_only=True)
class Briefing:
    """Everything that web is to know when it starts. Too long for a packet, it travels as JSON in a memory
    file beside ``Welcome``.

    ``data_dir`` and ``config_path`` are absolute. ``host`` is an address, also where a name was given.
    ``started_mono`` is on the clock that all processes of the machine share. ``token_secret`` is in hex;
    ``revoked_tokens`` are ids of tokens that no longer count. ``trusted_proxies`` are networks.
    ``deliveries`` are the fields of ``Deliveries``.
    ``definitions`` are in the order of the file, secrets masked, with the keys of ``runwisp.toml`` and
    ``name`` and ``kind``; lengths in milliseconds. ``tasks`` has the fields of ``TaskChanged`` and
    ``processes`` those of ``Processes``. ``log_lines`` are the last of the daemon's log, which has the
    records of ``log_level`` and above in ``log_format``.
    """

    data_dir: str
    fingerprint: str
    host: str
    port: int
    started_at: int
    started_mono: int
    config_path: str
    config_digest: str
    config_loaded_at: int
    timezone: str
    timezone_source: str
    external_url: str | None
    token_secret: str
    revoked_tokens: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    definitions: tuple[Mapping[str, Any], ...]
    tasks: tuple[tuple[str, int | None, bool], ...]
    unfinished: tuple[Mapping[str, Any], ...]
    processes: tuple[tuple[str, int], ...]
    deliveries: tuple[int, int]
    health: Health
    health_reason: str
    log_lines: tuple[str, ...]
    log_level: str
    log_format: str


# What the daemon says


@frozen
class Welcome:
    """The first word. Beside it the listening socket, and the memory file with the ``Briefing``."""


@frozen
class RunSaved:
    """A run as it stands since now, committed unless the history cannot be written, as ``HealthChanged``
    tells. Of several changes that web has not taken yet only the last is told."""

    run: Mapping[str, Any]


@frozen
class RunsDeleted:
    task_name: str
    run_ids: tuple[str, ...]


@frozen
class TaskChanged:
    """``is_stopped``: a service that was stopped by hand."""

    task_name: str
    next_run_at: int | None
    is_stopped: bool


@frozen
class Processes:
    """The daemon and its helpers, as role and pid."""

    processes: tuple[tuple[str, int], ...]


@frozen
class Deliveries:
    """Messages on their way, and how many the queue had no room for since the daemon started."""

    waiting: int
    dropped: int


@frozen
class HealthChanged:
    """``reason`` is what is wrong, for a person; empty while nothing is."""

    health: Health
    reason: str


@frozen
class HistoryRenewed:
    """The database was malformed and set aside: open the new one."""


@frozen
class LogLine:
    """A line of the daemon's own log, as written, without newline."""

    line: str


@frozen
class NoticeSaved:
    """A row of the bell, new or changed, with the columns of ``notices`` (``times`` as JSON)."""

    notice: Mapping[str, Any]


@frozen
class Pump:
    """Beside it web's end of a link with the pump, in the place of any former one."""


@frozen
class Answer:
    """To the question with this ticket. ``value`` depends on the question."""

    ticket: int
    value: Mapping[str, Any]


@frozen
class Refusal:
    """``code`` is that of an error in ``errors``. ``retry_after``: seconds, 0 if waiting does not help."""

    ticket: int
    code: str
    message: str
    hint: str
    retry_after: int = 0


# What web says


@frozen
class Serving:
    """Web answers requests."""


@frozen
class Trigger:
    """Start a task, or a stopped service. Answer: ``{"run": run}``, perhaps one that has ended (skipped); of
    a service that of its first replica."""

    ticket: int
    task_name: str


@frozen
class Stop:
    """A task's running and waiting runs, or a service for good. Answer: ``{"message": text}``."""

    ticket: int
    task_name: str


@frozen
class Restart:
    """A service. Answer: ``{"message": text}``."""

    ticket: int
    task_name: str


@frozen
class EndRun:
    """Through the ladder. Answer: ``{"message": text}``."""

    ticket: int
    run_id: str


@frozen
class DeleteRun:
    """Row and files of a run that has ended. Answer: ``{}``."""

    ticket: int
    run_id: str


@frozen
class Challenge:
    """Answer: ``{"nonce": hex}``."""

    ticket: int
    address: str


@frozen
class Login:
    """Answer: ``{}``; web makes the token."""

    ticket: int
    address: str
    nonce: str
    response: str


@frozen
class OpenLaunch:
    """A one-time ticket for a browser. Answer: ``{"secret": text}``."""

    ticket: int


@frozen
class UseLaunch:
    """Answer: ``{}``."""

    ticket: int
    secret: str


@frozen
class Revoke:
    """This token counts no more; from ``expires_at`` on nobody has to remember it. Answer: ``{}``."""

    ticket: int
    token_id: str
    expires_at: int


@frozen
class MarkNotices:
    """``ids`` None: all. Answer: ``{}``."""

    ticket: int
    ids: tuple[str, ...] | None
    is_read: bool


ToWeb = (
    Welcome
    | RunSaved
    | RunsDeleted
    | TaskChanged
    | Processes
    | Deliveries
    | HealthChanged
    | HistoryRenewed
    | LogLine
    | NoticeSaved
    | Pump
    | Answer
    | Refusal
)
Question = (
    Trigger
    | Stop
    | Restart
    | EndRun
    | DeleteRun
    | Challenge
    | Login
    | OpenLaunch
    | UseLaunch
    | Revoke
    | MarkNotices
)
FromWeb = Serving | Question

TO_WEB: Kinds[ToWeb] = kinds_of(
    Welcome,
    RunSaved,
    RunsDeleted,
    TaskChanged,
    Processes,
    Deliveries,
    HealthChanged,
    HistoryRenewed,
    LogLine,
    NoticeSaved,
    Pump,
    Answer,
    Refusal,
)
FROM_WEB: Kinds[FromWeb] = kinds_of(
    Serving,
    Trigger,
    Stop,
    Restart,
    EndRun,
    DeleteRun,
    Challenge,
    Login,
    OpenLaunch,
    UseLaunch,
    Revoke,
    MarkNotices,
)
"""What arrives at each end of the link."""
