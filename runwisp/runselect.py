"""Lists of runs in SQL: over which index, and where a page of one begins and ends.

Pure: makes text and values, and executes nothing. Names the indexes of the schema, so that none is missed by
the planner, which knows nothing of how runs are spread. Called by ``historyreader``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from runwisp.runlist import Cursor, Key, Order, Query, SortField, words

STATUS = "coalesce(end_reason, phase)"
"""As the index spells it."""

VALUES = {
    SortField.DURATION: "coalesce(end_at - start_at, -1)",
    SortField.TASK_NAME: "task_name",
    SortField.CPU_SECONDS: "coalesce(cpu_seconds, -1)",
}
"""What a list is sorted by, where it is not simply the column; what is absent counts as less than all."""

SEARCHED = ("task_name", "message", "id")

ESCAPE = "'!'"
LIKE_ESCAPES = str.maketrans({each: f"!{each}" for each in "!%_"})


class Select:
    """``arms`` are sets of conditions that exclude one another, each with the index that has its runs in the
    order of ``columns``; ``left`` are conditions that the indexes know nothing of."""

    def __init__(self, query: Query) -> None:
        self.columns: tuple[str, ...] = ("seq",)
        self.arms: list[tuple[str, list[str]]] = [("", [])]
        self.left: list[str] = []
        self.values: dict[str, Any] = {}
        self.query = query

    def place(self, value: object) -> str:
        """The name under which SQL finds a value."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def is_one_of(self, column: str, found: Iterable[str]) -> str:
        return f"{column} IN ({', '.join(map(self.place, sorted(found)))})"

    def after(self, cursor: Cursor | None) -> list[str]:
        return [self._compared(cursor.key, ">" if self.query.is_ascending else "<")] if cursor else []

    def until(self, key: Key) -> str:
        return self._compared(key, "<=" if self.query.is_ascending else ">=")

    def sql(self, conditions: Sequence[str], limit: str) -> str:
        """The columns of the runs that meet these conditions as well, in order."""
        columns = ", ".join(self.columns)
        selects = (
            f"SELECT {columns} FROM runs {index} WHERE {' AND '.join((*arm, *conditions, '1'))}"  # noqa: S608
            for index, arm in self.arms
        )
        direction = "ASC" if self.query.is_ascending else "DESC"
        order = ", ".join(f"{number} {direction}" for number, _ in enumerate(self.columns, 1))
        return f"{' UNION ALL '.join(selects)} ORDER BY {order} LIMIT {limit}"

    def _compared(self, key: Key, operator: str) -> str:
        return f"({', '.join(self.columns)}) {operator} ({', '.join(map(self.place, key))})"


def by_index(query: Query, of_words: int, of_task: int) -> Select:
    """Over the index that leaves the fewest runs to be looked at. ``of_words`` and ``of_task``: how many runs
    have one of its statuses, and how many are of its task."""
    select = Select(query)
    found = words(query.statuses)
    task = [f"task_name = {select.place(query.task_name)}"] if query.task_name is not None else []
    any_word = [select.is_one_of(STATUS, found)] if found else []
    if query.order is Order.AGE:
        select.columns = ("created_at", "seq")
        index = "INDEXED BY runs_of_task_by_age" if task else "INDEXED BY runs_by_age"
        select.arms = [(index, task + _range(select))]
        select.left = any_word
    elif any_word and (not task or of_words < of_task):
        each = [f"{STATUS} = {select.place(word)}" for word in sorted(found)]
        select.arms = [("INDEXED BY runs_by_status", [condition]) for condition in each]
        select.left = task
    elif task:
        select.arms = [("INDEXED BY runs_of_task", task)]
        select.left = any_word
    select.left = select.left + _rest(select)
    return select


def by_value(query: Query) -> Select:
    """In an order that no index has."""
    select = Select(query)
    select.columns = (VALUES.get(query.sort_field, f"coalesce({query.sort_field}, -1)"), "seq")
    conditions = [*_range(select), *_rest(select)]
    if query.task_name is not None:
        conditions.append(f"task_name = {select.place(query.task_name)}")
    if query.statuses:
        conditions.append(select.is_one_of(STATUS, words(query.statuses)))
    select.arms = [("", conditions)]
    return select


def _range(select: Select) -> list[str]:
    query = select.query
    bounds = ((">=", query.created_after), ("<", query.created_before))
    return [f"created_at {operator} {select.place(at)}" for operator, at in bounds if at is not None]


def _rest(select: Select) -> list[str]:
    """The conditions that no index knows."""
    query = select.query
    found = []
    if query.triggered_by:
        found.append(select.is_one_of("triggered_by", query.triggered_by))
    if query.search:
        escaped = query.search.translate(LIKE_ESCAPES)
        pattern = select.place(f"%{escaped}%")
        found.append(f"({' OR '.join(f'{column} LIKE {pattern} ESCAPE {ESCAPE}' for column in SEARCHED)})")
    return found
