"""The .meta files beside the logs, read back when the database that knew their runs is lost.

Owns the reading of ``logs/<task>/<stem>.log.meta``; the pump writes them. Trusts nothing in them but the
place where they lie. Called by ``history``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from runwisp.run import Run
from runwisp.runmeta import is_text, run_of

SUFFIX = ".log.meta"
LARGEST = 1024 * 1024
UNUSABLE = (OSError, ValueError, RecursionError)
"""What reading a file raises that holds no run; the last is json's for too many brackets."""


@dataclass(slots=True)
class Metas:
    """Counts grow while ``runs`` is read; what cannot be read is counted and left as it is."""

    logs_dir: str
    read_count: int = 0
    unreadable_count: int = 0

    def runs(self) -> Iterator[Run]:
        """All runs that left a .meta, oldest first, as names of logs begin with the time."""
        for name, task_name in sorted(self._names()):
            try:
                run = _read(f"{self.logs_dir}/{task_name}/{name}")
                run = _placed(run, task_name, name.removesuffix(SUFFIX))
            except UNUSABLE:
                self.unreadable_count += 1
                continue
            self.read_count += 1
            yield run

    def _names(self) -> Iterator[tuple[str, str]]:
        for task in self._entries(self.logs_dir):
            if task.is_dir(follow_symlinks=False):
                for file in self._entries(task.path):
                    if file.name.endswith(SUFFIX):
                        yield file.name, task.name

    def _entries(self, path: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(path) as entries:
                yield from entries
        except FileNotFoundError:
            return
        except OSError:
            self.unreadable_count += 1


def _read(path: str) -> Run:
    """Raises: UNUSABLE."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        text = os.read(fd, LARGEST)
    finally:
        os.close(fd)
    meta = json.loads(text)
    if not isinstance(meta, dict) or not isinstance(meta.get("run"), dict):
        raise ValueError("no run in it")
    totals = meta.get("log")
    return run_of(meta["run"], totals if isinstance(totals, dict) else {})


def _placed(run: Run, task_name: str, log_stem: str) -> Run:
    """Where a log lies is where it will be looked for, whatever its .meta says."""
    if not is_text(task_name + log_stem):
        raise ValueError("a name that no task has")
    return replace(run, task_name=task_name, log_stem=log_stem)
