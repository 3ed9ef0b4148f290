"""Everything that goes on being told: runs, the daemon's own log, notices, and the logs of runs as they grow.

Hears the daemon's messages on the hub's thread and passes them to whoever listens. Called by ``main`` and by
the routes of streams and logs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any

from runwisp import host
from runwisp.errors import UnknownRun
from runwisp.frozen import frozen
from runwisp.historyreader import HistoryReader
from runwisp.run import MEANINGS, EndReason, Phase
from runwisp.runmeta import run_of_row
from runwisp.web.feeds.broadcast import RELOAD, Broadcast
from runwisp.web.feeds.tail import Anchor, Tail, TailFeed
from runwisp.web.growth import Growth
from runwisp.web.records import notice_record, run_record
from runwisp.web.schema import dumped, spelled
from runwisp.webwire import Briefing, HistoryRenewed, LogLine, NoticeSaved, RunSaved, RunsDeleted, ToWeb

SHOWN_LINES = 100
ENDED = 1000
"""How many runs that have ended are remembered, to tell one that is saved again from a new one."""


@frozen(kw_only=True)
class DaemonLine:
    """A line of the daemon's own log, as written."""

    text: str


class Live:
    """``runs``, ``daemon_log`` and ``notices`` are what one can listen to."""

    def __init__(self, briefing: Briefing, history: HistoryReader, growth: Growth) -> None:
        life = host.random_bytes(6).hex()
        self.runs = Broadcast(life, gap=_reload, greeting="ping")
        self.notices = Broadcast(life, gap=_reload, greeting="ping")
        self.daemon_log = Broadcast(life, gap=_dropped, replay=SHOWN_LINES)
        self._phases = Phases(briefing.unfinished)
        self._logs_dir = f"{briefing.data_dir}/logs"
        self._history = history
        self._growth = growth
        self._tails: dict[str, Tail] = {}
        for line in briefing.log_lines:
            self._log_line(line)

    def hear(self, message: ToWeb) -> None:
        match message:
            case RunSaved(row):
                self._saved(row)
            case RunsDeleted(task_name, run_ids):
                for run_id in run_ids:
                    self.runs.say("run.deleted", partial(spelled, {"id": run_id, "task_name": task_name}))
            case HistoryRenewed():
                self.runs.say(RELOAD, partial(bytes, b"{}"))
            case LogLine(line):
                self._log_line(line)
            case NoticeSaved(notice):
                self.notices.say("notice", partial(_notice, notice))

    def log_of(self, run_id: str, anchor: Anchor) -> TailFeed:
        return TailFeed(partial(self._tail, run_id), anchor)

    def _log_line(self, line: str) -> None:
        self.daemon_log.say("line", partial(dumped, DaemonLine(text=line)))

    def _saved(self, row: Mapping[str, Any]) -> None:
        for kind in self._phases.events(row):
            self.runs.say(kind, partial(_run, row))
        if tail := self._tails.get(row["id"]):
            tail.saved(run_of_row(row))

    def _tail(self, run_id: str) -> Tail:
        """Raises: UnknownRun."""
        if run_id not in self._tails:
            run = self._history.run(run_id)  # as it is now: what is saved from here on is heard
            if run is None:
                raise UnknownRun(f"no run has the id {run_id}")
            self._tails[run_id] = tail = Tail(run, self._logs_dir, self._left)
            self._growth.follow(tail)
        return self._tails[run_id]

    def _left(self, run_id: str) -> None:
        del self._tails[run_id]
        self._growth.unfollow(run_id)


class Phases:
    """Which events a saved run is, from what it was before."""

    def __init__(self, unfinished: tuple[Mapping[str, Any], ...]) -> None:
        self._unfinished = {str(row["id"]): Phase(row["phase"]) for row in unfinished}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def events(self, row: Mapping[str, Any]) -> list[str]:
        run_id, phase = str(row["id"]), Phase(row["phase"])
        if run_id in self._ended:
            return ["run.updated"]
        before = self._unfinished.pop(run_id, None)
        events = [] if before else ["run.created"]
        if row.get("start_at") is not None and before is not Phase.RUNNING:
            events.append("run.started")
        if phase is Phase.ENDED:
            self._remember(run_id)
            is_failed = MEANINGS[EndReason(row["end_reason"])].is_failed
            events.append("run.failed" if is_failed else "run.completed")
        else:
            self._unfinished[run_id] = phase
        return events or ["run.updated"]

    def _remember(self, run_id: str) -> None:
        self._ended[run_id] = None
        if len(self._ended) > ENDED:
            self._ended.popitem(last=False)


def _run(row: Mapping[str, Any]) -> bytes:
    return dumped(run_record(run_of_row(row)))


def _notice(row: Mapping[str, Any]) -> bytes:
    return dumped(notice_record(row))


def _reload(_count: int) -> tuple[str, bytes]:
    return RELOAD, b"{}"


def _dropped(count: int) -> tuple[str, bytes]:
    return "dropped", spelled({"count": count})
