"""A control group with a limit of memory, in which the kernel itself kills what it has to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.waiting import wait_for

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Group:
    """``limit`` and ``used`` are the names of its files in either version of control groups."""

    folder: Path
    limit: str
    used: str

    def bound(self, spare: int) -> None:
        """From here on it has so many bytes more than it uses."""
        used = int((self.folder / self.used).read_text())
        (self.folder / self.limit).write_text(str(used + spare))

    def prefix(self) -> tuple[str, ...]:
        """A command that enters it and executes the rest of its own."""
        return ("/bin/sh", "-c", f'echo $$ > {self.folder}/cgroup.procs; exec "$@"', "sh")

    def is_empty(self) -> bool:
        return not (self.folder / "cgroup.procs").read_text()


@contextmanager
def memory_group() -> Iterator[Group]:
    """Raises: OSError where none can be made."""
    name = f"runwisp-test-{os.getpid()}"
    if (ROOT / "memory/memory.limit_in_bytes").exists():
        group = Group(ROOT / "memory" / name, "memory.limit_in_bytes", "memory.usage_in_bytes")
    else:
        group = Group(ROOT / name, "memory.max", "memory.current")
    group.folder.mkdir()
    try:
        yield group
        wait_for(group.is_empty)
    finally:
        group.folder.rmdir()


def can_make_groups() -> bool:
    try:
        with memory_group() as group:
            return (group.folder / group.limit).exists()
    except OSError:
        return False
