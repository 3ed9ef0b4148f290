"""Moving a state machine by its table."""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import StrEnum
from typing import TypeVar

from runwisp.errors import IllegalMove

State = TypeVar("State", bound=StrEnum)


def moved(moves: Mapping[State, Set[State]], state: State, to: State, what: str) -> State:
    """``to``, when the table lets ``what`` go there.

    Raises: IllegalMove.
    """
    if to not in moves[state]:
        raise IllegalMove(f"{what} cannot go from {state} to {to}")
    return to
