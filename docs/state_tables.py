"""Draws the state tables of ARCHITECTURE.rst from the tables in the code.

``python docs/state_tables.py`` writes them; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TypeVar

ARCHITECTURE = Path(__file__).parents[1] / "ARCHITECTURE.rst"
BEGIN = ".. state tables: drawn by docs/state_tables.py\n\n"
END = "\n.. end of the state tables\n"

MACHINES = {
    "runwisp.run": "Run",
    "runwisp.process": "Process",
    "runwisp.replica": "Replica",
    "runwisp.daemonstate": "Daemon",
    "runwisp.delivery": "Delivery",
    "runwisp.logwriter": "Log",
    "runwisp.pump.stream": "Output",
}
"""Every module with a table of moves, and what it moves."""

State = TypeVar("State", bound=StrEnum)


def table(title: str, moves: Mapping[State, Set[State]]) -> str:
    """A simple table of reST: each state and where it may go, in the order of the enum."""
    rows = [(title, "may become")]
    for state in moves:
        rows.append(
            (state.value, ", ".join(to.value for to in moves if to in moves[state]) or "nothing: the end")
        )
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    line = "  ".join("=" * width for width in widths)
    spelled = [f"{left:{widths[0]}}  {right}" for left, right in rows]
    return "\n".join([line, spelled[0], line, *spelled[1:], line, ""])


def drawn() -> str:
    return "\n".join(table(title, import_module(name).MOVES) for name, title in MACHINES.items())


def replaced(text: str) -> str:
    """The document with its tables drawn anew.

    Raises: ValueError when it has no place for them.
    """
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{ARCHITECTURE.name} has no place for the state tables")
    return f"{before}{BEGIN}{drawn()}{END}{after}"


if __name__ == "__main__":
    ARCHITECTURE.write_text(replaced(ARCHITECTURE.read_text()))
