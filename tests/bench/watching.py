"""Looking at processes from outside, the same for every contender: which there are, what they cost.

Source: proc(5).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

MARK = "BENCH_FOLDER"
"""In the environment of everything that a contender starts, so that nothing is left behind."""
PATIENCE = 60.0


def wait_until(is_so: Callable[[], bool], every: float, patience: float = PATIENCE) -> float:
    """The monotonic time at which it was so. Raises: TimeoutError."""
    deadline = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{is_so} is still not so after {patience:g} s")
        time.sleep(every)
    return time.monotonic()


@dataclass(slots=True)
class Census:
    """The processes with one command line that were not there when it began."""

    command: tuple[str, ...]
    found: set[int] = field(default_factory=set)
    _strangers: set[str] = field(default_factory=lambda: set(_pids()))

    def count(self) -> int:
        """How many were ever seen; asks only those that are new or have not got to exec."""
        wanted = "".join(f"{word}\0" for word in self.command).encode()
        for pid in _pids() - self._strangers:
            line = _read(pid, "cmdline")
            if line == wanted:
                self.found.add(int(pid))
                self._strangers.add(pid)
        return len(self.found)


def family(pid: int) -> list[int]:
    """A process and its living descendants."""
    children: dict[int, list[int]] = {}
    for each in _pids():
        stat = _read(each, "stat").rpartition(b")")[2].split()
        if stat and stat[0] not in (b"Z", b"X"):
            children.setdefault(int(stat[1]), []).append(int(each))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def helpers(pid: int, command: tuple[str, ...]) -> list[int]:
    """A contender's own processes: its family but for those that it runs."""
    theirs = "".join(f"{word}\0" for word in command).encode()
    return [each for each in family(pid) if _read(str(each), "cmdline") != theirs]


def that_run(module: str, pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if module.encode() in _read(str(pid), "cmdline")]


def pss_mib(pids: Iterable[int]) -> float:
    """Memory, with what is shared split among those who share it."""
    total = 0
    for pid in pids:
        for line in _read(str(pid), "smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                total += int(line.split()[1])
    return total / 1024


def cpu_seconds(pids: Iterable[int]) -> float:
    """Of all threads that live; by the scheduler's own clock, as ticks are too coarse for an idle daemon."""
    total = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            total += int(_read(str(pid), f"task/{thread}/schedstat").split()[0])
    return total / 1e9


def wakeups(pids: Iterable[int]) -> int:
    total = 0
    for pid in pids:
        for line in _read(str(pid), "status").splitlines():
            if line.startswith(b"voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


def open_files(pid: int) -> int:
    with suppress(FileNotFoundError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return 0


def has_open(pid: int, path: str) -> bool:
    folder = f"/proc/{pid}/fd"
    with suppress(FileNotFoundError):
        return path in [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]
    return False


def end_all(folder: str) -> None:
    """Whatever a contender that worked in that folder left running."""
    wanted = f"{MARK}={folder}".encode()
    for pid in _pids():
        if int(pid) != os.getpid() and wanted in _read(pid, "environ").split(b"\0"):
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def _pids() -> set[str]:
    return {name for name in os.listdir("/proc") if name.isdecimal()}


def _read(pid: str, name: str) -> bytes:
    """Empty when the process is gone."""
    with suppress(OSError), open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:
        return file.read()
    return b""
