"""A run as the JSON object that stands in the .meta file beside its log.

Pure: turns runs into objects and objects, whoever wrote them, into runs. Keys are the fields of ``Run``,
values as in the database (instants in milliseconds), absent where None. What was printed is not among them:
the pump, which counts it, keeps it beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum

from runwisp.ids import created_at
from runwisp.logcap import LogTotals
from runwisp.run import EndReason, Phase, Run, Trigger, WaitsFor, with_totals
from runwisp.task import Kind

WORDS: Mapping[str, type[StrEnum]] = {
    "kind": Kind,
    "phase": Phase,
    "triggered_by": Trigger,
    "waits_for": WaitsFor,
    "end_reason": EndReason,
}
"""The fields of a run that hold one of a closed set of words."""

TOTALS = tuple(each.name for each in fields(LogTotals))
FIELDS = tuple(each.name for each in fields(Run))
TEXTS = frozenset({"id", "task_name", "log_stem", "message", "retry_of_run_id"})
NUMBERS = frozenset({"cpu_seconds"})

LARGEST = 2**47
"""Of an instant: the calendar goes on to 2**47.8 milliseconds. Nothing else that is not counted is larger."""

LARGEST_COUNT = 2**53
"""Bytes: far more than any disk, and the sum of a thousand still fits a column."""

Json = Mapping[str, object]


def meta_of(run: Run) -> dict[str, str | int | float]:
    """What goes into the file, and what ``run_of`` reads."""
    return {
        name: value for name in FIELDS if name not in TOTALS and (value := getattr(run, name)) is not None
    }


def row_of(run: Run) -> dict[str, str | int | float]:
    """All of a run, as it travels between our processes."""
    row = {name: value for name in FIELDS if (value := getattr(run, name)) is not None}
    row["message"] = storable(run.message)
    return row


def run_of_row(row: Json) -> Run:
    """Raises: ValueError for anything that ``row_of`` could not have made."""
    return run_of(row, row)


def run_of(run: Json, totals: Json) -> Run:
    """The run in a .meta file.

    Raises: ValueError for anything that ``meta_of`` and the pump could not have written.
    """
    values = {name: _checked(name, run[name]) for name in FIELDS if name not in TOTALS and name in run}
    counts = {name: _count(totals.get(name, 0)) for name in TOTALS}
    try:
        made = Run(**values)  # type: ignore[arg-type]
    except TypeError as error:
        raise ValueError(f"not a run: {error}") from error
    created_at(made.id)
    if (made.phase is Phase.ENDED) != (made.end_reason is not None):
        raise ValueError(f"not a run: {made.phase} with end reason {made.end_reason}")
    return with_totals(made, LogTotals(**counts))


def _checked(name: str, value: object) -> object:
    if words := WORDS.get(name):
        return words(str(value))
    if name in TEXTS:
        is_right = isinstance(value, str) and (name == "message" or is_text(value))
    elif name in NUMBERS:
        is_right = type(value) in (int, float)
    else:
        is_right = type(value) is int and abs(value) <= LARGEST
    if not is_right:
        raise ValueError(f"{name} cannot be {value!r}")
    return value


def storable(message: str) -> str:
    """A path in it may hold bytes that are no text."""
    return message if message.isascii() else message.encode(errors="backslashreplace").decode()


def is_text(value: str) -> bool:
    """Not so are lone surrogates, which JSON can spell and no database can keep."""
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST_COUNT:
        raise ValueError(f"not a count: {value!r}")
    return value
