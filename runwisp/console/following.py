"""A live stream of the daemon, followed by a thread of its own until it is told to end.

Owns when a stream that broke off is taken up again, and where: after the last event that came. Knows nothing
of what is in it. Called by ``remote``.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from runwisp import host
from runwisp.client import PASSING, Client
from runwisp.clock import SECOND, Millis, Wall
from runwisp.errors import RunWispError, Unreachable
from runwisp.eventstream import Pieces
from runwisp.frozen import frozen

PAUSES: tuple[Millis, ...] = (200, 500, 1 * SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND)
"""Before each attempt to take a stream up again; the last one again and again."""

HANDED_EVERY: Millis = 100
"""About so often is what came handed on, as nobody reads faster, and each time costs a screen."""

FLOOD = 131_072
"""Bytes of a piece after which the next is taken at once: who paused would fall behind ever more."""

Event = tuple[bytes, bytes]
"""Kind and data."""


@frozen
class Listener:
    """What is told of a stream, on its thread. ``opened`` each time that it (again) is; ``came`` in the order
    of the stream; ``lost`` with the reason and when the next attempt is; ``failed`` when there will be none.
    """

    opened: Callable[[], object]
    came: Callable[[Sequence[Event]], object]
    lost: Callable[[RunWispError, Wall], object]
    failed: Callable[[RunWispError], object]


class Following:
    """One stream. ``query`` holds for the first time; later ones go on after the last event. After one of the
    kind ``last`` nothing more comes."""

    def __init__(
        self, client: Client, where: str, listener: Listener, *, last: bytes = b"", **query: object
    ) -> None:
        self._client = client
        self._where = where
        self._query = query
        self._last = last
        self._listener = listener
        self._pieces = Pieces()
        self._ending = threading.Event()
        self._hurry = threading.Event()
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name=where, daemon=True)
        self._thread.start()

    @property
    def _is_over(self) -> bool:
        return self._ending.is_set()

    def end(self) -> None:
        """Nothing more is told from now on, but for what is being told this moment."""
        with self._lock:
            self._ending.set()
            if self._socket:
                _shut(self._socket)
        self._hurry.set()

    def retry(self) -> None:
        """Without waiting any longer."""
        self._hurry.set()

    def _follow(self) -> None:
        failures = 0
        while not self._is_over:
            error: RunWispError = Unreachable("the connection was closed")
            try:
                for _ in self._events():
                    failures = 0
            except RunWispError as raised:
                error = raised
            if self._is_over:
                return
            if not isinstance(error, PASSING) and not error.retry_after:
                self._listener.failed(error)
                return
            self._pause(error, failures)
            failures += 1

    def _events(self) -> Iterator[None]:
        """Once when it is opened, and for each piece that was handed on. Raises: RunWispError."""
        self._pieces = Pieces(self._pieces.last_id)  # without half an event of the stream before
        query = {} if self._pieces.last_id else self._query
        with self._client.pieces(self._where, self._pieces.last_id, self._connected, **query) as pieces:
            self._listener.opened()
            yield
            for piece in pieces:
                if self._is_over:
                    return
                if events := self._pieces.feed(piece):
                    self._listener.came(events)
                    if any(kind == self._last for kind, _ in events):
                        self._ending.set()
                    yield
                    if len(piece) < FLOOD:
                        self._ending.wait(HANDED_EVERY / SECOND)

    def _pause(self, error: RunWispError, failures: int) -> None:
        """The first time without a word, as web may only have been started again."""
        pause = max(PAUSES[min(failures, len(PAUSES) - 1)], error.retry_after * SECOND)
        self._hurry.clear()
        if failures:
            self._listener.lost(error, Wall(host.wall() + pause))
        self._hurry.wait(pause / SECOND)

    def _connected(self, sock: socket.socket) -> None:
        with self._lock:
            self._socket = sock
            if self._is_over:
                _shut(sock)


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        sock.shutdown(socket.SHUT_RDWR)
