"""The states of a daemon."""

from __future__ import annotations

from enum import StrEnum

from runwisp.states import moved


class DaemonState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


MOVES = {
    DaemonState.STARTING: frozenset({DaemonState.RUNNING, DaemonState.STOPPING}),
    DaemonState.RUNNING: frozenset({DaemonState.STOPPING}),
    DaemonState.STOPPING: frozenset[DaemonState](),
}


def move(state: DaemonState, to: DaemonState) -> DaemonState:
    """Raises: IllegalMove."""
    return moved(MOVES, state, to, "a daemon")
