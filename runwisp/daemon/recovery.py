"""Ends what a former life left running, before anything starts that could run beside it.

Processes are known by run id and data directory in their environment, or by boot id, pid and kernel start
time together; never by a pid alone. They are not our children: their ends are looked for.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence

from runwisp import procfs
from runwisp.clock import SECOND, Millis, Mono, Now, after
from runwisp.daemon.processes import ABANDON_AFTER
from runwisp.daemonlog import Log
from runwisp.life import Life
from runwisp.loop import Loop
from runwisp.procfs import Member
from runwisp.run import Phase, Run
from runwisp.task import AnyTask
from runwisp.timers import Timer, TimerKind

RECOVERY_TIMER = Timer(TimerKind.RECOVERY)
DEFAULT_GRACE: Millis = 5 * SECOND
SOONEST_LOOK: Millis = 5


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
        self._left: list[Member] = []
        self._dead: Sequence[tuple[Run, Life]] = ()
        self._is_killing = False
        self._since = self._by = Mono(0)

    def begin(
        self,
        now: Now,
        unfinished: Sequence[tuple[Run, Life]],
        tasks: Mapping[str, AnyTask],
        most: Millis,
    ) -> None:
        """``most``: no grace is longer, as everything else waits meanwhile."""
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
        self._allow(now, min(grace, most))
        self._go_on(now)

    def cancel(self) -> None:
        """The daemon stops before it has begun: what is left is for the next one."""
        self._loop.timers.disarm(RECOVERY_TIMER)

    def due(self, now: Now) -> None:
        self._forget_ended()
        if self._left and now.mono >= self._by:
            if self._is_killing:
                self._give_up()
                return
            self._is_killing = True
            for member in self._left:
                procfs.signal_member(member, signal.SIGKILL)
            self._allow(now, ABANDON_AFTER)
        self._go_on(now)

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
        self._left.append(member)
        procfs.signal_member(member, signum)
        procfs.signal_member(member, signal.SIGCONT)

    def _forget_ended(self) -> None:
        """From the end to the first that lives: as long as there is one, the others need not be looked at."""
        while self._left and not procfs.is_alive(self._left[-1].pid, self._left[-1].started):
            self._left.pop()

    def _go_on(self, now: Now) -> None:
        if not self._left:
            for newborn in self._left_behind():
                self._end(newborn, signal.SIGKILL)
        if self._left:
            self._look_again(now)
        else:
            self._done()

    def _look_again(self, now: Now) -> None:
        """Ever more seldom, as a grace may be an hour: an end is noticed late by a tenth of what it took."""
        wait = max(SOONEST_LOOK, (now.mono - self._since) // 10)
        self._loop.timers.arm(RECOVERY_TIMER, min(after(now.mono, wait), self._by))

    def _allow(self, now: Now, grace: Millis) -> None:
        self._since, self._by = now.mono, after(now.mono, grace)

    def _give_up(self) -> None:
        for member in self._left:
            if procfs.is_alive(member.pid, member.started):
                self._log.error(
                    "a process does not end; going on without it", pid=member.pid, run=member.run_id
                )
        self._done()
