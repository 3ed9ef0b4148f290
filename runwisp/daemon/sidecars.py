"""The daemon's own helper processes, kept up like the replicas of a service, only faster.

A sidecar speaks over one link. When it dies, its successor gets a new link and is told everything again by
whoever attaches to it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from runwisp import replica
from runwisp.clock import SECOND, Millis, Mono, Now, after
from runwisp.daemonlog import Log
from runwisp.errors import LaunchError
from runwisp.helper import start_helper
from runwisp.link import Link
from runwisp.replica import ReplicaState
from runwisp.retry import SHORT_LIFE, grown
from runwisp.task import Backoff
from runwisp.timers import Timer, TimerKind, Timers

HEALTHY_AFTER: Millis = 10 * SECOND
RESTART_CAP: Millis = SECOND
STARTED_NEVER = Mono(0)


@dataclass(slots=True)
class Sidecar:
    """``module`` is run as a process of its own, with a link. ``attach`` and ``detach`` tell its user that
    a link came or went.
    """

    module: str
    timers: Timers
    log: Log
    attach: Callable[[Link], None]
    detach: Callable[[Link], None]
    state: ReplicaState = ReplicaState.STOPPED
    pid: int | None = None
    link: Link | None = None
    _since: Mono = STARTED_NEVER
    _restarts: int = 0

    def start(self, now: Now) -> None:
        self.state = replica.move(self.state, ReplicaState.STARTING)
        self._since = now.mono
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            self._not_started(now, str(error))
            return
        try:
            with theirs:
                self.pid = start_helper(self.module, theirs.fileno())
        except LaunchError as error:
            ours.close()
            self._not_started(now, error.message)
            return
        self.state = replica.move(self.state, ReplicaState.RUNNING)
        self.link = Link(ours)
        self.attach(self.link)

    def stop(self) -> None:
        """Without its link a helper finishes what it has and ends."""
        if self.state is ReplicaState.RUNNING:
            self.state = replica.move(self.state, ReplicaState.STOPPING)
        self.disconnect()

    def exited(self, now: Now, how: str) -> None:
        """Its pid was reaped."""
        if self.state is ReplicaState.STOPPING:
            self.pid = None
            self.state = replica.move(self.state, ReplicaState.STOPPED)
            return
        self.log.error(
            "a helper process died and is started again", module=self.module, pid=self.pid, how=how
        )
        self.pid = None
        self.disconnect()
        self._back_off(now)

    def disconnect(self) -> None:
        if self.link:
            link, self.link = self.link, None
            self.detach(link)
            link.close()

    def _not_started(self, now: Now, why: str) -> None:
        self.log.error("a helper process could not be started", module=self.module, reason=why)
        self._back_off(now)

    def _back_off(self, now: Now) -> None:
        self.state = replica.move(self.state, ReplicaState.BACKOFF)
        if now.mono - self._since >= HEALTHY_AFTER:
            self._restarts = 0
        self._restarts += 1
        wait = grown(SHORT_LIFE, Backoff.EXPONENTIAL, self._restarts, RESTART_CAP)
        self.timers.arm(Timer(TimerKind.SIDECAR, self.module), after(now.mono, wait))
