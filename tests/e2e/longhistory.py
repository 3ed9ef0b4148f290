"""A history that took long to come about, made at once: runs of some tasks, evenly until now."""

from __future__ import annotations

from runwisp import host
from runwisp.clock import Millis
from tests.e2e.conftest import Site

# Given: how many, of how many tasks, since when, over how long.
RUNS = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ?1)
INSERT INTO runs (
    id, task_name, kind, phase, triggered_by, created_at, log_stem, message, scheduled_for, start_at, end_at,
    end_reason, exit_code, replica_index, retry_attempt, log_lines, log_bytes, log_dropped_lines,
    log_disk_bytes, max_rss_bytes, cpu_seconds
)
SELECT
    printf('0%025d', n), 'task-' || (n % ?2), 'task', 'ended', iif(n % 10 = 0, 'api', 'cron'),
    ?3 + n * ?4 / ?1, 'stem', 'run number ' || n, ?3 + n * ?4 / ?1,
    ?3 + n * ?4 / ?1, ?3 + n * ?4 / ?1 + 1000 + n * 7919 % 60000,
    CASE WHEN n % 1000 = 0 THEN 'timeout' WHEN n % 50 = 0 THEN 'failed' ELSE 'success' END,
    iif(n % 50 = 0, 1, 0), 0, 0, 10, 200, 0, 1000, 1000000 + n % 5000, 0.5
FROM counted
"""


def tasks(count: int) -> str:
    """Their configuration: they run once a year and keep everything."""
    return "\n".join(
        f"""
[tasks.task-{number}]
group = "Group {number % 20}"
cron = "0 0 1 1 *"
run = "true"
keep_runs = -1
keep_for = "unlimited"
"""
        for number in range(count)
    )


def start(site: Site, *, runs: int, of_tasks: int, over: Millis, more: str = "") -> None:
    """A daemon with so many runs of so many tasks, the last of them of just now."""
    site.start(tasks(of_tasks) + more).stop()
    site.house.pretend(RUNS, runs, of_tasks, host.wall() - over, over)
    site.start()
