"""Search through the logs of several runs: order, bounds, and going on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.clock import SECOND, Wall
from runwisp.errors import UsageError
from runwisp.logcap import LogOnFull
from runwisp.logfile import LogFiles
from runwisp.logline import Stream
from runwisp.logsearch import Found, Place, Query, search
from runwisp.logwriter import LogWriter

NOW = Wall(1_700_000_000_000)


def never() -> bool:
    return False


@pytest.fixture
def runs() -> Iterator[list[tuple[str, LogFiles]]]:
    """Two runs, the newest first, and one whose log is gone."""
    directory = tempfile.mkdtemp()
    made = []
    for run_id in ("NEW", "GONE", "OLD"):
        files = LogFiles(directory, "task", f"20260101_000000_{run_id}")
        made.append((run_id, files))
        if run_id != "GONE":
            write(files, run_id)
    yield made
    shutil.rmtree(directory)


def write(files: LogFiles, run_id: str) -> None:
    writer = LogWriter(files, run_id=run_id, cap=0, on_full=LogOnFull.DROP_OLD, meta="{}")
    for number in range(3):
        line = f"Out {number} of {run_id}\n".encode()
        writer.write(Stream.STDOUT, line, 0, len(line), NOW)
        writer.write(Stream.STDERR, b"problem\n", 0, 8, NOW)
    writer.finish("{}", NOW)


def where(found: Found) -> list[tuple[str, int]]:
    return [(hit.run_id, hit.line.n) for hit in found.hits]


def test_the_newest_run_comes_first_and_a_missing_log_is_passed_over(
    runs: list[tuple[str, LogFiles]],
) -> None:
    found = search(runs, Query("Out 1"), limit=10, is_late=never)
    assert where(found) == [("NEW", 3), ("OLD", 3)]
    assert found.cursor is None


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (Query("out"), 0),
        (Query("out", is_case_ignored=True), 6),
        (Query(r"^Out [12] of (NEW|OLD)$", is_regex=True), 4),
        (Query("Out [12]"), 0),
        (Query("problem", stream=Stream.STDOUT), 0),
        (Query("problem", stream=Stream.STDERR), 6),
        (Query("ERR"), 0),
        (Query(""), 12),
    ],
)
def test_a_query_means_what_it_says(runs: list[tuple[str, LogFiles]], query: Query, count: int) -> None:
    assert len(search(runs, query, limit=100, is_late=never).hits) == count


def test_going_on_from_cursors_gives_every_hit_once(runs: list[tuple[str, LogFiles]]) -> None:
    whole = where(search(runs, Query("problem"), limit=100, is_late=never))
    parts: list[tuple[str, int]] = []
    cursor: Place | None = None
    while True:
        found = search(runs, Query("problem"), limit=2, is_late=never, cursor=cursor)
        parts += where(found)
        cursor = found.cursor
        if cursor is None:
            break
    assert parts == whole


def test_a_search_that_is_late_stops_and_goes_on(runs: list[tuple[str, LogFiles]]) -> None:
    found = search(runs, Query("problem"), limit=100, is_late=lambda: True)
    assert where(found) == [("NEW", 2), ("NEW", 4), ("NEW", 6)]
    assert found.cursor == Place("GONE", 1)
    rest = search(runs, Query("problem"), limit=100, is_late=never, cursor=found.cursor)
    assert where(rest) == [("OLD", 2), ("OLD", 4), ("OLD", 6)]


def long_log(files: LogFiles) -> LogWriter:
    return LogWriter(files, run_id="LONG", cap=0, on_full=LogOnFull.DROP_OLD, meta="{}")


def searched_bit_by_bit(files: LogFiles, query: Query) -> tuple[Found, int]:
    """What is found at last, and in how many searches of no time at all."""
    cursor: Place | None = None
    searches = 0
    while True:
        found = search([("LONG", files)], query, limit=9, is_late=lambda: True, cursor=cursor)
        searches += 1
        cursor = found.cursor
        if found.hits or cursor is None:
            return found, searches


def test_a_search_stops_within_one_long_log(tmp_path: Path) -> None:
    files = LogFiles(str(tmp_path), "task", "stem")
    writer = long_log(files)
    block = (b"x" * 99 + b"\n") * 10_000
    for _ in range(3):
        writer.write(Stream.STDOUT, block, 0, len(block), NOW)
    writer.write(Stream.STDOUT, b"needle\n", 0, 7, NOW)
    writer.finish("{}", NOW)
    found, searches = searched_bit_by_bit(files, Query("needle"))
    assert where(found) == [("LONG", 30_001)]
    assert searches > 2


def test_a_search_for_a_rare_stream_stops_on_the_way_to_it(tmp_path: Path) -> None:
    files = LogFiles(str(tmp_path), "task", "stem")
    writer = long_log(files)
    for second in range(5000):
        writer.write(Stream.STDOUT, b"tick\n", 0, 5, Wall(NOW + second * SECOND))
    writer.write(Stream.STDERR, b"problem\n", 0, 8, NOW)
    writer.finish("{}", NOW)
    found, searches = searched_bit_by_bit(files, Query("problem", stream=Stream.STDERR))
    assert where(found) == [("LONG", 5001)]
    assert searches > 2


def test_a_pattern_that_is_no_expression_is_refused(runs: list[tuple[str, LogFiles]]) -> None:
    with pytest.raises(UsageError, match="not a regular expression"):
        search(runs, Query("(", is_regex=True), limit=1, is_late=never)
