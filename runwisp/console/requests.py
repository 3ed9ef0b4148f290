"""What the console asks of the daemon, and how each is spelled in its API.

Pure. Owns the paths and queries; what comes back goes to ``update`` beside the question. Called by
``remote``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from runwisp.frozen import frozen

Query = Mapping[str, object]

ACTIVE = {"status": "pending,running", "limit": 1000}
RUNS_PAGE = 100
MOST_RUNS = 2000
"""Of a task that are kept; what is older is for `runwisp runs` and the dashboard."""

RECENT = 20
FIRINGS = 5
NOTICES_PAGE = 50
MOST_NOTICES = 500
"""That are kept; what is older is for the dashboard."""


@frozen
class AskInfo:
    pass


@frozen
class AskSystem:
    pass


@frozen
class AskSamples:
    pass


@frozen
class AskTasks:
    pass


@frozen
class AskTask:
    name: str


@frozen
class AskFirings:
    name: str


@frozen
class AskActive:
    """Runs that have not ended."""


@frozen
class AskRecent:
    """The newest runs of all tasks."""


@frozen
class AskRuns:
    """A page of the runs of a task; ``before`` is the cursor of the page before it."""

    name: str
    before: str = ""


@frozen
class AskRun:
    name: str
    run_id: str


@frozen
class AskLog:
    """``limit`` lines of a log from line ``first`` on."""

    name: str
    run_id: str
    first: int
    limit: int


@frozen
class AskTail:
    """The last line of a log, whose end may not have come yet: no stream tells it before."""

    name: str
    run_id: str


@frozen
class AskSearch:
    """Lines of the log of a run with this text in them, whatever its case."""

    name: str
    run_id: str
    text: str
    cursor: str = ""


@frozen
class AskNotices:
    before: str = ""


Ask = (
    AskInfo
    | AskSystem
    | AskSamples
    | AskTasks
    | AskTask
    | AskFirings
    | AskActive
    | AskRecent
    | AskRuns
    | AskRun
    | AskLog
    | AskTail
    | AskSearch
    | AskNotices
)


@frozen
class Trigger:
    name: str


@frozen
class StopTask:
    """A service, or all runs of a task."""

    name: str


@frozen
class RestartService:
    name: str


@frozen
class StopRun:
    name: str
    run_id: str


@frozen
class DeleteRun:
    name: str
    run_id: str


@frozen
class MarkNotice:
    notice_id: str
    is_read: bool


@frozen
class MarkAllRead:
    pass


Action = Trigger | StopTask | RestartService | StopRun | DeleteRun | MarkNotice | MarkAllRead


@frozen
class RunsStream:
    """Every run as it changes. Whether it is there is whether the daemon is."""


@frozen
class NoticesStream:
    pass


@frozen
class DaemonLogStream:
    pass


@frozen
class LogStream:
    """The log of a run from line ``first`` on, or from that many before its end if it is negative."""

    name: str
    run_id: str
    first: int


Stream = RunsStream | NoticesStream | DaemonLogStream | LogStream


def asked(ask: Ask) -> tuple[tuple[str, ...], Query]:
    """The parts of the path below ``/api`` and the query, as ``client.path`` and ``client.get`` take them."""
    match ask:
        case AskInfo():
            return ("info",), {}
        case AskSystem():
            return ("system",), {}
        case AskSamples():
            return ("system", "history"), {}
        case AskTasks():
            return ("tasks",), {}
        case AskActive():
            return ("runs",), ACTIVE
        case AskRecent():
            return ("runs",), {"limit": RECENT}
        case AskNotices(before):
            return ("notifications",), {"limit": NOTICES_PAGE, "before": before or None}
        case AskTask(name):
            return ("tasks", name), {}
        case AskFirings(name):
            return ("tasks", name, "firings"), {"limit": FIRINGS}
        case _:
            return _asked_of_runs(ask)


def _asked_of_runs(ask: AskRuns | AskRun | AskLog | AskTail | AskSearch) -> tuple[tuple[str, ...], Query]:
    match ask:
        case AskRuns(name, before):
            return ("tasks", name, "runs"), {"limit": RUNS_PAGE, "before": before or None}
        case AskRun(name, run_id):
            return ("tasks", name, "runs", run_id), {}
        case AskLog(name, run_id, first, limit):
            return ("tasks", name, "runs", run_id, "log"), {"from_": first, "limit": limit}
        case AskTail(name, run_id):
            return ("tasks", name, "runs", run_id, "log"), {"from_": -1, "limit": 1}
        case AskSearch(name, run_id, text, cursor):
            query = {"q": text, "ignore_case": "true", "run_id": run_id, "cursor": cursor or None}
            return ("tasks", name, "log", "search"), query
        case _ as never:
            assert_never(never)


def acted(action: Action) -> tuple[str, tuple[str, ...]]:
    """The method, and the parts of the path below ``/api``."""
    match action:
        case Trigger(name):
            return "POST", ("tasks", name, "trigger")
        case StopTask(name):
            return "POST", ("tasks", name, "stop")
        case RestartService(name):
            return "POST", ("tasks", name, "restart")
        case StopRun(name, run_id):
            return "POST", ("tasks", name, "runs", run_id, "stop")
        case DeleteRun(name, run_id):
            return "DELETE", ("tasks", name, "runs", run_id)
        case MarkNotice(notice_id, is_read):
            return "POST", ("notifications", notice_id, "read" if is_read else "unread")
        case MarkAllRead():
            return "POST", ("notifications", "read")
        case _ as never:
            assert_never(never)


def followed(stream: Stream) -> tuple[tuple[str, ...], Query]:
    """The parts of the path below ``/api``, and the query for its first time."""
    match stream:
        case RunsStream():
            return ("runs", "stream"), {}
        case NoticesStream():
            return ("notifications", "stream"), {}
        case DaemonLogStream():
            return ("daemon", "log-stream"), {}
        case LogStream(name, run_id, first):
            return ("tasks", name, "runs", run_id, "log", "stream"), {"from_": first}
        case _ as never:
            assert_never(never)
