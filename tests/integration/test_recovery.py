"""What a former life left running is ended, whatever the machine allows for watching it."""

from __future__ import annotations

import errno
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from runwisp import host, procfs
from runwisp.clock import HOUR, Millis, Wall
from runwisp.daemon.recovery import Recovery
from runwisp.daemonlog import Format, Level, Log
from runwisp.launch import Launched, Launcher
from runwisp.life import Life, LifeKind
from runwisp.loop import Loop
from runwisp.procfs import members_of
from runwisp.run import Run, started
from runwisp.task import Task
from tests.integration.conftest import open_fds
from tests.integration.launching import Bench, child, read_line
from tests.integration.waiting import wait_for


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.chdir(tmp_path)
    data_dir, folder = str(tmp_path / "data"), str(tmp_path)
    mark = {name: os.environ[name] for name in ("PATH", "TEST_THAT_STARTED_THIS")}
    with closing(Bench(Launcher(mark, frozenset(), data_dir, 1024, folder), data_dir, folder)) as bench:
        yield bench


def recover(bench: Bench, task: Task, launched: Launched, run: Run, most: Millis = HOUR) -> None:
    """As a daemon does that finds the row of a run and its processes; waits until they are gone."""
    run = replace(started(run, Wall(0)), pid=launched.pid, pid_started=launched.pid_started)
    life = Life(LifeKind.DAEMON, procfs.boot_id(), os.getpid(), 0, Wall(0))
    done: list[bool] = []
    with closing(Loop()) as loop:
        recovery = Recovery(
            loop,
            Log(sys.stderr.fileno(), Level.ERROR, Format.TEXT, host.wall),
            bench.data_dir,
            lambda: done.append(True),
        )
        recovery.begin(host.now(), [(run, life)], {task.name: task}, most)
        while not done:
            loop.wait(host.now())
            if loop.timers.due(host.now().mono):
                recovery.due(host.now())
    assert done == [True]
    assert not members_of({run.id}, bench.data_dir, {launched.pid: run.id})


@contextmanager
def few_descriptors(free: int) -> Iterator[None]:
    """No more than so many can be opened."""
    taken = open_fds()
    limit = next(limit for limit in count() if limit - len([fd for fd in taken if fd < limit]) == free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_processes_than_descriptors_are_ended(bench: Bench) -> None:
    task = bench.task("for i in $(seq 40); do sleep 1000 & done; wait")
    launched, run = bench.start(task)
    wait_for(lambda: len(members_of({run.id}, bench.data_dir)) == 41)
    with few_descriptors(10):
        recover(bench, task, launched, run)


def test_what_is_deaf_is_killed_after_its_grace_where_there_are_no_pidfds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_pid: int) -> int:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    task = bench.task(child("ignore_term"), graceful_stop=100)
    launched, run = bench.start(task)
    assert read_line(launched.stdout_fd) == "ready"
    recover(bench, task, launched, run)
    assert bench.end(launched).exit_code == 137


def test_one_long_grace_does_not_keep_everything_else_from_starting(bench: Bench) -> None:
    task = bench.task(child("ignore_term"), graceful_stop=HOUR)
    launched, run = bench.start(task)
    assert read_line(launched.stdout_fd) == "ready"
    recover(bench, task, launched, run, most=100)
    assert bench.end(launched).exit_code == 137
