"""How busy this machine and single processes on it are, and what it is.

Reads /proc, nothing else, and keeps nothing: a usage is the difference of two looks, which the caller keeps.
Called by web. Sources: proc_stat(5), proc_meminfo(5), proc_pid_stat(5), proc_pid_statm(5), uname(2).
"""

from __future__ import annotations

import os

from runwisp.frozen import frozen

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@frozen
class Cpu:
    """Clock ticks of all cores since boot."""

    busy: int
    total: int


@frozen
class Memory:
    """Bytes. ``used`` is what a program could not have."""

    total: int
    used: int


@frozen
class Process:
    """``cpu_ticks`` since it started."""

    cpu_ticks: int
    rss_bytes: int


@frozen
class Identity:
    host: str
    os: str
    arch: str
    cpu_cores: int


def identity() -> Identity:
    name = os.uname()
    return Identity(name.nodename, f"{name.sysname} {name.release}", name.machine, os.cpu_count() or 1)


def cpu() -> Cpu:
    """Guests are counted as user already; waiting for a disk is idling, and stolen time is not ours."""
    user, nice, system, idle, iowait, irq, softirq, steal, *_ = map(
        int, _first_line("/proc/stat").split()[1:]
    )
    busy = user + nice + system + irq + softirq
    return Cpu(busy, busy + idle + iowait + steal)


def memory() -> Memory:
    with open("/proc/meminfo", encoding="ascii") as lines:
        kibibytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    total = kibibytes["MemTotal"] * 1024
    return Memory(total, total - kibibytes["MemAvailable"] * 1024)


def process(pid: int) -> Process | None:
    """None when there is none."""
    try:
        # The command name may hold blanks and parentheses: fields count from the last one.
        stat = _first_line(f"/proc/{pid}/stat").rpartition(")")[2].split()
        resident = _first_line(f"/proc/{pid}/statm").split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Process(int(stat[11]) + int(stat[12]), int(resident) * PAGE)


def _first_line(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.readline()
