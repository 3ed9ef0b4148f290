"""What a process is to its children: where orphans go, what it hands on, how it learns of their ends.

Owns wait4(2) and the few settings of our own process that children feel. Never decides whose an ended process
was. Called by the daemon and by `exec`. Sources: wait4(2), getrusage(2), prctl(2), close_range(2).
"""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Iterator
from signal import Signals

from runwisp.frozen import frozen
from runwisp.run import Usage

KIBIBYTE = 1024
SLACK = 1024 * KIBIBYTE
"""The kernel counts pages a CPU at a time and adds up roughly: two figures of one peak differ by some."""


@frozen
class Death:
    """A reaped child; ``message`` says in words how it ended."""

    pid: int
    exit_code: int
    message: str
    usage: Usage


def reap() -> Iterator[Death]:
    """Every child that has ended, orphans that came to us among them. Never waits."""
    floor = 0
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        floor = floor or own_peak() + SLACK
        yield Death(pid, *verdict(status), usage_of(used, floor))


def verdict(status: int) -> tuple[int, str]:
    """Exit code, 128+N for an end by signal N, and the same in words."""
    if not os.WIFSIGNALED(status):
        code = os.WEXITSTATUS(status)
        return code, f"exited with code {code}"
    number = os.WTERMSIG(status)
    core = " (core dumped)" if os.WCOREDUMP(status) else ""
    return 128 + number, f"killed by {_signal_name(number)}{core}"


def usage_of(used: resource.struct_rusage, floor: int) -> Usage:
    """A child shares our memory until it executes its program, so its peak is never below ours: a figure
    at that ``floor`` tells of us, not of it.
    """
    peak = used.ru_maxrss * KIBIBYTE
    return Usage(round(used.ru_utime + used.ru_stime, 6), peak if peak > floor else None)


def own_peak() -> int:
    """The most memory we ever had at once. getrusage(2) would count the program that executed us, too."""
    with open("/proc/self/status", "rb", buffering=0) as status:
        found = re.search(rb"^VmHWM:\s+(\d+) kB", status.read(), re.MULTILINE)
    assert found
    return int(found[1]) * KIBIBYTE


def set_subreaper() -> None:
    """Orphaned descendants become our children instead of init's: none escapes being reaped.

    The standard library has no prctl(2); ctypes is loaded for this one call.
    """
    import ctypes  # noqa: PLC0415  (only a daemon pays for it)

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(36, 1, 0, 0, 0):  # PR_SET_CHILD_SUBREAPER
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def raise_open_files_limit() -> int:
    """Allow ourselves as many open files as we may; gives the soft limit there was, which runs get."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft


def seal_descriptors() -> None:
    """What our parent left open reaches no child; 0 to 2 are taken, so that no pipe gets these numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            _seal(int(name))


def _seal(fd: int) -> None:
    try:
        os.set_inheritable(fd, False)
    except OSError:
        return  # the descriptor of the listing itself, closed by now


def _signal_name(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"
