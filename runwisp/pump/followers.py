"""Who follows a log: web, which is told once, each time it asks, that a run printed more.

Costs nothing for runs that nobody asked about. Must never wait for web. Called by ``pump.main``.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import assert_never

from runwisp.errors import LinkClosed
from runwisp.link import Link
from runwisp.loop import Loop
from runwisp.looplink import LoopLink
from runwisp.wire import FROM_FOLLOWERS, Follow, FromFollowers, Grew, Unfollow


class Followers:
    """``last_line`` gives the number of the last finished line of a run; None for one that is not here."""

    def __init__(self, loop: Loop, last_line: Callable[[str], int | None]) -> None:
        self._loop = loop
        self._last_line = last_line
        self._link: LoopLink[FromFollowers] | None = None
        self._wanted: dict[str, int] = {}

    def attach(self, fd: int) -> None:
        """In the place of any former link; a new web asks for everything anew."""
        self._detach()
        self._link = LoopLink(self._loop, Link(socket.socket(fileno=fd), FROM_FOLLOWERS))

    def turn(self) -> None:
        """Takes what web asks."""
        if not self._link:
            return
        try:
            received = self._link.received()
        except LinkClosed:
            self._detach()
            return
        for message, _ in received:
            self._handle(message)

    def grown(self, run_id: str) -> None:
        """Something was written to this run's log, perhaps."""
        line = self._wanted.get(run_id)
        if line is None or not self._link:
            return
        last = self._last_line(run_id)
        if last is not None and last > line:
            del self._wanted[run_id]
            self._link.send(Grew(run_id, last))

    def _handle(self, message: FromFollowers) -> None:
        match message:
            case Follow(run_id, line):
                self._wanted[run_id] = line
                self.grown(run_id)
            case Unfollow(run_id):
                self._wanted.pop(run_id, None)
            case _:
                assert_never(message)

    def _detach(self) -> None:
        self._wanted.clear()
        if self._link:
            self._link.close()
            self._link = None
