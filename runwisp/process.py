"""The states of the process of a run on the stop ladder."""

from __future__ import annotations

from enum import StrEnum

from runwisp.states import moved


class ProcessState(StrEnum):
    UP = "up"
    TERMINATING = "terminating"
    KILLING = "killing"
    GONE = "gone"


MOVES = {
    ProcessState.UP: frozenset({ProcessState.TERMINATING, ProcessState.KILLING, ProcessState.GONE}),
    ProcessState.TERMINATING: frozenset({ProcessState.KILLING, ProcessState.GONE}),
    ProcessState.KILLING: frozenset({ProcessState.GONE}),
    ProcessState.GONE: frozenset[ProcessState](),
}


def move(state: ProcessState, to: ProcessState) -> ProcessState:
    """Raises: IllegalMove."""
    return moved(MOVES, state, to, "a process")
