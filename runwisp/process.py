"""The states of the process of a run on the stop ladder."""

from __future__ import annotations

from enum import StrEnum

from runwisp.errors import IllegalMove


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
    if to not in MOVES[state]:
        raise IllegalMove(f"a process cannot go from {state} to {to}")
    return to
