"""A link that a loop watches: for reading always, for writing while something waits for room.

Called by helpers with links to one another, once a turn for what has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic

from runwisp.link import Link
from runwisp.loop import READ, WRITE, Loop
from runwisp.packet import M


class LoopLink(Generic[M]):
    """Has the link from here on."""

    def __init__(self, loop: Loop, link: Link[M]) -> None:
        self._loop = loop
        self._link = link
        self._events = READ
        self._is_ready = False
        loop.watch(link.fileno(), READ, self._note)

    def send(self, message: Any) -> None:
        self._link.send(message)
        self._watch()

    def received(self) -> Sequence[tuple[M, list[int]]]:
        """What has come since the last turn, as ``Link.receive``. Raises: LinkClosed, OSError."""
        if not self._is_ready:
            return ()
        self._is_ready = False
        messages = self._link.receive()
        self._watch()
        return messages

    def close(self) -> None:
        self._loop.unwatch(self._link.fileno())
        self._link.close()

    def _note(self) -> None:
        self._is_ready = True

    def _watch(self) -> None:
        events = READ | WRITE if self._link.wants_write else READ
        if events != self._events:
            self._events = events
            self._loop.watch(self._link.fileno(), events, self._note)
