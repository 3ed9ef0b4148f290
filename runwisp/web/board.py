"""What web knows of the daemon without asking: its health, and how every task fares, as JSON to be sent.

Hears every message of the daemon, on the hub's thread, and notes what changed; the JSON is made by the worker
that is asked for it, and kept until something changes again. Only what the history tells of a task is read
from there, once for all the changes since somebody looked. Must never make the hub's thread wait for a disk.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from runwisp.clock import Wall
from runwisp.historyreader import HistoryReader, Lately
from runwisp.run import Phase, Run, WaitsFor
from runwisp.runmeta import run_of_row
from runwisp.task import Kind, unknown_task
from runwisp.web.records import DefinitionRecord, RunGlance, StateRecord, run_record
from runwisp.web.schema import Length, dumped
from runwisp.webwire import (
    Briefing,
    Deliveries,
    HealthChanged,
    HistoryRenewed,
    Processes,
    RunSaved,
    RunsDeleted,
    TaskChanged,
    ToWeb,
)


class Board:
    """``health``, ``health_reason``, ``processes`` (role and pid) and ``deliveries`` are as the daemon told
    last."""

    def __init__(self, briefing: Briefing, history: HistoryReader) -> None:
        self.health = briefing.health
        self.health_reason = briefing.health_reason
        self.processes = tuple((role, pid) for role, pid in briefing.processes)
        self.deliveries = Deliveries(*briefing.deliveries)
        self._history = history
        self._entries = {str(each["name"]): _Entry(each) for each in briefing.definitions}
        # Written by the hub's thread only, and read without a lock: it changes an entry first and counts
        # after that, so whoever read the count first knows whether what it made is of now.
        self._version = 1
        self._making = threading.Lock()
        self._made_version = 0
        self._made = b""
        for name, next_run_at, is_stopped in briefing.tasks:
            self._hear_task(TaskChanged(name, next_run_at, is_stopped))
        for row in briefing.unfinished:
            self._hear_run(run_of_row(row))

    def hear(self, message: ToWeb) -> None:
        """On the hub's thread."""
        match message:
            case RunSaved(row):
                self._hear_run(run_of_row(row))
            case RunsDeleted(task_name):
                self._runs_changed(self._entries.get(task_name))
            case TaskChanged():
                self._hear_task(message)
            case HistoryRenewed():
                self._history.renew()
                for entry in self._entries.values():
                    self._runs_changed(entry)
            case Processes(processes):
                self.processes = tuple((role, pid) for role, pid in processes)
            case Deliveries():
                self.deliveries = message
            case HealthChanged(health, reason):
                self.health, self.health_reason = health, reason
            case _:
                """The others are not about tasks."""

    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def tasks(self) -> bytes:
        """The JSON of all of them. Raises: HistoryError."""
        if self._version != self._made_version:
            with self._making:
                version = self._version
                if version != self._made_version:
                    self._made = b"[%b]" % b",".join(map(self._json, self._entries.values()))
                    self._made_version = version
        return self._made

    def task(self, name: str) -> bytes:
        """The JSON of one. Raises: UnknownTask, HistoryError."""
        entry = self._entry(name)
        with self._making:
            return self._json(entry)

    def definition(self, name: str) -> Mapping[str, Any]:
        """As the daemon told it: keys of ``runwisp.toml``, lengths in milliseconds. Raises: UnknownTask."""
        return self._entry(name).definition

    def next_run_at(self, name: str) -> Wall | None:
        """Raises: UnknownTask."""
        at = self._entry(name).next_run_at
        return None if at is None else Wall(at)

    def _entry(self, name: str) -> _Entry:
        if entry := self._entries.get(name):
            return entry
        raise unknown_task(name, self._entries)

    def _hear_run(self, run: Run) -> None:
        # Of a task that is not in the configuration any more nothing is shown here.
        if entry := self._entries.get(run.task_name):
            _keep(entry.running, run.id, is_in=run.phase is Phase.RUNNING)
            _keep(entry.queued, run.id, is_in=run.waits_for is WaitsFor.QUEUE)
            self._runs_changed(entry)

    def _hear_task(self, message: TaskChanged) -> None:
        if entry := self._entries.get(message.task_name):
            entry.next_run_at, entry.is_stopped = message.next_run_at, message.is_stopped
            entry.version += 1
            self._version += 1

    def _runs_changed(self, entry: _Entry | None) -> None:
        if entry:
            entry.runs_version += 1
            entry.version += 1
            self._version += 1

    def _json(self, entry: _Entry) -> bytes:
        """Only by one worker at a time."""
        version, runs_version = entry.version, entry.runs_version
        if version != entry.made_version:
            if runs_version != entry.lately_version:
                entry.lately = self._history.lately(entry.definition["name"])
                entry.lately_version = runs_version
            entry.made = b"%b,%b" % (entry.head, dumped(_state(entry))[1:])
            entry.made_version = version
        return entry.made


class _Entry:
    """A task as it stands. ``head`` is the part of its JSON that never changes, without its last brace."""

    __slots__ = (
        "definition",
        "head",
        "is_stopped",
        "lately",
        "lately_version",
        "made",
        "made_version",
        "next_run_at",
        "queued",
        "running",
        "runs_version",
        "version",
    )

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.definition = definition
        self.head = dumped(DefinitionRecord(**definition, schedule=_schedule(definition)))[:-1]
        self.next_run_at: int | None = None
        self.is_stopped = False
        self.running: set[str] = set()
        self.queued: set[str] = set()
        self.version = self.runs_version = 1
        self.made_version = self.lately_version = 0
        self.made = b""
        self.lately = Lately(None, (), None, None)


def _keep(ids: set[str], run_id: str, *, is_in: bool) -> None:
    if is_in:
        ids.add(run_id)
    else:
        ids.discard(run_id)


def _state(entry: _Entry) -> StateRecord:
    lately = entry.lately
    return StateRecord(
        next_run_at=None if entry.next_run_at is None else Wall(entry.next_run_at),
        running=len(entry.running),
        queued=len(entry.queued),
        stopped=entry.is_stopped,
        last_run=run_record(lately.last_run) if lately.last_run else None,
        success_rate=lately.success_rate,
        median_duration=None if lately.median_duration is None else Length(lately.median_duration),
        recent_runs=tuple(
            RunGlance(id=each.id, status=each.phase, end_reason=each.end_reason, exit_code=each.exit_code)
            for each in lately.recent
        ),
    )


def _schedule(definition: Mapping[str, Any]) -> str:
    if definition["kind"] == Kind.SERVICE:
        return f"service x{definition['instances']}"
    return definition.get("cron") or ("daemon start" if definition["run_on_start"] else "manual")
