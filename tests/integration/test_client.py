"""The client against servers that answer what a test says: errors, broken streams, strangers on the port."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256

import pytest

from runwisp import client as module
from runwisp.client import Client, health, other_daemon, path
from runwisp.errors import (
    DaemonSilent,
    InvalidPassword,
    NotLoggedIn,
    RunWispError,
    TooManyAttempts,
    UnknownTask,
    Unreachable,
)
from runwisp.localurl import local_url

PATIENCE = 30


def answer(content: object, status: str = "200 OK", media: str = "application/json", *headers: str) -> bytes:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    head = [f"HTTP/1.1 {status}", f"Content-Type: {media}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "Connection: close", "", ""]).encode() + body


def problem(code: str, status: str, *headers: str, **rest: object) -> bytes:
    content = {"type": f"urn:runwisp:error:{code}", "detail": f"About {code}.", "errors": [], **rest}
    return answer(content, status, "application/problem+json", *headers)


def stream(*events: str) -> bytes:
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return (head + "".join(f"{event}\n\n" for event in events)).encode()


RESET = b""
"""Instead of an answer: the connection is reset."""


@dataclass
class Server:
    """Answers one connection after the other with the next of ``answers``, further ones by their request."""

    answers: Sequence[bytes]
    further: Callable[[str], bytes] = lambda _: RESET
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    @property
    def client(self) -> Client:
        return Client(local_url("127.0.0.1", self.port))

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(PATIENCE)
        self.socket.close()

    def _serve(self) -> None:
        waiting = list(self.answers)
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                self.requests.append(read_request(connection))
                reply = waiting.pop(0) if waiting else self.further(self.requests[-1])
                if reply:
                    connection.sendall(reply)
                else:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def read_request(connection: socket.socket) -> str:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return (head + b"\n\n" + body).decode()


Serve = Callable[..., Server]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Generator[Serve, None, None]:
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.01))
    servers = []

    def started(*answers: bytes) -> Server:
        servers.append(Server(answers))
        return servers[-1]

    yield started
    for server in servers:
        server.close()


LOGIN = (answer({"nonce": "ab" * 32}), answer({"token": "t1", "expires_at": "2030-01-01T00:00:00.000Z"}))


# Requests


def test_the_login_proves_the_password_and_never_sends_it(serve: Serve) -> None:
    server = serve(*LOGIN, answer([]))
    client = server.client
    client.log_in("secret")
    client.get(path("tasks"))
    proof = sha256(f"secret:{'ab' * 32}".encode()).hexdigest()
    assert json.loads(server.requests[1].split("\n\n")[1]) == {"nonce": "ab" * 32, "response": proof}
    assert "Authorization: Bearer t1" in server.requests[2]
    assert not [request for request in server.requests if "secret" in request]


def test_a_token_that_has_expired_is_replaced_once(serve: Serve) -> None:
    again = (answer({"nonce": "cd" * 32}), answer({"token": "t2", "expires_at": ""}))
    expired = problem("not_logged_in", "401 Unauthorized")
    server = serve(*LOGIN, expired, *again, answer({"id": "R"}), expired, *again, expired)
    client = server.client
    client.log_in("secret")
    assert client.post(path("tasks", "a", "trigger")) == {"id": "R"}
    assert "Authorization: Bearer t2" in server.requests[5]
    with pytest.raises(NotLoggedIn):
        client.get(path("tasks"))


def test_a_password_that_was_changed_meanwhile_is_tried_once_and_by_one_alone(serve: Serve) -> None:
    def refused(request: str) -> bytes:
        if request.startswith("GET /api/auth/challenge "):
            return LOGIN[0]
        return problem("invalid_password" if request.startswith("POST ") else "not_logged_in", "401 No")

    server = serve(*LOGIN)
    server.further = refused
    client = server.client
    client.log_in("secret")
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(client.get, path("tasks")) for _ in range(4)]
        found = [str(each.exception(PATIENCE)) for each in asked]
    with pytest.raises(InvalidPassword, match="another password"):
        next(client.events(path("runs")))
    assert all("the daemon was started again with another password" in each for each in found)
    logins = [each for each in server.requests if each.startswith("POST /api/auth ")]
    assert len(logins) == 2
    assert client.password == ""


def test_names_and_values_of_others_cannot_leave_their_place_in_the_url(serve: Serve) -> None:
    server = serve(answer({}))
    server.client.get(path("tasks", "../a b?", "runs"), from_=-5, status="x&y", left_out=None)
    assert server.requests[0].startswith("GET /api/tasks/..%2Fa%20b%3F/runs?from=-5&status=x%26y HTTP/1.1")


def test_an_answer_without_content_is_none(serve: Serve) -> None:
    assert serve(b"HTTP/1.1 204 No Content\r\n\r\n").client.delete(path("x")) is None


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("unknown_task", "404 Not Found", UnknownTask),
        ("invalid_password", "401 Unauthorized", InvalidPassword),
        ("from_the_future", "418 I'm a teapot", RunWispError),
    ],
)
def test_a_problem_is_the_error_that_it_names(
    serve: Serve, code: str, status: str, kind: type[RunWispError]
) -> None:
    with pytest.raises(RunWispError, match=f"About {code}.") as caught:
        serve(problem(code, status)).client.get(path("x"))
    assert type(caught.value) is kind


def test_every_fault_of_a_request_is_told(serve: Serve) -> None:
    faults = [{"where": "limit", "message": "too much"}, {"where": "from", "message": "no number"}]
    with pytest.raises(RunWispError, match=r"limit: too much\nfrom: no number"):
        serve(problem("request_invalid", "400 Bad Request", errors=faults)).client.get(path("x"))


def test_an_error_knows_when_to_come_back(serve: Serve) -> None:
    with pytest.raises(TooManyAttempts) as caught:
        serve(problem("too_many_attempts", "429 Too Many Requests", "Retry-After: 17")).client.log_in("x")
    assert caught.value.retry_after == 17


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"<html>", "500 Oops", "text/html"),
        answer(b"<html>", "200 OK", "text/html"),
        answer(["not", "a", "problem"], "404 Not Found"),
        b"220 mail.example.com ESMTP\r\n",
        b"\0\0\0\0",
    ],
)
def test_what_is_not_runwisp_is_told_apart(serve: Serve, reply: bytes) -> None:
    server = serve(reply)
    with pytest.raises(
        Unreachable, match=f"cannot reach daemon at {server.client.url} — is it running"
    ) as caught:
        server.client.get(path("x"))
    assert "--port" in caught.value.hint


def test_nobody_there_is_said_as_the_guide_says_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable) as caught:
        Client(local_url("127.0.0.1", port)).health()
    assert caught.value.message == f"cannot reach daemon at http://127.0.0.1:{port} — is it running?"
    assert "runwisp daemon" in caught.value.hint


def test_a_question_is_asked_again_when_web_ended_under_it_a_wish_is_not(serve: Serve) -> None:
    assert serve(RESET, answer([1])).client.get(path("x")) == [1]
    server = serve(RESET, answer([1]))
    with pytest.raises(Unreachable, match="is it running"):
        server.client.post(path("x"))
    assert len(server.requests) == 1


def test_a_download_that_was_cut_off_is_no_success(serve: Serve) -> None:
    whole, cut = answer(b"x" * 100_000, media="text/plain"), answer(b"x" * 100_000, media="text/plain")[:-1]
    assert b"".join(serve(whole).client.bytes_of(path("x"))) == b"x" * 100_000
    with pytest.raises(Unreachable, match="is it running"):
        list(serve(cut).client.bytes_of(path("x")))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a",
        "127.0.0.1:9477",
        "http://a:x",
        "http://",
        "http://a/b",
        "http://a#b",
        "http://[[::1]]:80",
        "http://a..b",
        "http://a b",
        "http://ä..b:1",
        f"http://{'a' * 300}",
    ],
)
def test_a_url_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(Unreachable):
        Client(url).health()


# Streams


def test_a_stream_is_taken_up_after_the_last_event_that_came(serve: Serve) -> None:
    server = serve(
        stream("id: 1\ndata: a", "id: 2\ndata: b"),
        RESET,
        problem("too_many_streams", "503 Service Unavailable", "Retry-After: 1"),
        problem("daemon_silent", "503 Service Unavailable"),
        stream("id: 3\ndata: c", "event: done\ndata: {}"),
    )
    found = []
    for event in server.client.events(path("x"), from_=-10):
        found.append(event.data)
        if event.kind == "done":
            break
    assert found == ["a", "b", "c", "{}"]
    assert "Last-Event-ID" not in server.requests[0]
    assert all("Last-Event-ID: 2" in request for request in server.requests[1:])
    assert all("?from=-10 " in request for request in server.requests)


def test_a_stream_logs_in_again_when_its_token_expired_meanwhile(serve: Serve) -> None:
    expired = problem("not_logged_in", "401 Unauthorized")
    client = serve(*LOGIN, stream("data: a"), expired, *LOGIN, stream("data: b")).client
    client.log_in("secret")
    events = client.events(path("x"))
    assert [next(events).data, next(events).data] == ["a", "b"]
    events.close()  # type: ignore[attr-defined]


def test_a_stream_is_given_up_when_the_daemon_stays_away(serve: Serve) -> None:
    server = serve(stream("data: a"))
    events = server.client.events(path("x"), gone_for=200)
    assert next(events).data == "a"
    with pytest.raises(Unreachable):
        next(events)
    assert len(server.requests) > 2


@pytest.mark.parametrize("status", ["404 Not Found", "503 Service Unavailable"])
def test_a_stream_that_was_never_there_is_told_at_once(serve: Serve, status: str) -> None:
    code = "daemon_silent" if status.startswith("503") else "unknown_task"
    with pytest.raises(DaemonSilent if code == "daemon_silent" else UnknownTask):
        next(serve(problem(code, status)).client.events(path("x")))


def test_a_stream_ends_when_what_it_tells_of_is_gone(serve: Serve) -> None:
    events = serve(stream("data: a"), problem("unknown_task", "404 Not Found")).client.events(path("x"))
    next(events)
    with pytest.raises(UnknownTask):
        next(events)


# Whose port is it


def test_the_health_of_a_daemon_names_it(serve: Serve) -> None:
    told = {"app": "runwisp", "status": "ok", "fingerprint": "abc"}
    assert health("127.0.0.1", serve(answer(told)).port) == "abc"
    assert health("127.0.0.1", serve(answer(told, "503 Service Unavailable")).port) == "abc"


@pytest.mark.parametrize(
    "reply",
    [
        answer({"app": "other", "fingerprint": "abc"}),
        answer([1]),
        answer(b"<html>"),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0" * 200_000,
        RESET,
    ],
)
def test_any_other_listener_is_nobody(serve: Serve, reply: bytes) -> None:
    assert health("127.0.0.1", serve(reply).port) is None


def test_nobody_is_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert health("127.0.0.1", port) is None


def test_a_listener_that_says_nothing_or_a_byte_at_a_time_does_not_hold_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GLANCE", 200)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert health("127.0.0.1", listener.getsockname()[1]) is None
        connection, _ = listener.accept()
        connection.close()
        stop = threading.Event()
        thread = threading.Thread(target=drip, args=(listener, stop))
        thread.start()
        before = time.monotonic()
        assert health("127.0.0.1", listener.getsockname()[1]) is None
        assert time.monotonic() - before < PATIENCE / 2
        stop.set()
        thread.join(PATIENCE)


def drip(listener: socket.socket, stop: threading.Event) -> None:
    connection, _ = listener.accept()
    with connection:
        while not stop.wait(0.02):
            try:
                connection.sendall(b"H")
            except OSError:
                return


def test_another_daemon_is_told_with_the_three_ways_out_of_the_guide() -> None:
    said = str(other_daemon(9477, "abc"))
    assert said.startswith(
        "another RunWisp daemon is already running on port 9477 with a different password\n"
    )
    assert "abc" in said
    assert "\n- Stop the other daemon. `pkill runwisp`" in said
    assert (
        "\n- Use the matching password. `RUNWISP_PASSWORD=$(cat /other-data/password) runwisp tui`." in said
    )
    assert "\n- Pick a different port. `runwisp --port 9478 --data ./local-data`." in said
