"""The web process with a stand-in for its daemon, and a client that can say anything.

The stand-in is what web knows of a daemon: a link, a listening socket and answers to questions. What the real
one answers is tried elsewhere.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from typing import Any

from runwisp import host
from runwisp.auth import Tokens
from runwisp.errors import LinkClosed, RunWispError
from runwisp.helper import start_helper
from runwisp.link import Link
from runwisp.webwire import FROM_WEB, Answer, Briefing, FromWeb, Health, Refusal, Serving, Welcome
from tests.integration.waiting import PATIENCE, wait_for

SECRET = "ab" * 32
FINGERPRINT = "brave-otter"
COOKIE = f"runwisp_jwt_{FINGERPRINT}"

Reply = Mapping[str, Any] | RunWispError
Daemon = Callable[[Any], Reply | None]
"""Answers a question, or refuses it, or says nothing."""


def agreeable(_question: Any) -> Reply:
    return {"nonce": "0" * 64, "secret": "ticket", "message": "done"}


def briefing(data_dir: str, port: int) -> Briefing:
    now = host.now()
    return Briefing(
        data_dir=data_dir,
        fingerprint=FINGERPRINT,
        host="127.0.0.1",
        port=port,
        started_at=now.wall,
        started_mono=now.mono,
        config_path="/etc/runwisp.toml",
        config_digest="",
        config_loaded_at=now.wall,
        timezone="UTC",
        timezone_source="config",
        external_url=None,
        token_secret=SECRET,
        revoked_tokens=(),
        trusted_proxies=(),
        definitions=(),
        tasks=(),
        unfinished=(),
        processes=(),
        deliveries=(0, 0),
        health=Health.OK,
        health_reason="",
        log_lines=(),
        log_level="info",
        log_format="text",
    )


@dataclass
class Web:
    """One web process, and where it is reached."""

    port: int
    listening: socket.socket
    briefed: Briefing
    daemon: Daemon
    pid: int = 0
    asked: list[FromWeb] = field(default_factory=list)
    is_gone: threading.Event = field(default_factory=threading.Event)
    _is_serving: threading.Event = field(default_factory=threading.Event)
    _hang_up: tuple[int, int] = (-1, -1)

    def start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.pid = start_helper("runwisp.web.main", theirs.fileno(), os.environ, needs_packages=True)
        link: Link[FromWeb] = Link(ours, FROM_WEB)
        memory = os.memfd_create("briefing")
        os.write(memory, json.dumps(asdict(self.briefed)).encode())
        link.send(Welcome(), (self.listening.fileno(), memory))
        os.close(memory)
        self._is_serving.clear()
        self.is_gone.clear()
        self._hang_up = os.pipe()
        threading.Thread(target=self._answer, args=(link, self._hang_up[0])).start()

    def serves(self) -> None:
        assert self._is_serving.wait(PATIENCE)

    def hang_up(self) -> None:
        """As a daemon that ends, or dies."""
        os.write(self._hang_up[1], b"!")
        assert self.is_gone.wait(PATIENCE)

    def ends(self) -> None:
        """Waits for the process."""
        wait_for(lambda: os.waitpid(self.pid, os.WNOHANG)[0])

    def token(self) -> str:
        return Tokens(SECRET).issue(host.wall())[0]

    def _answer(self, link: Link[FromWeb], hang_up: int) -> None:
        ready = select.poll()
        ready.register(link.fileno(), select.POLLIN)
        ready.register(hang_up, select.POLLIN)
        try:
            while all(fd != hang_up for fd, _ in ready.poll()):
                for message, _ in link.receive():
                    self._hear(link, message)
        except LinkClosed:
            pass
        finally:
            link.close()
            for fd in self._hang_up:
                os.close(fd)
            self.is_gone.set()

    def _hear(self, link: Link[FromWeb], message: FromWeb) -> None:
        if isinstance(message, Serving):
            self._is_serving.set()
            return
        self.asked.append(message)
        reply = self.daemon(message)
        if isinstance(reply, RunWispError):
            refusal = Refusal(message.ticket, reply.code, reply.message, reply.hint, reply.retry_after)
            link.send(refusal)
        elif reply is not None:
            link.send(Answer(message.ticket, reply))


@contextmanager
def web_on(folder: object, daemon: Daemon = agreeable, **briefed: Any) -> Iterator[Web]:
    """``briefed`` are fields of the briefing that differ."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    with listening:
        port = listening.getsockname()[1]
        web = Web(port, listening, replace(briefing(str(folder), port), **briefed), daemon)
        web.start()
        try:
            web.serves()
            yield web
        finally:
            if not web.is_gone.is_set():
                web.hang_up()
            with suppress(ChildProcessError, ProcessLookupError):
                wait_for(lambda: os.waitpid(web.pid, os.WNOHANG)[0])


def kill(web: Web) -> None:
    os.kill(web.pid, signal.SIGKILL)
    os.waitpid(web.pid, 0)
    assert web.is_gone.wait(PATIENCE)


# A client that says anything


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def cookies(self) -> str:
        return self.headers.get("set-cookie", "")


def connect(web: Web, address: str = "127.0.0.1") -> socket.socket:
    """``address`` is where from; all of 127.0.0.0/8 is ours."""
    return socket.create_connection(("127.0.0.1", web.port), PATIENCE, (address, 0))


def say(web: Web, request: bytes, address: str = "127.0.0.1") -> Response:
    """Sends these bytes and reads one response."""
    with connect(web, address) as client:
        client.sendall(request)
        return read(client, is_head=request.startswith(b"HEAD"))


def read(client: socket.socket, *, is_head: bool = False) -> Response:
    with closing(client.makefile("rb", buffering=0)) as file:
        lines = takewhile(lambda line: line.rstrip(b"\r\n"), iter(file.readline, None))
        head = [line.decode("latin-1").rstrip("\r\n") for line in lines]
        assert head, "closed without a word"
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        wanted = 0 if is_head else int(headers.get("content-length", 0))
        body = b""
        while len(body) < wanted:
            body += file.read(wanted - len(body)) or _cut(body, wanted)
    return Response(int(head[0].split()[1]), headers, body)


def _cut(body: bytes, wanted: int) -> bytes:
    raise AssertionError(f"closed after {len(body)} bytes of {wanted}")


def ask(
    web: Web,
    method: str,
    target: str,
    *,
    json_body: Any = None,
    address: str = "127.0.0.1",
    **headers: str,
) -> Response:
    """Underscores in the names of headers are hyphens."""
    lines = [f"{method} {target} HTTP/1.1"]
    if "Host" not in headers:
        lines.append(f"Host: 127.0.0.1:{web.port}")
    body = b"" if json_body is None else json.dumps(json_body).encode()
    if json_body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return say(web, "\r\n".join([*lines, "", ""]).encode() + body, address)
