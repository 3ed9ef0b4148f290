"""A list of runs: what can be asked of it, and where a page of it goes on.

Pure. Owns the words of the filters, the orders, and the cursor, which is opaque to whoever carries it. What
they mean in SQL is ``historyreader``'s. Called by web.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from enum import StrEnum

from runwisp.clock import Wall
from runwisp.errors import UnknownCursor
from runwisp.frozen import frozen
from runwisp.run import MEANINGS, EndReason, Run, Trigger
from runwisp.runmeta import is_text


class RunStatus(StrEnum):
    """A phase, or why a run ended; `failed` is everything that is listed as failed."""

    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"
    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"
    LOG_OVERFLOW = "log_overflow"
    STOPPED = "stopped"
    DAEMON_STOPPED = "daemon_stopped"
    CRASHED = "crashed"
    SKIPPED = "skipped"
    QUEUE_FULL = "queue_full"
    DST_SKIPPED = "dst_skipped"
    MISSED = "missed"


FAILED = frozenset(reason for reason, meaning in MEANINGS.items() if meaning.is_failed)
GROUPS = {RunStatus.ENDED: frozenset(EndReason), RunStatus.FAILED: FAILED}


class SortField(StrEnum):
    """`created_at` is the order in which runs were recorded, which only a clock that was set makes different;
    with `created_after` or `created_before` it is that of the instants.
    """

    CREATED_AT = "created_at"
    START_AT = "start_at"
    END_AT = "end_at"
    DURATION = "duration"
    TASK_NAME = "task_name"
    EXIT_CODE = "exit_code"
    CPU_SECONDS = "cpu_seconds"
    MAX_RSS_BYTES = "max_rss_bytes"
    LOG_LINES = "log_lines"
    LOG_BYTES = "log_bytes"


class SortDirection(StrEnum):
    DESC = "desc"
    ASC = "asc"


class Order(StrEnum):
    """By what a list is ordered, ties by the order of recording."""

    RECORDED = "recorded"
    AGE = "age"
    VALUE = "value"


MOST_SKIPPED = 10_000
"""Runs that may be passed over, each of which is looked at, to where a page begins."""

NO_CURSOR = "this is no cursor that a page of a list ended with."

Key = tuple[int | float | str, ...]
"""Where a run stands in an order: what it is sorted by, none for RECORDED, and its number."""

KEY_TYPES: dict[SortField, type[int | float | str]] = {
    SortField.TASK_NAME: str,
    SortField.CPU_SECONDS: float,
}
"""Of what is no integer."""


@frozen
class Cursor:
    """After which run a list goes on, and how many matching ones are still to be passed over."""

    key: Key
    skip: int = 0


@frozen(kw_only=True)
class Query:
    """``search`` is looked for in a task's name, a run's message and id, in any case of ASCII letters.
    ``created_after`` is the first instant that is listed, ``created_before`` the first that is not."""

    task_name: str | None = None
    statuses: frozenset[RunStatus] = frozenset()
    triggered_by: frozenset[Trigger] = frozenset()
    search: str = ""
    created_after: Wall | None = None
    created_before: Wall | None = None
    sort_field: SortField = SortField.CREATED_AT
    is_ascending: bool = False
    limit: int = 50
    offset: int = 0
    cursor: Cursor | None = None

    @property
    def order(self) -> Order:
        if self.sort_field is not SortField.CREATED_AT:
            return Order.VALUE
        return Order.AGE if self.has_range else Order.RECORDED

    @property
    def has_range(self) -> bool:
        return self.created_after is not None or self.created_before is not None


@frozen
class Page:
    """``keys``: where each of the runs stands. ``total`` None: only a look at every row would tell.
    ``cursor`` None: there is no more."""

    runs: tuple[Run, ...]
    keys: tuple[Key, ...]
    total: int | None
    cursor: Cursor | None


def words(statuses: Iterable[RunStatus]) -> frozenset[str]:
    """What may stand as end reason or, while there is none, as phase."""
    found: set[str] = set()
    for status in statuses:
        found |= {each.value for each in GROUPS.get(status, ())} or {status.value}
    return frozenset(found)


def spelled(cursor: Cursor, query: Query) -> str:
    """``query`` is the one that the cursor continues: it fits no other order."""
    content = json.dumps([_kind(query), cursor.skip, *cursor.key], separators=(",", ":"))
    return urlsafe_b64encode(content.encode()).decode().rstrip("=")


def read(text: str, query: Query) -> Cursor:
    """Raises: UnknownCursor for what ``spelled`` did not make for this order."""
    try:
        kind, skip, *key = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise _unknown(NO_CURSOR) from None
    if kind != _kind(query):
        raise _unknown("this cursor is that of a list in another order.")
    if not _is_key(key, query) or not (_is_count(skip) and skip <= MOST_SKIPPED):
        raise _unknown(NO_CURSOR)
    return Cursor(tuple(key), skip)


def _kind(query: Query) -> str:
    return f"{query.order}:{query.sort_field}:{'asc' if query.is_ascending else 'desc'}"


def _is_key(key: list[object], query: Query) -> bool:
    if not key or not _is_count(key[-1]):
        return False
    if query.order is Order.RECORDED:
        return len(key) == 1
    expected = KEY_TYPES.get(query.sort_field, int)
    value = key[0]
    if len(key) != 2 or type(value) not in ((int, float) if expected is float else (expected,)):
        return False
    return is_text(value) if isinstance(value, str) else isinstance(value, int | float) and abs(value) < 2**63


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _unknown(message: str) -> UnknownCursor:
    return UnknownCursor(message, "Begin again without it.")
