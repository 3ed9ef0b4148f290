"""The connections of feeds: sockets that the hub writes to when it can, whatever their readers do.

Owns the sockets and their turns: what is ready goes first, what has to be read from disk gets a few
milliseconds a round. Must never wait for anybody. Called by ``hub``, on its thread.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable
from functools import partial

from runwisp import host
from runwisp.clock import SECOND, Millis, Mono, Now, after
from runwisp.daemonlog import Log
from runwisp.errors import RunWispError
from runwisp.loop import READ, WRITE, Loop
from runwisp.timers import Timer, TimerKind
from runwisp.web.feed import Feed, Flow

BEAT: Millis = 15 * SECOND
BEAT_TIMER = Timer(TimerKind.BEAT)
BULK_FOR: Millis = 5
"""How long a round may go on with what has to be read, when others wait."""

SEND_BUFFER = 256 * 1024
"""Bytes that the kernel may keep for a reader that does not read; it reckons with twice as much."""

UNREAD_FOR: Millis = 120 * SECOND
"""After so long without an acknowledgement the other end is gone (TCP_USER_TIMEOUT, tcp(7))."""

MOST_HEARD = 64 * 1024
"""Bytes that a client may send after its request, which nobody reads."""

GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTUNREACH})


class Connection:
    """One client. ``rest`` is what of the last piece is not sent yet."""

    __slots__ = ("address", "events", "flow", "heard", "is_queued", "rest", "sock")

    def __init__(self, sock: socket.socket, address: str) -> None:
        self.sock = sock
        self.address = address
        self.flow: Flow | None = None
        self.rest = memoryview(b"")
        self.events = READ
        self.is_queued = False
        self.heard = 0


class Connections:
    """``left`` is told the address of every connection that ended."""

    def __init__(self, loop: Loop, log: Log, left: Callable[[str], None]) -> None:
        self._loop = loop
        self._log = log
        self._left = left
        self._all: set[Connection] = set()
        self._ready: deque[Connection] = deque()
        self._bulk: deque[Connection] = deque()

    @property
    def is_busy(self) -> bool:
        """Whether there is something to do at once."""
        return bool(self._ready or self._bulk)

    def add(self, sock: socket.socket, address: str, feed: Feed, now: Now) -> None:
        """Takes over a socket on which the head of the response was written."""
        connection = Connection(sock, address)
        self._all.add(connection)
        if len(self._all) == 1:
            self._loop.timers.arm(BEAT_TIMER, after(now.mono, BEAT))
        sock.setblocking(False)
        self._loop.watch(sock.fileno(), READ, partial(self._heard, connection))
        try:
            _limit(sock)
            connection.flow = feed.begin(partial(self._queue, connection))
        except Exception as error:
            self._failed(connection, error)
        else:
            self._queue(connection)

    def work(self) -> None:
        """One round: everybody who is ready, and some of those that have to read."""
        for _ in range(len(self._ready)):
            self._take_turn(self._ready.popleft())
        until = after(host.now().mono, BULK_FOR)
        while self._bulk:
            self._take_turn(self._bulk.popleft())
            if host.now().mono >= until:
                break

    def beat(self, now: Mono) -> None:
        for connection in [*self._all]:
            if connection.flow and not connection.rest and not connection.is_queued:
                self._send(connection, connection.flow.beat())
        if self._all:
            self._loop.timers.arm(BEAT_TIMER, after(now, BEAT))

    def _queue(self, connection: Connection) -> None:
        if not connection.is_queued and not connection.rest and connection in self._all:
            connection.is_queued = True
            flow = connection.flow
            (self._bulk if flow and flow.is_bulk else self._ready).append(connection)

    def _take_turn(self, connection: Connection) -> None:
        connection.is_queued = False
        flow = connection.flow
        if connection not in self._all or flow is None:
            return
        try:
            piece = flow.more()
        except Exception as error:
            self._failed(connection, error)
            return
        if piece is None:
            self._close(connection)
        elif piece and self._send(connection, piece):
            self._queue(connection)

    def _send(self, connection: Connection, piece: bytes | memoryview) -> bool:
        """True when all of it went, so that there is room for more."""
        try:
            sent = connection.sock.send(piece)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._failed(connection, error)
            return False
        connection.rest = memoryview(piece)[sent:] if sent < len(piece) else memoryview(b"")
        self._watch(connection, READ | WRITE if connection.rest else READ)
        return not connection.rest

    def _watch(self, connection: Connection, events: int) -> None:
        if events != connection.events:
            connection.events = events
            ready = self._writable if events & WRITE else self._heard
            self._loop.watch(connection.sock.fileno(), events, partial(ready, connection))

    def _writable(self, connection: Connection) -> None:
        self._heard(connection)
        if connection in self._all and self._send(connection, connection.rest):
            self._queue(connection)

    def _heard(self, connection: Connection) -> None:
        """A client has nothing more to say; one that has hung up, or half, is gone."""
        try:
            data = connection.sock.recv(MOST_HEARD)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(connection, error)
            return
        connection.heard += len(data)
        if not data or connection.heard > MOST_HEARD:
            self._close(connection)

    def _failed(self, connection: Connection, error: Exception) -> None:
        """Who hangs up, or reads a log that is removed, is no news; anything else is."""
        is_gone = isinstance(error, RunWispError) or (isinstance(error, OSError) and error.errno in GONE)
        if not is_gone:
            self._log.error("a stream ended too early", error=repr(error), address=connection.address)
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._loop.unwatch(connection.sock.fileno())
        connection.sock.close()
        if connection.flow:
            connection.flow.close()
        self._left(connection.address)


def _limit(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_FOR)
