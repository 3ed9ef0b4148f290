"""Waitress, made fit for a network: limits, time-outs, errors, and the way out for responses that go on.

One thread for all connections, a few workers for handlers. A connection that says nothing is the first to go
when room is needed: idle ones never lock others out. Called by ``main``.
"""

from __future__ import annotations

import errno
import logging
import resource
from contextlib import suppress
from http import HTTPStatus
from socket import SHUT_RDWR, SHUT_WR, socket
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask
from waitress.utilities import build_http_date

from runwisp import host
from runwisp.clock import SECOND, Millis, Mono, after
from runwisp.daemonlog import Log
from runwisp.errors import RunWispError, TooManyConnections
from runwisp.login import origin
from runwisp.web import problems
from runwisp.web.app import FEED, Application
from runwisp.web.feed import Feed
from runwisp.web.headers import SECURITY, UNCACHED
from runwisp.web.hub import Hub
from runwisp.web.peers import Peers
from runwisp.web.requests import Request

WORKERS = 4
LONGEST_HEAD = 64 * 1024
LONGEST_BODY = 1024 * 1024
"""Both in bytes, still taken."""

MOST_UNREAD = 64 * 1024
"""Bytes of responses that wait for a client beside what the kernel keeps, when its next one is still made."""

MOST_CONNECTIONS = 1024
MOST_OF_AN_ADDRESS = 128
SPARE_FDS = 128
ACCEPTED_AT_ONCE = 64
BACKLOG = 4096

HEAD_WITHIN: Millis = 10 * SECOND
REQUEST_WITHIN: Millis = 30 * SECOND
IDLE_FOR: Millis = 75 * SECOND
UNREAD_FOR: Millis = 30 * SECOND
LINGER_FOR: Millis = 2 * SECOND
"""For the head of a request and for all of it, since its first byte; between requests; without taking any of
the response; for the rest of what was refused."""
LOOK_EVERY: Millis = SECOND

NEVER = 1 << 40
SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

ALWAYS = [f"{name}: {value}" for name, value in SECURITY]

UNTOLD = ("Content-Length", "0")
"""What Bottle says of a feed, which has no body for it."""

REASONS = {
    HTTPStatus.BAD_REQUEST: "The request is not HTTP as it has to be.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body of a request may have 1 MiB at most.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The URL of a request may have 8 KiB at most.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers of a request may have 64 KiB at most.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "This should not have happened. The daemon's log says more.",
    HTTPStatus.NOT_IMPLEMENTED: "The only transfer coding known here is chunked.",
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: "The versions spoken here are HTTP/1.1 and 1.0.",
}


class Response(WSGITask):  # type: ignore[misc]
    """Runs the application for one request and sends what it gives, head and body in one write."""

    response_headers: list[tuple[str, str]]

    def execute(self) -> None:
        if self.channel.total_outbufs_len > MOST_UNREAD:  # asks and asks, and reads nothing (RFC 9112, 9.3.2)
            self.close_on_finish = self.channel.will_linger = True
            return
        environ = self.get_environment()
        environ["PATH_INFO"] = self.request.path  # as it came, with all of its slashes
        body = b"".join(self.channel.server.application(environ, self._begin))
        self.close_on_finish = FEED in environ or not self._is_kept()
        self.wrote_header = True
        if FEED in environ:
            self.response_headers = [each for each in self.response_headers if each != UNTOLD]
            if self.request.command != "HEAD":
                self._hand_over(*environ[FEED])
                return
        self.channel.write_soon(self._head() + body)

    def finish(self) -> None:
        """All is sent."""

    def _begin(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        self.status = status
        self.response_headers = headers

    def _is_kept(self) -> bool:
        wishes = {each.strip() for each in self.request.headers.get("CONNECTION", "").lower().split(",")}
        return "close" not in wishes and (self.request.version != "1.0" or "keep-alive" in wishes)

    def _head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status}"]
        lines += [f"{name}: {value}" for name, value in self.response_headers]
        lines.append(f"Date: {build_http_date(self.start_time)}")
        if self.close_on_finish:
            lines.append("Connection: close")
        elif self.request.version == "1.0":
            lines.append("Connection: keep-alive")
        return "\r\n".join([*lines, *ALWAYS, "", ""]).encode("latin-1")

    def _hand_over(self, feed: Feed, address: str) -> None:
        """The connection goes on with the hub, on a duplicate of its socket; waitress closes its own."""
        channel, hub = self.channel, self.channel.server.hub
        head = self._head()
        connection = None
        try:
            with channel.outbuf_lock:
                is_clear = channel.connected and not channel.total_outbufs_len
                connection = channel.socket.dup() if is_clear else None
            if connection is None or connection.send(head) < len(head):
                raise BlockingIOError  # who does not even read what came before is not streamed to
        except OSError:
            if connection:
                connection.close()
            hub.give_back(address)
            return
        hub.adopt(connection, address, feed)


class Refusal(Response):
    """Of what waitress did not take for a request."""

    def execute(self) -> None:
        status = HTTPStatus(self.request.error.code)
        body = problems.spelled(status, "request_invalid", REASONS[status], "")
        length = ("Content-Length", str(len(body)))
        self._begin(
            f"{int(status)} {status.phrase}",
            [("Content-Type", problems.MEDIA), length, *UNCACHED],
        )
        self.close_on_finish = self.wrote_header = self.channel.will_linger = True
        self.channel.write_soon(self._head() + body)


class Connection(HTTPChannel):  # type: ignore[misc]
    """``began``: when the first byte of the request came that is being read.

    ``whose``: whom it counts against. ``is_proven``: it has brought a whole request.
    """

    parser_class = Request
    task_class = Response
    error_task_class = Refusal

    close_when_flushed: bool
    whose = ""
    began = Mono(0)
    is_proven = False
    will_linger = False
    lingers_since = Mono(0)
    _active_at = Mono(0)

    @property
    def last_activity(self) -> Mono:
        return self._active_at

    @last_activity.setter
    def last_activity(self, _wall: float) -> None:
        """Waitress says that something happened by a clock that may be set back."""
        self._active_at = host.now().mono

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.began = self.last_activity
        is_taken = super().received(data)
        self.is_proven = self.is_proven or bool(self.requests)
        return bool(is_taken)

    def send_continue(self) -> None:
        """Not for what is complete without a body, or refused: waitress would wait for one."""
        if self.request.completed:
            self.request.expect_continue = False
        else:
            super().send_continue()

    def readable(self) -> bool:
        return bool(self.lingers_since or super().readable())

    def writable(self) -> bool:
        return bool(self.will_close or (not self.lingers_since and super().writable()))

    def handle_read(self) -> None:
        if not self.lingers_since:
            super().handle_read()
        elif not self.recv(self.adj.recv_bytes * 8):
            self.handle_close()

    def handle_write(self) -> None:
        """Closing with unread bytes makes the kernel reset the connection, and the other end would never see
        why: so after a refusal the rest of what it sends is read first. Source: RFC 9112, 9.6."""
        if self.will_linger and self.close_when_flushed and not self.total_outbufs_len:
            self.close_when_flushed = False
            self.lingers_since = self.last_activity
            with suppress(OSError):
                self.socket.shutdown(SHUT_WR)
            return
        super().handle_write()

    def leave(self) -> None:
        """Closes when the loop comes to it. Not at once: the next connection would get its descriptor, and be
        taken for it where the loop has noted that this one is ready."""
        self.will_close = True
        with suppress(OSError):
            self.socket.shutdown(SHUT_RDWR)

    def is_idle(self) -> bool:
        """Not so while it is about to be closed: its socket may be the hub's by now, who streams on it."""
        return not (self.requests or self.total_outbufs_len or self.will_close or self.close_when_flushed)

    def is_overdue(self, now: Mono) -> bool:
        if self.lingers_since:
            return now - self.lingers_since > LINGER_FOR
        if self.requests or self.will_close:
            return False
        if self.total_outbufs_len:
            return now - self.last_activity > UNREAD_FOR
        if self.request is not None:
            return now - self.began > (REQUEST_WITHIN if self.request.headers_finished else HEAD_WITHIN)
        return now - self.last_activity > (IDLE_FOR if self.is_proven else HEAD_WITHIN)


def _answer(error: RunWispError) -> bytes:
    """To a connection that no request is read from."""
    status, body = problems.status_of(error), problems.body_of(error, "")
    headers = [
        *problems.headers_of(error),
        ("Content-Type", problems.MEDIA),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
        *UNCACHED,
    ]
    lines = [f"HTTP/1.1 {int(status)} {status.phrase}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, *ALWAYS, "", ""]).encode() + body


FULL = _answer(
    TooManyConnections("Too many connections are open, and all are busy.", "Try again in a second.")
)


class Server(TcpWSGIServer):  # type: ignore[misc]
    """``sock`` is bound; it is listened on already, so that connections wait while there is no server."""

    channel_class = Connection

    def __init__(self, application: Application, sock: socket, hub: Hub, peers: Peers) -> None:
        self.hub = hub
        self._peers = peers
        self._is_short = False
        self._looks_at = Mono(0)
        self._most = min(MOST_CONNECTIONS, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FDS) // 2)
        family = (sock.family, sock.type, sock.proto, sock.getsockname())
        super().__init__(application, _sock=sock, adj=_adjustments(sock), sockinfo=family, bind_socket=False)

    def run(self) -> None:
        """For ever. Sleeps without end while there is no connection that could be overdue."""
        while True:
            wasyncore.poll2(1.0 if self.active_channels or self._is_short else None, self._map)

    def readable(self) -> bool:
        """Whether it accepts. Asked before each sleep of the loop, and so looks after the connections too."""
        now = host.now().mono
        if now >= self._looks_at:
            self._looks_at = after(now, LOOK_EVERY)
            self._is_short = False
            self._close_overdue(now)
        return not self._is_short

    def fix_addr(self, addr: tuple[Any, ...]) -> tuple[Any, ...]:
        return (addr[0].removeprefix("::ffff:"), *addr[1:])

    def handle_accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                accepted = self.accept()
            except OSError as error:
                if error.errno in SHORTAGE and not self._close_one([*self.active_channels.values()]):
                    self._is_short = True
                return
            if accepted is None:
                return
            self._admit(accepted[0], self.fix_addr(accepted[1]))

    def _admit(self, connection: socket, addr: tuple[Any, ...]) -> None:
        whose = origin(addr[0])
        try:
            if not self._has_room(addr[0], whose):
                connection.setblocking(False)
                connection.send(FULL)
                connection.close()
                return
            self.set_socket_options(connection)
        except OSError:
            connection.close()  # it was gone before we looked
            return
        self.channel_class(self, connection, addr, self.adj, map=self._map).whose = whose

    def _has_room(self, address: str, whose: str) -> bool:
        """There is, or is made by closing a connection that does nothing."""
        channels = [*self.active_channels.values()]
        own = [channel for channel in channels if channel.whose == whose]
        if (
            len(own) >= MOST_OF_AN_ADDRESS
            and not self._peers.is_trusted(address)
            and not self._close_one(own)
        ):
            return False
        return len(channels) < self._most or self._close_one(channels)

    def _close_one(self, channels: list[Connection]) -> bool:
        """Of those that do nothing, the oldest that never brought a request, else the one longest silent."""
        for channel in channels:  # the oldest first
            if not channel.is_proven and channel.is_idle():
                channel.leave()
                return True
        idle = [channel for channel in channels if channel.is_idle()]
        if idle:
            min(idle, key=lambda channel: channel.last_activity).leave()
        return bool(idle)

    def _close_overdue(self, now: Mono) -> None:
        for channel in [*self.active_channels.values()]:
            if channel.is_overdue(now):
                channel.leave()


def _adjustments(sock: socket) -> Adjustments:
    return Adjustments(
        sockets=[sock],
        threads=WORKERS,
        backlog=BACKLOG,
        ident="",
        max_request_header_size=LONGEST_HEAD + 1,
        max_request_body_size=LONGEST_BODY + 1,
        connection_limit=NEVER,
        outbuf_high_watermark=NEVER,
        asyncore_use_poll=True,
        clear_untrusted_proxy_headers=False,
        log_socket_errors=False,
    )


class WaitressLog(logging.Handler):
    """What waitress has to tell, in the daemon's log. It hears of bugs only: who hangs up is none."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.ERROR)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._log.error("the web server failed at a request", what=record.getMessage(), error=repr(error))


def tell(log: Log) -> None:
    logger = logging.getLogger("waitress")
    logger.addHandler(WaitressLog(log))
    logger.propagate = False
    logging.getLogger("waitress.queue").propagate = False
    logging.getLogger("waitress.queue").addHandler(logging.NullHandler())
