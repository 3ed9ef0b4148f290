"""What is read of the history is what is in it: page by page in any order, and from a bounded part of it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp import historyreader
from runwisp.clock import DAY, HOUR, MINUTE, SECOND, Wall
from runwisp.errors import HistoryBusy, HistoryMalformed, HistoryUnwritable, QueryTooLong
from runwisp.history import open_history
from runwisp.historyreader import HistoryReader
from runwisp.paths import DataDir
from runwisp.run import EndReason, Phase, Run, Trigger, Usage, ended, started, with_usage
from runwisp.runlist import Cursor, Query, RunStatus, SortField, words
from runwisp.store import Parameters, Reader
from tests.integration.rows import LIFE, T0, a_data_dir, a_run, a_running, an_ended, history_in

TASKS = ("backup", "mail", "rotate%logs")
COUNT = 400


def some_runs() -> list[Run]:
    """In the order of recording, of all kinds, under a clock that is set back and forth."""
    dice = Random(11)  # noqa: S311, nobody is to be surprised
    found = []
    clock = T0
    for _ in range(COUNT):
        clock = Wall(clock + dice.choice((0, 1, 1000, MINUTE, -2 * MINUTE)))
        run = replace(
            a_run(dice.choice(TASKS), clock),
            triggered_by=dice.choice((Trigger.CRON, Trigger.CRON, Trigger.API)),
        )
        if dice.random() < 0.95:
            run = _ended(run, dice)
        found.append(run)
    return found


def _ended(run: Run, dice: Random) -> Run:
    at = run.created_at
    if dice.random() < 0.1:
        return ended(run, EndReason.SKIPPED, -1, "task already running, skipping (policy: skip)", at)
    run = with_usage(
        started(run, at), Usage(dice.choice((0.0, 0.5, 2.25)), dice.choice((None, 10**6, 10**7)))
    )
    reason = dice.choice((EndReason.SUCCESS, EndReason.SUCCESS, EndReason.FAILED, EndReason.STOPPED))
    return ended(
        run, reason, dice.randrange(3), f"exited with 100% of code {dice.randrange(3)}", Wall(at + 10)
    )


ALL = some_runs()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    data = a_data_dir(tmp_path_factory.mktemp("read"))
    with history_in(data) as history:
        history.save(ALL)
    return data


@pytest.fixture
def reader(data: DataDir) -> Iterator[HistoryReader]:
    with closing(HistoryReader(data)) as reader:
        yield reader


def value_of(run: Run, field: SortField) -> tuple[bool, object]:
    """What is absent comes first."""
    if field is SortField.DURATION:
        is_timed = run.start_at is not None and run.end_at is not None
        value: object = run.end_at - run.start_at if is_timed else None  # type: ignore[operator]
    else:
        value = getattr(run, field)
    return value is not None, value if value is not None else 0


def expected(query: Query) -> list[str]:
    """The ids, by hand."""
    found = [
        run
        for run in ALL
        if (query.task_name is None or run.task_name == query.task_name)
        and (not query.statuses or (run.end_reason or run.phase) in words(query.statuses))
        and (not query.triggered_by or run.triggered_by in query.triggered_by)
        and any(query.search.lower() in text.lower() for text in (run.task_name, run.message, run.id))
        and (query.created_after is None or run.created_at >= query.created_after)
        and (query.created_before is None or run.created_at < query.created_before)
    ]
    if not query.is_ascending:
        found.reverse()
    if query.has_range or query.sort_field is not SortField.CREATED_AT:
        found.sort(key=lambda run: value_of(run, query.sort_field), reverse=not query.is_ascending)
    return [run.id for run in found]


def walked(reader: HistoryReader, query: Query) -> list[str]:
    """The ids of all pages, one after another."""
    found: list[str] = []
    while True:
        page = reader.page(query)
        assert len(page.runs) <= query.limit
        found += [run.id for run in page.runs]
        if page.cursor is None:
            return found
        query = replace(query, cursor=page.cursor)


queries = st.builds(
    Query,
    task_name=st.none() | st.sampled_from((*TASKS, "unknown")),
    statuses=st.frozensets(st.sampled_from(RunStatus), max_size=3),
    triggered_by=st.frozensets(st.sampled_from(Trigger), max_size=2),
    search=st.sampled_from(("", "", "MAIL", "100%", "code 1", "_", "!")),
    created_after=st.none() | st.integers(T0 - HOUR, T0 + HOUR).map(Wall),
    created_before=st.none() | st.integers(T0 - HOUR, T0 + HOUR).map(Wall),
    sort_field=st.sampled_from(SortField) | st.just(SortField.CREATED_AT),
    is_ascending=st.booleans(),
    limit=st.sampled_from((1, 7, 50, 1000)),
    offset=st.sampled_from((0, 0, 3, 60)),
)


@given(query=queries, stretch=st.sampled_from((1, 5, 64, 20_000)))
def test_the_pages_of_any_list_are_all_that_matches_once_and_in_order(
    data: DataDir, query: Query, stretch: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, closing(HistoryReader(data)) as reader:
        patch.setattr(historyreader, "STRETCH", stretch)
        assert walked(reader, query) == expected(query)[query.offset :]


@given(query=queries)
def test_any_list_goes_on_after_the_key_of_any_of_its_runs(data: DataDir, query: Query) -> None:
    with closing(HistoryReader(data)) as reader:
        page = reader.page(query)
        assert len(page.keys) == len(page.runs)
        for nth, key in enumerate(page.keys[:3], start=1):
            rest = walked(reader, replace(query, limit=1000, cursor=Cursor(key)))
            assert rest == expected(query)[query.offset + nth :]


@given(task_name=st.none() | st.sampled_from(TASKS), statuses=st.frozensets(st.sampled_from(RunStatus)))
def test_the_total_is_what_matches(
    data: DataDir, task_name: str | None, statuses: frozenset[RunStatus]
) -> None:
    query = Query(task_name=task_name, statuses=statuses, limit=1)
    with closing(HistoryReader(data)) as reader:
        assert reader.page(query).total == len(expected(query))


@pytest.mark.parametrize(
    "query",
    [
        Query(search="mail"),
        Query(triggered_by=frozenset({Trigger.API})),
        Query(created_after=T0),
        Query(created_before=T0),
    ],
)
def test_where_no_counter_knows_the_total_none_is_told(reader: HistoryReader, query: Query) -> None:
    assert reader.page(query).total is None


def test_a_filter_without_an_index_is_looked_for_in_one_stretch_at_a_time(
    reader: HistoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(historyreader, "STRETCH", 10)
    page = reader.page(Query(search="nowhere"))
    assert page.runs == ()
    assert page.cursor == Cursor((COUNT - 9,))


def test_a_list_that_would_take_too_long_to_sort_is_refused(
    reader: HistoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(historyreader, "MOST_STEPS", 1000)
    with pytest.raises(QueryTooLong, match="too many runs"):
        reader.page(Query(sort_field=SortField.DURATION))
    assert reader.page(Query()).runs, "the limit is of that list alone"


def test_one_long_list_at_a_time_is_sorted(reader: HistoryReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(historyreader, "SORTED_AT_ONCE", 10)
    query = Query(sort_field=SortField.DURATION)
    with reader._sorting, pytest.raises(HistoryBusy):
        reader.page(query)
    assert reader.page(query).runs


def test_a_run_is_found_by_its_id(reader: HistoryReader) -> None:
    assert reader.run(ALL[7].id) == ALL[7]
    assert reader.run("0" * 26) is None


def test_a_task_is_known_by_its_runs(reader: HistoryReader) -> None:
    assert reader.knows_task("mail")
    assert not reader.knows_task("nobody")


# How a task fared


def a_day(tmp_path: Path, runs: list[Run]) -> HistoryReader:
    data = a_data_dir(tmp_path)
    with history_in(data) as history:
        history.save(runs)
    return HistoryReader(data)


def lasting(length: int, reason: EndReason) -> Run:
    running = a_running()
    return ended(running, reason, 0, "", Wall(running.created_at + length))


def test_lately_counts_only_what_started_and_takes_no_side_for_what_was_stopped(tmp_path: Path) -> None:
    runs = [
        lasting(1 * SECOND, EndReason.SUCCESS),
        lasting(2 * SECOND, EndReason.FAILED),
        lasting(9 * SECOND, EndReason.SUCCESS),
        lasting(4 * SECOND, EndReason.STOPPED),
        ended(a_run(), EndReason.SKIPPED, -1, "", T0),
        ended(a_run(), EndReason.MISSED, -1, "", T0),
        a_running(),
    ]
    with closing(a_day(tmp_path, runs)) as reader:
        lately = reader.lately("backup")
    assert lately.success_rate == 2 / 3
    assert lately.median_duration == 3 * SECOND
    assert lately.last_run == runs[-1]
    assert [each.id for each in lately.recent] == [run.id for run in reversed(runs)]


def test_lately_is_of_the_newest_fifty_runs(tmp_path: Path) -> None:
    runs = [lasting(SECOND, EndReason.FAILED)] + [lasting(SECOND, EndReason.SUCCESS) for _ in range(50)]
    with closing(a_day(tmp_path, runs)) as reader:
        lately = reader.lately("backup")
    assert lately.success_rate == 1
    assert len(lately.recent) == 10


def test_a_task_that_never_ran_has_no_rate(tmp_path: Path) -> None:
    with closing(a_day(tmp_path, [])) as reader:
        lately = reader.lately("backup")
    assert (lately.last_run, lately.success_rate, lately.median_duration) == (None, None, None)


# By day


def test_days_begin_in_the_daemons_zone(tmp_path: Path) -> None:
    midnight = Wall(1_700_002_800_000)  # of Berlin, 2023-11-15
    runs = [an_ended(at=midnight - 1 - 10), an_ended(at=midnight), an_ended(at=midnight + DAY - 100)]
    with closing(a_day(tmp_path, runs)) as reader:
        counts = reader.counts(Wall(midnight + DAY + 1), ZoneInfo("Europe/Berlin"))
    assert len(counts.days) == 30
    by_day = {day.day.isoformat(): day.counts for day in counts.days if day.counts}
    assert by_day == {"2023-11-14": {EndReason.SUCCESS: 1}, "2023-11-15": {EndReason.SUCCESS: 2}}


def test_days_count_what_ended_also_when_it_is_no_longer_there(tmp_path: Path) -> None:
    data = a_data_dir(tmp_path)
    with history_in(data) as history:
        history.save([an_ended()])
        assert history.delete_aged("backup", Wall(T0 + 1), 10)
    with closing(HistoryReader(data)) as reader:
        counts = reader.counts(Wall(T0), ZoneInfo("UTC"))
    assert sum(counts.by_status.values()) == 0
    assert counts.days[-1].counts == {EndReason.SUCCESS: 1}


def test_the_last_failure_is_told(tmp_path: Path) -> None:
    failed = lasting(SECOND, EndReason.TIMEOUT)
    with closing(
        a_day(tmp_path, [lasting(SECOND, EndReason.FAILED), failed, an_ended(), a_running()])
    ) as reader:
        counts = reader.counts(Wall(T0), ZoneInfo("UTC"))
    assert counts.last_failure == failed
    assert counts.by_status == {
        EndReason.FAILED: 1,
        EndReason.TIMEOUT: 1,
        EndReason.SUCCESS: 1,
        Phase.RUNNING: 1,
    }


# Beside the writer


def test_what_was_just_saved_is_seen_and_the_writer_never_waits(tmp_path: Path) -> None:
    data = a_data_dir(tmp_path)
    with history_in(data) as history, closing(HistoryReader(data)) as reader:
        for _ in range(3):
            run = an_ended()
            history.save([run])
            assert reader.run(run.id) == run


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    with closing(a_day(tmp_path, [])) as reader, pytest.raises(HistoryUnwritable, match="readonly"):
        reader._reader().read("DELETE FROM runs")


def test_a_name_that_an_address_would_take_apart_is_a_name(tmp_path: Path) -> None:
    data = DataDir(str(tmp_path / "what?#100%41"))
    data.prepare()
    with history_in(data) as history:
        history.save(ALL[:1])
    with closing(HistoryReader(data)) as reader:
        assert reader.run(ALL[0].id) == ALL[0]


def test_a_history_that_is_not_there_is_an_error_and_makes_none(tmp_path: Path) -> None:
    data = a_data_dir(tmp_path)
    with closing(HistoryReader(data)) as reader, pytest.raises(HistoryUnwritable):
        reader.run(ALL[0].id)
    assert not (tmp_path / "data" / "runwisp.db").exists()


def test_a_malformed_history_is_said_to_be_so(tmp_path: Path) -> None:
    data = a_data_dir(tmp_path)
    (tmp_path / "data" / "runwisp.db").write_bytes(b"no database" * 1000)
    with closing(HistoryReader(data)) as reader, pytest.raises(HistoryMalformed):
        reader.run(ALL[0].id)


def test_every_thread_reads_the_new_history_once_there_is_one(tmp_path: Path) -> None:
    data = a_data_dir(tmp_path)
    old, new = an_ended(), an_ended()
    opened = open_history(data, LIFE, T0)
    opened.history.save([old])
    reader = HistoryReader(data)
    assert reader.run(old.id) == old
    renewed = opened.history.renewed(Wall(T0 + 1), "for a test").history
    renewed.save([new])
    reader.renew()
    seen: list[Run | None] = []

    def look() -> None:
        seen.extend((reader.run(old.id), reader.run(new.id)))
        reader.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    look()
    renewed.close()
    assert seen == [None, new, None, new]


# A million


MILLION = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :count)
INSERT INTO runs (
    id, task_name, kind, phase, triggered_by, created_at, log_stem, message, scheduled_for, start_at, end_at,
    end_reason, exit_code, replica_index, retry_attempt, log_lines, log_bytes, log_dropped_lines,
    log_disk_bytes
)
SELECT
    printf('%026d', n), 'task-' || (n % 100), 'task', 'ended', 'cron', :t0 + n * 1000, 'stem', 'exited',
    :t0 + n * 1000, :t0 + n * 1000, :t0 + n * 1000 + n * 7919 % 60000,
    CASE WHEN n % 1000 = 0 THEN 'timeout' WHEN n % 50 = 0 THEN 'failed' ELSE 'success' END,
    0, 0, 0, 10, 200, 0, 1000
FROM counted
"""

FAST = (
    Query(),
    Query(limit=100),
    Query(offset=10_000),
    Query(cursor=Cursor((40,))),
    Query(is_ascending=True),
    Query(statuses=frozenset({RunStatus.FAILED})),
    Query(statuses=frozenset({RunStatus.ENDED})),
    Query(statuses=frozenset({RunStatus.RUNNING})),
    Query(task_name="task-7"),
    Query(task_name="task-7", statuses=frozenset({RunStatus.TIMEOUT})),
    Query(task_name="task-50", statuses=frozenset({RunStatus.FAILED})),
    Query(created_after=Wall(T0 + 500_000_000), created_before=Wall(T0 + 600_000_000)),
    Query(search="nowhere"),
    Query(triggered_by=frozenset({Trigger.API})),
    Query(task_name="task-7", sort_field=SortField.DURATION),
)

STEPS_OF_50_MS = 2_000_000
"""Of SQLite's machine, which takes some 20 ns for one: the same on any machine."""


def filled(tmp_path: Path, count: int) -> DataDir:
    data = a_data_dir(tmp_path)
    with history_in(data):
        pass
    with closing(sqlite3.connect(data.database)) as connection, connection:
        connection.execute(MILLION, {"count": count, "t0": T0})
    return data


def check_bounded(data: DataDir, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer within the steps, which no time of a busy machine can spoil."""
    read = Reader.read

    def read_within(self: Reader, sql: str, parameters: Parameters = (), _most: int | None = None) -> object:
        return read(self, sql, parameters, steps)

    monkeypatch.setattr(Reader, "read", read_within)
    with closing(HistoryReader(data)) as reader:
        for query in FAST:
            reader.page(query)
        reader.counts(Wall(T0 + 30 * DAY), ZoneInfo("UTC"))
        reader.lately("task-7")


@pytest.mark.fault("load", "1,000,000 rows")
def test_an_answer_takes_few_steps_over_many_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = filled(tmp_path, 30_000)
    check_bounded(data, STEPS_OF_50_MS, monkeypatch)


@pytest.mark.fault("load", "1,000,000 rows")
@pytest.mark.slow
def test_an_answer_takes_as_few_steps_over_a_million_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_bounded(filled(tmp_path, 1_000_000), STEPS_OF_50_MS, monkeypatch)
