"""Everything that can happen to the supervisor.

What schedules give it (``Ticked``) is in ``firing``, what the pump tells (``Drained`` and such) in ``wire``.
"""

from __future__ import annotations

from dataclasses import dataclass

from runwisp.firing import Ticked
from runwisp.run import Trigger, Usage
from runwisp.timers import Timer
from runwisp.wire import Closed, Drained, Overflowed, Pressure, Renamed


@dataclass(frozen=True, slots=True)
class TriggerTask:
    name: str
    triggered_by: Trigger


@dataclass(frozen=True, slots=True)
class StopRun:
    run_id: str


@dataclass(frozen=True, slots=True)
class StopTask:
    """All running and waiting runs of a task, or a service for the rest of the daemon's life."""

    name: str


@dataclass(frozen=True, slots=True)
class RestartService:
    name: str


Wish = TriggerTask | StopRun | StopTask | RestartService


@dataclass(frozen=True, slots=True)
class Asked:
    """A person's command; the answer goes out as a ``Reply`` with the same ``ticket``."""

    wish: Wish
    ticket: int


@dataclass(frozen=True, slots=True)
class Spawned:
    run_id: str
    pid: int
    pid_started: int


@dataclass(frozen=True, slots=True)
class SpawnFailed:
    run_id: str
    exit_code: int
    message: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The process of a run was reaped. ``has_left``: members of its process group outlive it."""

    run_id: str
    exit_code: int
    message: str
    usage: Usage | None
    has_left: bool


@dataclass(frozen=True, slots=True)
class LeftoversGone:
    """Nothing that a stopped run left behind lives any more."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Due:
    timer: Timer


@dataclass(frozen=True, slots=True)
class StopDaemon:
    """SIGTERM, SIGINT, SIGQUIT or a command; the second one cuts every grace short."""

    why: str


Input = (
    Ticked
    | Asked
    | Spawned
    | SpawnFailed
    | Exited
    | LeftoversGone
    | Renamed
    | Drained
    | Closed
    | Overflowed
    | Pressure
    | Due
    | StopDaemon
)
