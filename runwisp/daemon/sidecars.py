"""The daemon's own helper processes, kept up like the replicas of a service, only faster.

A sidecar speaks over one link. When it dies, its successor gets a new link and is told everything again by
its user. One that lives and yet takes nothing any more is ended.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from runwisp import procfs, replica
from runwisp.clock import SECOND, Millis, Mono, Now, after
from runwisp.daemonlog import Log
from runwisp.errors import LaunchError, LinkClosed
from runwisp.frozen import frozen
from runwisp.helper import start_helper
from runwisp.link import Link
from runwisp.packet import Kinds, M
from runwisp.replica import ReplicaState
from runwisp.retry import SHORT_LIFE, grown
from runwisp.task import Backoff
from runwisp.timers import Timer, TimerKind, Timers

HEALTHY_AFTER: Millis = 10 * SECOND
RESTART_CAP: Millis = SECOND
STARTED_NEVER = Mono(0)
CHECK_EVERY: Millis = 20 * SECOND
MOST_SILENT = 3
"""Checks without an answer, after which it hangs: a minute, as a small machine that swaps may take long to
start it. Counted and not measured, so that a machine that was suspended gives it time anew.
"""


@frozen
class User(Generic[M]):
    """Who works with a sidecar: is told of every link that came or went, and hears what it says."""

    attach: Callable[[Link[M]], None]
    detach: Callable[[Link[M]], None]
    hear: Callable[[M], None]


@dataclass(slots=True, eq=False)
class Sidecar(Generic[M]):
    """``module`` is run as a process of its own, with a link over which ``kinds`` come back, and with
    ``env``, in which no secret is."""

    module: str
    kinds: Kinds[M]
    needs_packages: bool
    env: Mapping[str, str]
    timers: Timers
    log: Log
    user: User[M]
    state: ReplicaState = ReplicaState.STOPPED
    pid: int | None = None
    link: Link[M] | None = None
    _since: Mono = STARTED_NEVER
    _restarts: int = 0
    _silent: int = 0

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
                self.pid = start_helper(
                    self.module, theirs.fileno(), self.env, needs_packages=self.needs_packages
                )
        except LaunchError as error:
            ours.close()
            self._not_started(now, error.message)
            return
        self.state = replica.move(self.state, ReplicaState.RUNNING)
        self.link = Link(ours, self.kinds)
        self._silent = 0
        self.user.attach(self.link)

    def hear(self) -> bool:
        """Passes on what it said; False when that was nothing."""
        if self.link is None:
            return False
        try:
            self.link.flush()
            messages = self.link.receive()
        except LinkClosed:
            # It is dying; its end is told by SIGCHLD.
            self.disconnect()
            return False
        for message, _ in messages:
            self.user.hear(message)
        return bool(messages)

    def check(self) -> None:
        """Every CHECK_EVERY."""
        if not self.link or not self.pid:
            return
        if not self.link.is_awaited:
            self._silent = 0
            self.link.ping()
            return
        self._silent += 1
        if self._silent == MOST_SILENT:
            self.log.error("a helper process does not answer", module=self.module, pid=self.pid)
        # The kernel would end one that waits for a disk only once that answers, and then nothing is wrong.
        if self._silent >= MOST_SILENT and not procfs.waits_for_disk(self.pid):
            self.kill()

    def stop(self) -> None:
        """Without its link a helper finishes what it has and ends."""
        if self.state is ReplicaState.RUNNING:
            self.state = replica.move(self.state, ReplicaState.STOPPING)
        self.disconnect()

    def kill(self) -> None:
        """The end of one that does not go, or does not work any more; told by SIGCHLD."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)

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
            self.user.detach(link)
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
