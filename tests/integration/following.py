"""A client of live streams that can do what no good one does: not read, hang up half, come back amid it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from types import TracebackType
from typing import Any

from runwisp.eventstream import ServerEvent, parsed
from runwisp.login import answer
from tests.integration.running import House
from tests.integration.waiting import PATIENCE, wait_for


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Door:
    """One daemon, reached and logged in."""

    port: int
    token: str

    def get(self, path: str, method: str = "GET", **headers: str) -> Response:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, headers=self._headers(headers))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, names, response.read())
        finally:
            connection.close()

    def stream(self, path: str, last_id: str = "", address: str = "127.0.0.1", buffer: int = 0) -> Stream:
        """``buffer``: bytes that the kernel keeps for us at most, if we do not read."""
        sock = socket.socket()
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.settimeout(PATIENCE)
        sock.bind((address, 0))
        sock.connect(("127.0.0.1", self.port))
        headers = self._headers(
            {"Host": "localhost", "Connection": "close", **({"Last-Event-ID": last_id} if last_id else {})}
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        sock.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        return Stream(sock)

    def _headers(self, others: Mapping[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **others}


@dataclass
class Stream:
    """The response to one request; ``status`` and ``events`` read, and nothing else does."""

    sock: socket.socket

    def __post_init__(self) -> None:
        self._file = self.sock.makefile("rb")

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def status(self) -> int:
        status = int(self._file.readline().split()[1])
        while self._file.readline().strip():
            pass
        return status

    def events(self) -> Iterator[ServerEvent]:
        """What comes until the other end closes."""
        assert self.status() == 200
        yield from self.told()

    def told(self) -> Iterator[ServerEvent]:
        """The events of a response whose status was read."""
        yield from parsed(self._file)

    def rest(self) -> bytes:
        return self._file.read()

    def close(self) -> None:
        self._file.close()
        self.sock.close()


@dataclass
class Follower:
    """Follows the log of a run in a thread, taken up where it was lost, until it is done."""

    door: Door
    path: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    others: list[ServerEvent] = field(default_factory=list)
    connections: int = 0
    last_id: str = ""
    done: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def wait(self) -> list[dict[str, Any]]:
        wait_for(lambda: self.done, lambda: f"{len(self.lines)} lines, then {self.last_id}")
        self._thread.join()
        return self.lines

    def _follow(self) -> None:
        while self.done is None:
            self.connections += 1
            try:
                with self.door.stream(self.path, self.last_id) as stream:
                    for event in stream.events():
                        self._note(event)
            except (ConnectionError, IndexError):
                continue  # web is ended: the next one takes the connection

    def _note(self, event: ServerEvent) -> None:
        self.last_id = event.id
        match event.kind:
            case "line":
                self.lines.append(json.loads(event.data))
            case "done":
                self.done = json.loads(event.data)
            case _:
                self.others.append(event)


def door_of(house: House) -> Door:
    port = house.daemons[-1].port
    door = Door(port, "")
    nonce = door.get("/api/auth/challenge").json["nonce"]
    password = (house.data / "password").read_text().strip()
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    body = json.dumps({"nonce": nonce, "response": answer(password, nonce)})
    connection.request("POST", "/api/auth", body, {"Content-Type": "application/json"})
    token = json.load(connection.getresponse())["token"]
    connection.close()
    return Door(port, token)


def log_path(task: str, run_id: str, rest: str = "") -> str:
    return f"/api/tasks/{task}/runs/{run_id}/log{rest}"
