"""Runs, and histories in a data directory, for the tests of both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from runwisp.clock import Wall
from runwisp.history import History, Opened, open_history
from runwisp.ids import spelled
from runwisp.life import Life, LifeKind
from runwisp.logcap import LogTotals
from runwisp.paths import DataDir
from runwisp.run import EndReason, Run, Trigger, drafted, ended, started, with_totals
from runwisp.task import Task

T0 = Wall(1_700_000_000_000)
LIFE = Life(LifeKind.DAEMON, boot_id="this boot", pid=100, pid_started=5, started_at=T0)
numbers = count(1)
NO_PAGE = bytes(range(1, 129)) * 32


def a_run(task_name: str = "backup", at: int = T0) -> Run:
    """One that was decided on; ids grow in the order of the calls."""
    run_id = spelled(at << 80 | next(numbers))
    return drafted(run_id, Task(name=task_name, run="true", working_dir="/"), Trigger.CRON, Wall(at))


def a_running(task_name: str = "backup", at: int = T0) -> Run:
    return replace(started(a_run(task_name, at), Wall(at)), pid=4711, pid_started=42)


def an_ended(task_name: str = "backup", at: int = T0, log_disk_bytes: int = 1000) -> Run:
    done = ended(a_running(task_name, at), EndReason.SUCCESS, 0, "exited with code 0", Wall(at + 10))
    return with_totals(done, LogTotals(10, 200, 0, log_disk_bytes))


def a_data_dir(path: Path) -> DataDir:
    data = DataDir(str(path / "data"))
    data.prepare()
    return data


@contextmanager
def opened(data: DataDir, life: Life = LIFE, now: int = T0) -> Iterator[Opened]:
    found = open_history(data, life, Wall(now))
    try:
        yield found
    finally:
        found.history.close()


@contextmanager
def history_in(data: DataDir, life: Life = LIFE) -> Iterator[History]:
    with opened(data, life) as found:
        yield found.history


def scribble(path: str, page: int) -> None:
    """Overwrites a page of a database, counted from 0, with what is certainly no page."""
    with open(path, "r+b") as file:
        file.seek(page * 4096)
        file.write(NO_PAGE)
        file.flush()
        os.fsync(file.fileno())
