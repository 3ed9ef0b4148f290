"""A web server that receives messages as the real services do, or behaves as badly as they can.

Real sockets, one thread a connection. What a request got is decided by a list of answers, or by a function
that looks at the request as the service would.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: str = "ok"
    headers: Mapping[str, str] = field(default_factory=dict)


class Hang:
    """Reads the request and says nothing until the receiver is closed."""


class Drip:
    """Answers a byte at a time, each long before anybody's patience is over, until the receiver is closed."""


class Reset:
    """Resets the connection in place of an answer."""


class Garbage:
    """Answers what is not HTTP."""


class Endless:
    """A body without an end."""


@dataclass(frozen=True)
class After:
    """First says this, then goes on as ``then``."""

    said: bytes
    then: Behaviour


Behaviour = After | Answer | Hang | Drip | Reset | Garbage | Endless
Judge = Callable[[Request], Behaviour]


class Receiver:
    """``context``: with TLS. Answers 200 unless told otherwise; what came is in ``requests``."""

    def __init__(self, judge: Judge | None = None, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.answers: list[Behaviour] = []
        self.is_closing = threading.Event()
        self._judge = judge
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.receive(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        if context:
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.scheme = "https" if context else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    @property
    def only(self) -> Request:
        [request] = self.requests
        return request

    def receive(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        request = Request("POST", handler.path, dict(handler.headers), body)
        self.requests.append(request)
        default: Behaviour = self._judge(request) if self._judge else Answer()
        self._behave(handler, self.answers.pop(0) if self.answers else default)

    def _behave(self, handler: BaseHTTPRequestHandler, behaviour: Behaviour) -> None:
        handler.close_connection = True
        match behaviour:
            case After():
                handler.wfile.write(behaviour.said)
                self._behave(handler, behaviour.then)
            case Answer():
                content = behaviour.body.encode()
                handler.send_response(behaviour.status)
                for name, value in behaviour.headers.items():
                    handler.send_header(name, value)
                handler.send_header("Content-Length", str(len(content)))
                handler.end_headers()
                handler.wfile.write(content)
            case Hang():
                self.is_closing.wait()
            case Drip():
                self._write_until_closed(handler, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"y", pause=0.02)
            case Endless():
                head = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno_team "
                self._write_until_closed(handler, head, b"x" * 65_536, pause=0.0)
            case Reset():
                linger = b"\x01\0\0\0\0\0\0\0"
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                handler.connection.close()
                handler.wfile.close = lambda: None  # type: ignore[method-assign]
            case Garbage():
                handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    def _write_until_closed(
        self, handler: BaseHTTPRequestHandler, head: bytes, piece: bytes, pause: float
    ) -> None:
        try:
            handler.wfile.write(head)
            while not self.is_closing.wait(pause):
                handler.wfile.write(piece)
        except OSError:  # who asked has had enough
            handler.wfile.close = lambda: None  # type: ignore[method-assign]


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that breaks off, or does not trust us, is nothing to print about."""
