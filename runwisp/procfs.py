"""Looking at processes through /proc, and signalling them without ever hitting a stranger.

A process is known by its pid *and* the kernel's start time, as a pid alone may long be somebody else's. Never
waits, never reaps (see ``reaper``). Called by the daemon. Sources: proc(5), pidfd_open(2), kill(2).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from signal import Signals

from runwisp.environment import DATA, RUN_ID
from runwisp.frozen import frozen

BLOCK = 16_384


@frozen
class Member:
    """A living process of a run. ``started`` in clock ticks since boot, ``comm`` its command name."""

    pid: int
    started: int
    pgid: int
    sid: int
    comm: str
    run_id: str


@frozen
class Target:
    """A run to be signalled: its first process, which leads its group while it is not reaped, and those
    ``known`` of its session that outlived it.
    """

    run_id: str
    pid: int
    is_reaped: bool
    known: Sequence[Member] = ()


class Outcome(StrEnum):
    SENT = "sent"
    GONE = "gone"
    NOT_PERMITTED = "not_permitted"


def boot_id() -> str:
    """What changes with every boot, and with it the meaning of pids and start times."""
    return _read("/proc/sys/kernel/random/boot_id").decode().strip()


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when there is none (a zombie still counts)."""
    stat = _stat(pid)
    return stat.started if stat else None


def is_alive(pid: int, started: int) -> bool:
    """Whether that very process still runs; a zombie does not."""
    stat = _stat(pid)
    return stat is not None and stat.started == started and not stat.is_dead


def members_of(
    run_ids: Collection[str], data_dir: str, sessions: Mapping[int, str] | None = None
) -> list[Member]:
    """Every living process of these runs, found in one pass over /proc.

    A process belongs to a run when its environment holds the run's id and our data directory, or when its
    session is one of ``sessions`` (number to run id; only such as ``has_session``), which finds those whose
    environment we may not read or that wiped it. In the midst of execve(2) a process has no environment for
    some microseconds.
    """
    marks = {f"{RUN_ID}={run_id}".encode(): run_id for run_id in run_ids}
    ours = os.fsencode(f"{DATA}={data_dir}")
    leaders = sessions or {}
    return [
        member
        for pid in _pids()
        if (run_id := _run_of(pid, marks, ours, leaders)) and (member := _member(pid, run_id))
    ]


def signal_member(member: Member, signum: Signals | int) -> Outcome:
    """To that very process or, when it is gone, to nobody. Signal 0 only asks."""
    fd = _pidfd(member.pid)
    try:
        if not is_alive(member.pid, member.started):
            return Outcome.GONE
        if fd is None:
            return _outcome(lambda: os.kill(member.pid, signum))
        return _outcome(lambda: signal.pidfd_send_signal(fd, signum))
    finally:
        if fd is not None:
            os.close(fd)


def signal_group(pgid: int, signum: Signals | int) -> Outcome:
    """To a whole group at once. Only while its leader is our unreaped child: then the number is its own."""
    return _outcome(lambda: os.killpg(pgid, signum))


def group_is_empty(pgid: int) -> bool:
    """Whether no process is in a group. Asked right after its leader is reaped; before, the leader counts."""
    return signal_group(pgid, 0) is Outcome.GONE


def children_of(pid: int) -> list[int]:
    """Those that it did not reap yet. While it is stopped, these numbers are nobody else's."""
    return [each for each in _pids() if (stat := _stat(each)) and stat.parent == pid]


def has_session(target: Target) -> bool:
    """Whether the session numbered like a run's first process is the run's. The kernel gives a number anew
    only when nobody has it any more, as its pid, group or session; a zombie still does.
    """
    return not target.is_reaped or any(_is_in(target.pid, each) for each in target.known)


def _is_in(sid: int, member: Member) -> bool:
    """Whether it has not begun a session of its own since it was known."""
    stat = _stat(member.pid)
    return stat is not None and stat.started == member.started and stat.sid == sid


def signal_runs(targets: Sequence[Target], signum: Signals, data_dir: str) -> list[Member]:
    """One rung of the stop ladder, for many runs in one pass.

    The signal goes to the group of every run whose leader is not reaped, and one by one to what left the
    group or outlived it. SIGCONT follows, or a stopped process would never see it. Gives back the members
    that may not be signalled.
    """
    leaders = {target.pid: target.run_id for target in targets if not target.is_reaped}
    sessions = {target.pid: target.run_id for target in targets if has_session(target)}
    members = members_of({target.run_id for target in targets}, data_dir, sessions)
    refused = _signal_all(leaders, members, signum)
    if signum is not Signals.SIGKILL:
        _signal_all(leaders, members, Signals.SIGCONT)
    return refused


def has_open(pid: int, path: str) -> bool:
    """Whether a process has this very file open. Raises: PermissionError."""
    with suppress(FileNotFoundError):  # of the file, or of the process
        wanted = os.stat(path)
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):  # it has closed it meanwhile
                if os.path.samestat(os.stat(f"/proc/{pid}/fd/{name}"), wanted):
                    return True
    return False


def waits_for_disk(pid: int) -> bool:
    """In the midst of a system call that nothing interrupts, not even SIGKILL."""
    stat = _stat(pid)
    return stat is not None and stat.state == b"D"


def command_name(pid: int) -> str:
    """Empty when there is no such process."""
    stat = _stat(pid)
    return stat.comm if stat else ""


def _signal_all(leaders: Collection[int], members: Iterable[Member], signum: Signals) -> list[Member]:
    """The group call tells nothing of a member it skipped: those are asked one by one with signal 0."""
    for pgid in leaders:
        signal_group(pgid, signum)
    return [
        member
        for member in members
        if signal_member(member, 0 if member.pgid in leaders else signum) is Outcome.NOT_PERMITTED
    ]


def _pidfd(pid: int) -> int | None:
    """None without such a process, and where no pidfd is to be had: old kernel, container that forbids it.
    Then a look right before the signal has to do: a pid that just ended is not
    given anew before all others were.
    """
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _outcome(send: Callable[[], None]) -> Outcome:
    try:
        send()
    except ProcessLookupError:
        return Outcome.GONE
    except PermissionError:
        return Outcome.NOT_PERMITTED
    return Outcome.SENT


@frozen
class _Stat:
    comm: str
    state: bytes
    parent: int
    pgid: int
    sid: int
    threads: int
    started: int

    @property
    def is_dead(self) -> bool:
        """One whose first thread alone has ended looks like a zombie, and runs."""
        return self.state in (b"Z", b"X") and self.threads <= 1


def _stat(pid: int) -> _Stat | None:
    """proc_pid_stat(5). The command name may hold blanks and parentheses: fields count from the last one.

    None without such a process, and where /proc hides that of another user from us (``hidepid``, proc(5)).
    """
    try:
        stat = _read(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    head, _, tail = stat.rpartition(b")")
    fields = tail.split()
    return _Stat(
        comm=head.partition(b"(")[2].decode(errors="replace"),
        state=fields[0],
        parent=int(fields[1]),
        pgid=int(fields[2]),
        sid=int(fields[3]),
        threads=int(fields[17]),
        started=int(fields[19]),
    )


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdecimal())


def _run_of(pid: int, marks: Mapping[bytes, str], ours: bytes, leaders: Mapping[int, str]) -> str | None:
    try:
        sid = os.getsid(pid)
        if sid in leaders:
            return leaders[sid]
        if sid == 0 or not marks:
            return None
        environ = _read(f"/proc/{pid}/environ")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    if RUN_ID.encode() not in environ:
        return None
    variables = environ.split(b"\0")
    if ours not in variables:
        return None
    return next((marks[variable] for variable in variables if variable in marks), None)


def _member(pid: int, run_id: str) -> Member | None:
    stat = _stat(pid)
    if stat is None or stat.is_dead:
        return None
    return Member(pid, stat.started, stat.pgid, stat.sid, stat.comm, run_id)


def _read(path: str) -> bytes:
    """A file of /proc. These give all that was asked for but at their end, so a short block is the last."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = block = os.read(fd, BLOCK)
        while len(block) == BLOCK:
            block = os.read(fd, BLOCK)
            content += block
        return content
    finally:
        os.close(fd)
