"""Rows of the history as both its writer and its readers know them: their columns, and a run made of one.

Pure. Loads nothing that only who writes needs. Called by ``history`` and ``historyreader``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from runwisp.clock import MINUTE
from runwisp.run import Run
from runwisp.runmeta import WORDS

COLUMNS = tuple(each.name for each in fields(Run))
SELECT_RUN = f"SELECT {', '.join(COLUMNS)} FROM runs"  # noqa: S608, names of our own

NOTICE_COLUMNS = (
    "id",
    "task_name",
    "kind",
    "severity",
    "title",
    "body",
    "run_id",
    "end_reason",
    "count",
    "times",
    "created_at",
    "updated_at",
    "is_read",
)
SELECT_NOTICE = f"SELECT {', '.join(NOTICE_COLUMNS)} FROM notices"  # noqa: S608, names of our own

HALF_HOUR = 30 * MINUTE
"""What a row of ``run_ends`` is about."""


def run_from(row: Sequence[Any]) -> Run:
    """``row`` has the columns of SELECT_RUN."""
    values = dict(zip(COLUMNS, row, strict=True))
    for name, words in WORDS.items():
        if values[name] is not None:
            values[name] = words(values[name])
    return Run(**values)
