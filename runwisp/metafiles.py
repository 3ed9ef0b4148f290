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
from runwisp.runmeta import run_of

SUFFIX = ".log.meta"
LARGEST = 1024 * 1024


@dataclass(slots=True)
class Metas:
    """Counts grow while ``runs`` is read."""

    logs_dir: str
    read_count: int = 0
    unreadable_count: int = 0

    def runs(self) -> Iterator[Run]:
        """All runs that left a .meta, oldest first, as names of logs begin with the time."""
        for name, task_name in sorted(self._names()):
            try:
                run = _read(f"{self.logs_dir}/{task_name}/{name}")
            except (OSError, ValueError):
                self.unreadable_count += 1
                continue
            self.read_count += 1
            yield replace(run, task_name=task_name, log_stem=name.removesuffix(SUFFIX))

    def _names(self) -> Iterator[tuple[str, str]]:
        for task in _entries(self.logs_dir):
            if task.is_dir(follow_symlinks=False):
                yield from (
                    (file.name, task.name) for file in _entries(task.path) if file.name.endswith(SUFFIX)
                )


def _entries(path: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            yield from entries
    except FileNotFoundError:
        return


def _read(path: str) -> Run:
    """Raises: OSError, ValueError."""
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
