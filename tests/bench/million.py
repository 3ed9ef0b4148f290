"""Row: pages of a history of a million runs, over HTTP, beside the same rows read by SQLite alone."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from runwisp.runlist import Cursor, Query, spelled
from tests.bench.contenders import Running, runwisp, workshop
from tests.bench.figures import OURS, Result, Target, in_turns
from tests.bench.followers import logged_in, port_of
from tests.bench.rows import row

LIMIT = "SQLite alone"
FILL = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ?)
INSERT INTO runs (
    id, task_name, kind, phase, triggered_by, created_at, log_stem, message, start_at, end_at, end_reason,
    exit_code, replica_index, retry_attempt, log_lines, log_bytes, log_dropped_lines, log_disk_bytes
)
SELECT
    printf('%026d', n), 'task-' || (n % 100), 'task', 'ended', 'cron', ?2 - 2000000000 + n * 1000, 'stem',
    'exited with code 0', ?2 - 2000000000 + n * 1000, ?2 - 2000000000 + n * 1000 + n * 7919 % 60000,
    CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'success' END, 0, 0, 0, 10, 200, 0, 0
FROM counted
"""
COLUMNS = "SELECT * FROM runs"
QUERIES = {
    "first page": f"{COLUMNS} ORDER BY seq DESC LIMIT 50",
    "failures": f"{COLUMNS} WHERE coalesce(end_reason, phase) = 'failed' ORDER BY seq DESC LIMIT 50",
    "last page": f"{COLUMNS} WHERE seq < 50 ORDER BY seq DESC LIMIT 50",
    "summary": "SELECT status, sum(run_count) FROM run_counts GROUP BY status",
}


def filled(folder: Path, count: int) -> None:
    """A history that a daemon made, and as many runs in it, none of a task it has."""
    with runwisp(folder, {}) as running:
        port_of(running)
    with closing(sqlite3.connect(folder / "data/runwisp.db")) as connection, connection:
        connection.execute(FILL, (count, int(time.time() * 1000)))


def p99(ask: Callable[[], object], count: int) -> float:
    """Milliseconds."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)[count * 99 // 100]


def ours(folder: Path, asked: int) -> Mapping[str, float]:
    (folder / "output").unlink()  # the daemon before told another port
    with runwisp(folder, {}) as running:
        return _asked(running, folder, asked)


def _asked(running: Running, folder: Path, count: int) -> Mapping[str, float]:
    port = port_of(running)
    headers = {"Authorization": f"Bearer {logged_in(port, folder)}"}
    with closing(HTTPConnection("127.0.0.1", port)) as connection:

        def get(path: str) -> bytes:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise RuntimeError(content)
            return content

        paths = {
            "first page": "/api/runs",
            "failures": "/api/runs?status=failed",
            "last page": f"/api/runs?before={spelled(Cursor((50,)), Query())}",
            "summary": "/api/runs/summary",
        }
        return {what: p99(partial(get, path), count) for what, path in paths.items()}


def by_itself(folder: Path, asked: int) -> Mapping[str, float]:
    with closing(sqlite3.connect(folder / "data/runwisp.db")) as connection:
        return {
            what: p99(lambda: connection.execute(query).fetchall(), asked)  # noqa: B023, asked at once
            for what, query in QUERIES.items()
        }


CONTENDERS = {OURS: ours, LIMIT: by_itself}


def measure(
    rounds: int = 5, count: int = 1_000_000, asked: int = 300, only: Sequence[str] = ()
) -> list[Result]:
    with workshop() as folder:
        filled(folder, count)
        measured = {name: partial(ask, folder, asked) for name, ask in CONTENDERS.items()}
        found = in_turns(measured, rounds, only)
    target = Target(50, is_most=True, is_ratio=False)
    what = f"a history of {count:,} runs"
    return [Result(f"{what}: {each}, p99", "ms", LIMIT, target, found[each]) for each in QUERIES]


if __name__ == "__main__":
    row(__file__, measure)
