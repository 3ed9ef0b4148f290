"""The history, read only, for whoever shows it: pages of runs, counts, and how a task fared lately.

Owns what these mean in SQL. Must never write, and never read more rows for one answer than a bound says,
however many there are. Called by web.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from runwisp.clock import SECOND, Millis, Wall
from runwisp.errors import HistoryBusy
from runwisp.frozen import frozen
from runwisp.historyrows import COLUMNS, HALF_HOUR, NOTICE_COLUMNS, SELECT_NOTICE, SELECT_RUN, run_from
from runwisp.paths import DataDir
from runwisp.run import EndReason, Phase, Run
from runwisp.runlist import FAILED, Cursor, Key, Order, Page, Query, RunStatus, words
from runwisp.runselect import by_index, by_value
from runwisp.store import Reader

STRETCH = 20_000
"""Runs that are looked at for one page when a filter has no index. Then the page is short, and the list goes
on from there."""

SORTED_AT_ONCE = 20_000
"""Runs that anybody may have sorted by a field without an index; of more, one list at a time."""

MOST_STEPS = 60_000_000
"""Of SQLite's machine for a sorted list: one of a million runs takes 13 to 19 million, and up to a second."""

LATELY = 50
"""The runs of a task that its success rate and median duration are of."""

DAYS = 30
BUCKET = HALF_HOUR // SECOND

ALWAYS = Wall(2**62)
"""Later than all."""

LATEST = (
    "SELECT id, phase, end_reason, exit_code, start_at, end_at FROM runs "
    "WHERE task_name = ? ORDER BY seq DESC LIMIT ?"
)


@frozen
class Glance:
    """A run as far as a strip of runs shows it."""

    id: str
    phase: Phase
    end_reason: EndReason | None
    exit_code: int


@frozen
class Lately:
    """How a task fared: its newest run, the newest ten, and of the newest ``LATELY`` those that started and
    ended: the share that succeeded of those that did or failed, and the median of how long they took."""

    last_run: Run | None
    recent: tuple[Glance, ...]
    success_rate: float | None
    median_duration: Millis | None


@frozen
class Day:
    """``counts`` are the runs that ended, by why."""

    day: date
    counts: dict[EndReason, int]


@frozen
class Counts:
    """``by_status``: why a run ended or, while it has not, its phase."""

    by_status: dict[str, int]
    last_failure: Run | None
    days: tuple[Day, ...]


class HistoryReader:
    """Of one data directory, for any number of threads, each with a connection of its own.

    Every method raises HistoryUnwritable (when it cannot be read either) and HistoryMalformed.
    """

    def __init__(self, data: DataDir) -> None:
        self._data = data
        self._generation = 0
        self._mine = _Mine()
        self._sorting = threading.Lock()

    def renew(self) -> None:
        """There is another database in the place of the former."""
        self._generation += 1

    def close(self) -> None:
        """This thread's connection; those of others go with their threads."""
        if self._mine.reader:
            self._mine.reader.close()
            self._mine.reader = None

    def run(self, run_id: str) -> Run | None:
        rows = self._reader().read(f"{SELECT_RUN} WHERE id = ?", (run_id,))
        return run_from(rows[0]) if rows else None

    def knows_task(self, task_name: str) -> bool:
        """Whether it has runs, in the configuration or not."""
        sql = "SELECT 1 FROM run_counts WHERE task_name = ? AND run_count > 0 LIMIT 1"
        return bool(self._reader().read(sql, (task_name,)))

    def lately(self, task_name: str) -> Lately:
        reader = self._reader()
        rows = reader.read(LATEST, (task_name, LATELY))
        last = reader.read(f"{SELECT_RUN} WHERE task_name = ? ORDER BY seq DESC LIMIT 1", (task_name,))
        counted = [row for row in rows if row[4] is not None and row[5] is not None]
        succeeded = sum(row[2] == EndReason.SUCCESS for row in counted)
        failed = sum(row[2] in FAILED for row in counted)
        return Lately(
            last_run=run_from(last[0]) if last else None,
            recent=tuple(_glance(row) for row in rows[:10]),
            success_rate=succeeded / (succeeded + failed) if succeeded + failed else None,
            median_duration=_median(row[5] - row[4] for row in counted),
        )

    def counts(self, now: Wall, zone: tzinfo) -> Counts:
        """Days begin in that zone, to the half hour."""
        reader = self._reader()
        rows = reader.read("SELECT status, sum(run_count) FROM run_counts GROUP BY status")
        failures = Query(statuses=frozenset({RunStatus.FAILED}), limit=1)
        failed = self.page(failures).runs
        return Counts(dict(rows), failed[0] if failed else None, _days(reader, now, zone))

    def page(self, query: Query) -> Page:
        """Raises: QueryTooLong, HistoryBusy: only for a list sorted by a field that has no index."""
        reader = self._reader()
        counters = _Counters(reader, query)
        found = _Found([])
        if query.order is Order.VALUE:
            found = self._sorted(reader, query, counters)
        elif counters.matching:
            found = _scanned(reader, query, counters)
        skip = query.cursor.skip if query.cursor else query.offset
        keys = found.keys[skip : skip + query.limit]
        cursor = None
        if len(found.keys) > skip + query.limit:
            cursor = Cursor(keys[-1])
        elif found.looked_to:
            cursor = Cursor(found.looked_to, max(0, skip - len(found.keys)))
        runs = _runs(reader, keys)
        return Page(tuple(runs.values()), tuple(runs), counters.total, cursor)

    def notices(self, limit: int, before: tuple[Wall, str] | None) -> list[Mapping[str, Any]]:
        """Rows of the bell, the one that happened last in front, after that with this instant and id."""
        updated_at, notice_id = before or (ALWAYS, "")
        rows = self._reader().read(
            f"{SELECT_NOTICE} WHERE (updated_at, id) < (?, ?) ORDER BY updated_at DESC, id DESC LIMIT ?",
            (updated_at, notice_id, limit),
        )
        return [dict(zip(NOTICE_COLUMNS, row, strict=True)) for row in rows]

    def unread_count(self) -> int:
        [(count,)] = self._reader().read("SELECT count(*) FROM notices WHERE is_read = 0")
        return int(count)

    def has_notice(self, notice_id: str) -> bool:
        return bool(self._reader().read("SELECT 1 FROM notices WHERE id = ?", (notice_id,)))

    def _sorted(self, reader: Reader, query: Query, counters: _Counters) -> _Found:
        if counters.matching <= SORTED_AT_ONCE:
            return _ordered(reader, query)
        if not self._sorting.acquire(blocking=False):
            raise HistoryBusy(
                "the history is being sorted for somebody else",
                "Try again in a moment, or ask for one task, which takes no time.",
            )
        try:
            return _ordered(reader, query)
        finally:
            self._sorting.release()

    def _reader(self) -> Reader:
        """This thread's."""
        mine = self._mine
        if mine.reader is None or mine.generation != self._generation:
            if mine.reader:
                mine.reader.close()
            # The number first: a renewal from here on is seen at the next call.
            mine.generation = self._generation
            mine.reader = Reader(self._data)
        return mine.reader


class _Mine(threading.local):
    """What a thread has of its own."""

    generation = -1
    reader: Reader | None = None


@frozen
class _Found:
    """Where the matching runs stand, more than the page by one if there are; and where looking ended, if it
    did so before the end of the list."""

    keys: list[Key]
    looked_to: Key | None = None


class _Counters:
    """What counters know of a query: ``matching`` runs at most, which is the ``total`` if nothing else is
    filtered; and how many there are of its task and of its statuses."""

    def __init__(self, reader: Reader, query: Query) -> None:
        self.words = words(query.statuses)
        of_all = _run_counts(reader, "", ())
        of_task = of_all
        if query.task_name is not None:
            of_task = _run_counts(reader, "WHERE task_name = ?", (query.task_name,))
        self.of_task = sum(of_task.values())
        self.of_words = sum(of_all.get(word, 0) for word in self.words)
        self.matching = sum(of_task.get(word, 0) for word in self.words) if self.words else self.of_task
        has_others = query.triggered_by or query.search or query.has_range
        self.total = None if has_others else self.matching


def _run_counts(reader: Reader, where: str, parameters: Sequence[object]) -> dict[str, int]:
    sql = f"SELECT status, sum(run_count) FROM run_counts {where} GROUP BY status"  # noqa: S608
    return dict(reader.read(sql, parameters))


def _scanned(reader: Reader, query: Query, counters: _Counters) -> _Found:
    """In the order of an index; at most a stretch of it, where it does not know the filters."""
    select = by_index(query, counters.of_words, counters.of_task)
    after = select.after(query.cursor)
    wanted = select.place(_wanted(query))
    if not select.left:
        return _Found(reader.read(select.sql(after, wanted), select.values))
    end = reader.read(select.sql(after, f"1 OFFSET {STRETCH - 1}"), select.values)
    until = [select.until(end[0])] if end else []
    keys = reader.read(select.sql([*after, *until, *select.left], wanted), select.values)
    return _Found(keys, end[0] if end and len(keys) < _wanted(query) else None)


def _ordered(reader: Reader, query: Query) -> _Found:
    select = by_value(query)
    after = select.after(query.cursor)
    wanted = select.place(_wanted(query))
    return _Found(reader.read(select.sql(after, wanted), select.values, MOST_STEPS))


def _wanted(query: Query) -> int:
    """One more than asked for, as it tells that there are more."""
    return (query.cursor.skip if query.cursor else query.offset) + query.limit + 1


def _runs(reader: Reader, keys: Sequence[Key]) -> dict[Key, Run]:
    """In this order; one that was deleted meanwhile is missing."""
    numbers = [key[-1] for key in keys]
    places = ", ".join("?" * len(numbers))
    rows = reader.read(f"SELECT seq, {', '.join(COLUMNS)} FROM runs WHERE seq IN ({places})", numbers)  # noqa: S608
    by_number = {row[0]: row[1:] for row in rows}
    return {key: run_from(by_number[key[-1]]) for key in keys if key[-1] in by_number}


def _days(reader: Reader, now: Wall, zone: tzinfo) -> tuple[Day, ...]:
    today = datetime.fromtimestamp(now / 1000, zone).date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    begins = [datetime.combine(day, time(), zone).timestamp() for day in days]
    counts: list[dict[EndReason, int]] = [{} for _ in days]
    sql = "SELECT half_hour, end_reason, run_count FROM run_ends WHERE half_hour >= ? AND run_count > 0"
    for half_hour, word, count in reader.read(sql, (int(begins[0]) // BUCKET,)):
        day = counts[max(0, bisect_right(begins, half_hour * BUCKET) - 1)]
        day[EndReason(word)] = day.get(EndReason(word), 0) + count
    return tuple(map(Day, days, counts))


def _median(lengths: Iterable[Millis]) -> Millis | None:
    ordered = sorted(lengths)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) // 2 if ordered else None


def _glance(row: Sequence[Any]) -> Glance:
    run_id, phase, end_reason, exit_code, *_ = row
    return Glance(run_id, Phase(phase), EndReason(end_reason) if end_reason else None, exit_code)
