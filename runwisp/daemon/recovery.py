"""Ends what a former life left running, before anything starts that could run beside it.

Processes are known by run id and data directory in their environment, or by boot id, pid and kernel start
time together; never by a pid alone. Signals and waits through pidfds, so that a pid used again is never hit.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence

from runwisp import procfs
from runwisp.clock import SECOND, Millis, Now, after
from runwisp.daemon.processes import ABANDON_AFTER
from runwisp.daemonlog import Log
from runwisp.life import Life
from runwisp.loop import READ, Loop
from runwisp.procfs import Member
from runwisp.run import Phase, Run
from runwisp.task import AnyTask
from runwisp.timers import Timer, TimerKind

RECOVERY_TIMER = Timer(TimerKind.RECOVERY)
DEFAULT_GRACE: Millis = 5 * SECOND


def is_over(life: Life) -> bool:
    """Whether the process of a life is gone; an `exec` may well be alive beside a daemon."""
    return life.boot_id != procfs.boot_id() or not procfs.is_alive(life.pid, life.pid_started)


class Recovery:
    """``due`` is called when ``RECOVERY_TIMER`` is; ``done`` is called once, when nothing is left."""

    def __init__(self, loop: Loop, log: Log, data_dir: str, done: Callable[[], None]) -> None:
        self._loop = loop
        self._log = log
        self._data_dir = data_dir
        self._done = done
        self._watched: dict[int, Member] = {}
        self._dead: Sequence[tuple[Run, Life]] = ()
        self._is_killing = False
        self.is_done = False

    def begin(self, now: Now, unfinished: Sequence[tuple[Run, Life]], tasks: Mapping[str, AnyTask]) -> None:
        self._dead = [(run, life) for run, life in unfinished if run.phase is Phase.RUNNING]
        definitions = {run.id: tasks[run.task_name] for run, _ in self._dead if run.task_name in tasks}
        grace = 0
        for member in self._left_behind():
            self._log.warn(
                "ending a process that the former daemon left running",
                pid=member.pid,
                command=member.comm,
                run=member.run_id,
            )
            definition = definitions.get(member.run_id)
            its_grace = definition.graceful_stop if definition else DEFAULT_GRACE
            stop_signal = definition.stop_signal if definition else signal.SIGTERM
            self._end(member, stop_signal if its_grace else signal.SIGKILL)
            grace = max(grace, its_grace)
        self._loop.timers.arm(RECOVERY_TIMER, after(now.mono, grace))
        self._finish_if_clear()

    def cancel(self) -> None:
        """The daemon stops before it has begun: what is left is for the next one."""
        if not self.is_done:
            self._forget_all()

    def due(self, now: Now) -> None:
        if self._is_killing:
            for member in self._watched.values():
                self._log.error(
                    "a process does not end; going on without it", pid=member.pid, run=member.run_id
                )
            self._finish()
            return
        self._is_killing = True
        for member in self._watched.values():
            procfs.signal_member(member, signal.SIGKILL)
        self._loop.timers.arm(RECOVERY_TIMER, after(now.mono, ABANDON_AFTER))

    def _left_behind(self) -> list[Member]:
        if not self._dead:
            return []
        boot_id = procfs.boot_id()
        leaders = {
            run.pid: run.id
            for run, life in self._dead
            if run.pid and life.boot_id == boot_id and procfs.is_alive(run.pid, run.pid_started or 0)
        }
        return procfs.members_of({run.id for run, _ in self._dead}, self._data_dir, leaders)

    def _end(self, member: Member, signum: int) -> None:
        try:
            pidfd = os.pidfd_open(member.pid)
        except ProcessLookupError:
            return
        self._watched[pidfd] = member
        self._loop.watch(pidfd, READ, lambda: self._gone(pidfd))
        procfs.signal_member(member, signum)
        procfs.signal_member(member, signal.SIGCONT)

    def _gone(self, pidfd: int) -> None:
        self._forget(pidfd)
        self._finish_if_clear()

    def _forget(self, pidfd: int) -> None:
        self._loop.unwatch(pidfd)
        os.close(pidfd)
        del self._watched[pidfd]

    def _finish_if_clear(self) -> None:
        if self._watched:
            return
        for newborn in self._left_behind():
            self._end(newborn, signal.SIGKILL)
        if not self._watched:
            self._finish()

    def _finish(self) -> None:
        self._forget_all()
        self._done()

    def _forget_all(self) -> None:
        for pidfd in list(self._watched):
            self._forget(pidfd)
        self._loop.timers.disarm(RECOVERY_TIMER)
        self.is_done = True
