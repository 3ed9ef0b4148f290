"""The states of one replica of a service, or of one of the daemon's own sidecars."""

from __future__ import annotations

from enum import StrEnum

from runwisp.states import moved


class ReplicaState(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPING = "stopping"


MOVES = {
    ReplicaState.STOPPED: frozenset({ReplicaState.STARTING}),
    ReplicaState.STARTING: frozenset({ReplicaState.RUNNING, ReplicaState.BACKOFF, ReplicaState.STOPPING}),
    ReplicaState.RUNNING: frozenset({ReplicaState.BACKOFF, ReplicaState.STOPPING}),
    ReplicaState.BACKOFF: frozenset({ReplicaState.STARTING, ReplicaState.STOPPED}),
    ReplicaState.STOPPING: frozenset({ReplicaState.STOPPED, ReplicaState.STARTING}),
}


def move(state: ReplicaState, to: ReplicaState) -> ReplicaState:
    """Raises: IllegalMove."""
    return moved(MOVES, state, to, "a replica")
