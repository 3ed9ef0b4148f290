"""A link between the daemon and one of its helpers: whole messages in order, file descriptors beside them.

Owns one end of an AF_UNIX SOCK_SEQPACKET pair. Never blocks and never loses a message: what the other end
cannot take yet waits in a queue here. The daemon and its helpers call it; what the messages mean is in
``wire`` and ``webwire``.

Descriptors on their way count against the user's RLIMIT_NOFILE (unix(7), ETOOMANYREFS) and against the memory
of both ends. So only a bounded number of packets with descriptors is under way: the receiving link answers
each with an acknowledgement, which neither end's user ever sees. Nor does it see the answer to a ``ping``,
which the other end gives when it next takes what has come.
"""

from __future__ import annotations

import array
import errno
import os
import socket
from collections import deque
from collections.abc import Sequence
from typing import Any, Generic

from runwisp.errors import LinkClosed
from runwisp.packet import Kinds, M, packed, unpacked

MAX_PACKET = 128 * 1024
"""Bytes of a packet; below net.core.wmem_default, so that an empty socket always takes one."""

MAX_FDS = 16
"""Descriptors beside one packet."""

WINDOW = 32
"""Packets with descriptors that may be on their way."""

PACKETS_A_TURN = 64

ACKNOWLEDGEMENT = b"ok"
PING, PONG = b"ping", b"pong"

WAIT = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS})
GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN})


class Link(Generic[M]):
    """Watch ``fileno()`` for reading always, for writing while ``wants_write``. ``kinds`` may arrive here."""

    def __init__(self, sock: socket.socket, kinds: Kinds[M]) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._kinds = kinds
        self._queue: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._unacknowledged = 0
        self._is_gone = False
        self._is_awaited = False
        self._buffer = bytearray(MAX_PACKET)

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def wants_write(self) -> bool:
        """Something waits for room in the socket (and not for the other end's acknowledgement)."""
        return bool(self._queue) and not self._is_held_back()

    @property
    def is_awaited(self) -> bool:
        """The other end was asked whether it still takes what comes, and has not answered yet."""
        return self._is_awaited

    def ping(self) -> None:
        self._is_awaited = True
        self._queue.append((PING, ()))
        self.flush()

    def send(self, message: Any, fds: Sequence[int] = ()) -> None:
        """Sends, or queues for ``flush``. The fds stay the caller's, who keeps them open until the other end
        is done with them. To an end that is gone messages vanish: ``receive`` tells of it.

        Raises: ValueError for a message that no packet can hold.
        """
        packet = packed(message)
        if len(packet) > MAX_PACKET or len(fds) > MAX_FDS:
            kind = type(message).__name__
            raise ValueError(f"no packet holds {kind} of {len(packet)} bytes with {len(fds)} fds")
        self._queue.append((packet, tuple(fds)))
        self.flush()

    def flush(self) -> None:
        """Sends what fits; call it when the socket is writable."""
        while self._queue and not self._is_held_back():
            packet, fds = self._queue[0]
            if not self._transmit(packet, fds):
                return
            self._queue.popleft()
            if fds:
                self._unacknowledged += 1

    def receive(self) -> list[tuple[M, list[int]]]:
        """What has come, in order; the fds beside a message belong to the caller, who closes them.

        Raises: LinkClosed when the other end is gone and everything it sent was given out.
        OSError (EMFILE) when descriptors were lost since this process may not open more.
        """
        messages: list[tuple[M, list[int]]] = []
        for _ in range(PACKETS_A_TURN):
            received = self._take()
            if received is None:
                break
            packet, fds = received
            if not packet:
                if messages:
                    break
                raise LinkClosed("the other end of the link is gone")
            if self._is_between_links(packet):
                continue
            if fds:
                self._queue.append((ACKNOWLEDGEMENT, ()))
            messages.append((unpacked(packet, self._kinds), fds))
        self.flush()
        return messages

    def close(self) -> None:
        self._sock.close()

    def _is_between_links(self, packet: bytes) -> bool:
        if packet == ACKNOWLEDGEMENT:
            self._unacknowledged -= 1
        elif packet == PING:
            self._queue.append((PONG, ()))
        elif packet == PONG:
            self._is_awaited = False
        else:
            return False
        return True

    def _is_held_back(self) -> bool:
        return bool(self._queue[0][1]) and self._unacknowledged >= WINDOW

    def _transmit(self, packet: bytes, fds: tuple[int, ...]) -> bool:
        """False when the packet has to wait."""
        if self._is_gone:
            return True
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            self._sock.sendmsg([packet], rights, socket.MSG_NOSIGNAL)
        except OSError as error:
            if error.errno in WAIT:
                return False
            if error.errno not in GONE:
                raise
            self._is_gone = True
        return True

    def _take(self) -> tuple[bytes, list[int]] | None:
        """One packet with its fds, an empty one at the end, None when there is none yet."""
        room = socket.CMSG_SPACE(MAX_FDS * 4)
        try:
            size, rights, flags, _ = self._sock.recvmsg_into([self._buffer], room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            return (
                self._take()
            )  # reported once, before what the other end had sent; then the packets, then the end
        fds = array.array("i")
        for _, _, data in rights:
            fds.frombytes(data)
        if flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC):
            for fd in fds:
                os.close(fd)
            raise OSError(errno.EMFILE, "a packet of the link came cut: too many open files")
        return bytes(memoryview(self._buffer)[:size]), fds.tolist()
