"""Everything that can happen to the supervisor.

What schedules give it (``Ticked``) is in ``firing``, what the pump tells (``Drained`` and such) in ``wire``.
"""

from __future__ import annotations

from runwisp.firing import Ticked
from runwisp.frozen import frozen
from runwisp.run import Trigger, Usage
from runwisp.timers import Timer
from runwisp.wire import Closed, Drained, Overflowed, Pressure, Renamed


@frozen
class TriggerTask:
    name: str
    triggered_by: Trigger


@frozen
class StopRun:
    run_id: str


@frozen
class StopTask:
    """All running and waiting runs of a task, or a service for the rest of the daemon's life."""

    name: str


@frozen
class RestartService:
    name: str


Wish = TriggerTask | StopRun | StopTask | RestartService


@frozen
class Asked:
    """A person's command; the answer goes out as a ``Reply`` with the same ``ticket``."""

    wish: Wish
    ticket: int


@frozen
class Spawned:
    run_id: str
    pid: int
    pid_started: int


@frozen
class SpawnFailed:
    run_id: str
    exit_code: int
    message: str


@frozen
class Exited:
    """The process of a run was reaped. ``has_left``: something that it started outlives it."""

    run_id: str
    exit_code: int
    message: str
    usage: Usage | None
    has_left: bool


@frozen
class LeftoversGone:
    """Nothing that a stopped run left behind lives any more."""

    run_id: str


@frozen
class Due:
    timer: Timer


@frozen
class StopDaemon:
    """SIGTERM, SIGINT, SIGQUIT or a command; the second one cuts every grace short."""

    why: str


OfARun = Spawned | SpawnFailed | Exited | LeftoversGone | Renamed | Drained | Closed | Overflowed | Pressure
Input = Ticked | Asked | OfARun | Due | StopDaemon
