"""The link with the pump: who follows a log is told when it grew.

Asks the pump for one word at a time, and for the next only a moment later: a task that prints without end
costs the pump nothing. The daemon makes the link, and another one whenever pump or web were started again; as
everything is asked anew then, nobody misses anything. Called by ``hub`` and by ``tail``, on the hub thread.
"""

from __future__ import annotations

import socket
from typing import Protocol

from runwisp import host
from runwisp.clock import Millis, after
from runwisp.errors import LinkClosed
from runwisp.link import Link
from runwisp.loop import Loop
from runwisp.looplink import LoopLink
from runwisp.timers import Timer, TimerKind
from runwisp.wire import TO_FOLLOWERS, Follow, Grew, Unfollow

PAUSE: Millis = 20


class Follower(Protocol):
    """``line``: the last line that it has heard of."""

    @property
    def run_id(self) -> str: ...

    @property
    def line(self) -> int: ...

    def grew(self, line: int) -> None: ...


class Growth:
    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._link: LoopLink[Grew] | None = None
        self._followers: dict[str, Follower] = {}

    def attach(self, sock: socket.socket) -> None:
        """A pump is there, in the place of any former one."""
        self._detach()
        self._link = LoopLink(self._loop, Link(sock, TO_FOLLOWERS))
        for run_id in self._followers:
            self.due(run_id)

    def follow(self, follower: Follower) -> None:
        self._followers[follower.run_id] = follower
        self.due(follower.run_id)

    def unfollow(self, run_id: str) -> None:
        if not self._followers.pop(run_id, None):
            return
        self._loop.timers.disarm(Timer(TimerKind.FOLLOW, run_id))
        if self._link:
            self._link.send(Unfollow(run_id))

    def due(self, run_id: str) -> None:
        """It is time to ask for the next word about this run."""
        if self._link and (follower := self._followers.get(run_id)):
            self._link.send(Follow(run_id, follower.line))

    def tell(self) -> None:
        """Passes on what the pump has said."""
        if not self._link:
            return
        try:
            received = self._link.received()
        except LinkClosed:
            self._detach()
            return
        now = host.now().mono
        for message, _ in received:
            if follower := self._followers.get(message.run_id):
                self._loop.timers.arm(Timer(TimerKind.FOLLOW, message.run_id), after(now, PAUSE))
                follower.grew(message.line)

    def _detach(self) -> None:
        if self._link:
            self._link.close()
            self._link = None
