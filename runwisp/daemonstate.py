"""The states of a daemon."""

from __future__ import annotations

from enum import StrEnum

from runwisp.errors import IllegalMove


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
    if to not in MOVES[state]:
        raise IllegalMove(f"a daemon cannot go from {state} to {to}")
    return to
