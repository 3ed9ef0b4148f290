"""Many connections, slow ones, silent ones, dead ones: nobody is locked out, and the process lives."""

from __future__ import annotations

import os
import resource
import select
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from runwisp import host
from runwisp.clock import HOUR, SECOND, Now, Wall, after
from tests.integration.forked import forked
from tests.integration.waiting import PATIENCE, wait_for
from tests.integration.webhouse import Web, ask, connect, kill, read, web_on

SOON = 5.0
"""Seconds within which a person is to be served, whatever goes on; on a busy machine too."""


@contextmanager
def more_files(count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count:
        pytest.skip(f"this machine allows {hard} open files, {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def opened(web: Web, stack: ExitStack, count: int, address: str = "127.0.0.1") -> list[socket.socket]:
    return [stack.enter_context(connect(web, address)) for _ in range(count)]


def is_served(web: Web, address: str = "127.0.0.1") -> bool:
    started = time.monotonic()
    return ask(web, "GET", "/health", address=address).status == 200 and time.monotonic() - started < SOON


def is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def has_unread(web: Web) -> bool:
    """Whether a connection has something that web did not take yet. Source: proc_net_tcp(5)."""
    with open("/proc/net/tcp") as file:
        rows = [row.split() for row in file.readlines()[1:]]
    port = f":{web.port:04X}"
    return any(
        int(queues.rpartition(":")[2], 16) for _, here, _, _, queues, *_ in rows if here.endswith(port)
    )


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.fault("web", "10,000 connections")
def test_ten_thousand_silent_connections_lock_nobody_out(tmp_path: Path) -> None:
    with more_files(12_000), web_on(tmp_path) as web, ExitStack() as stack:
        for batch in range(100):
            opened(web, stack, 100, f"127.0.{batch}.2")
            if batch % 20 == 0:
                assert is_served(web)
        assert is_served(web)
        assert is_served(web, "127.0.50.2")


def test_silent_connections_of_one_address_make_room_for_its_next(tmp_path: Path) -> None:
    with web_on(tmp_path) as web, ExitStack() as stack:
        silent = opened(web, stack, 300)
        assert is_served(web)
        wait_for(lambda: sum(is_closed(client) for client in silent) >= 150)
        assert not all(is_closed(client) for client in silent)


def test_who_was_served_before_is_not_pushed_out_by_who_says_nothing(tmp_path: Path) -> None:
    with web_on(tmp_path) as web, ExitStack() as stack, connect(web) as person:
        for _ in range(3):
            person.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read(person).status == 200
            opened(web, stack, 150)


def test_connections_that_all_wait_for_an_answer_are_kept_and_the_next_is_told_to_come_again(
    tmp_path: Path,
) -> None:
    def never(_question: object) -> None:
        return None

    with web_on(tmp_path, never) as web, ExitStack() as stack:
        waiting = opened(web, stack, 128)
        for client in waiting:
            client.sendall(b"GET /api/auth/challenge HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: len(web.asked) >= 4 and not has_unread(web))
        wait_for(lambda: ask(web, "GET", "/health").status == 503)
        refused = ask(web, "GET", "/health")
        assert refused.headers["retry-after"] == "1"
        assert refused.json["type"] == "urn:runwisp:error:too_many_connections"
        assert not any(is_closed(client) for client in waiting)


def apart(test: Callable[..., None]) -> Callable[..., None]:
    """In a fork, as bottle changes, in Debian's version, how all modules are imported from then on."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        forked(lambda: test(*args, **kwargs))

    return run


def standing(application: Any = None) -> Any:
    """The server itself, whose loop nobody turns."""
    warnings.simplefilter("ignore")
    from runwisp.web.peers import Peers  # noqa: PLC0415
    from runwisp.web.server import Server  # noqa: PLC0415

    no_hub: Any = None
    return Server(application, socket.create_server(("127.0.0.1", 0)), no_hub, Peers(()))


def accepted(server: Any, client: socket.socket) -> Any:
    """Its end of the client's connection."""
    server.handle_accept()
    name = client.getsockname()
    return next(each for each in server.active_channels.values() if each.addr == name)


@apart
def test_a_connection_that_is_about_to_be_closed_is_not_idle() -> None:
    """The hub may stream on its socket by then: to make room with it would end the stream."""
    server = standing()
    with socket.create_connection(server.socket.getsockname()) as client:
        connection = accepted(server, client)
        assert connection.is_idle()
        connection.close_when_flushed = True
        assert not connection.is_idle()


@pytest.mark.fault("web", "slow readers and slow writers")
def test_a_head_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    """Slow loris: a byte now and then keeps a connection busy, but not for ever."""
    with web_on(tmp_path) as web, connect(web) as slow:
        started = time.monotonic()
        slow.sendall(b"GET /health HTTP/1.1\r\n")
        while time.monotonic() - started < PATIENCE:
            try:
                slow.sendall(b"A")
            except OSError:
                break
            if select.select([slow], [], [], 0.5)[0]:
                break
        assert 9 < time.monotonic() - started < PATIENCE
        assert is_served(web)


@pytest.mark.fault("web", "half-closed sockets")
def test_half_closed_and_reset_connections_cost_nothing(tmp_path: Path) -> None:
    with web_on(tmp_path) as web, ExitStack() as stack:
        for client in opened(web, stack, 100):
            client.shutdown(socket.SHUT_WR)
        for client in opened(web, stack, 20):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.sendall(b"GET /health HT")
            client.close()
        assert is_served(web)
        before = cpu_seconds(web.pid)
        wait_for(clock_moves(1.0))
        assert cpu_seconds(web.pid) - before < 0.1


def clock_moves(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def test_without_connections_it_sleeps(tmp_path: Path) -> None:
    with web_on(tmp_path) as web:
        assert is_served(web)
        before = cpu_seconds(web.pid)
        wait_for(clock_moves(2.0))
        assert cpu_seconds(web.pid) - before <= 0.02


@pytest.mark.fault("web", "slow readers and slow writers")
def test_readers_that_do_not_read_keep_no_worker(tmp_path: Path) -> None:
    with web_on(tmp_path) as web, ExitStack() as stack:
        for client in opened(web, stack, 20):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
        assert is_served(web)


def test_where_no_more_files_may_be_opened_it_goes_on(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with web_on(tmp_path) as web, ExitStack() as stack:
        resource.prlimit(web.pid, resource.RLIMIT_NOFILE, (60, hard))
        for number in range(20):
            opened(web, stack, 10, f"127.0.1.{number + 1}")
        assert is_served(web)
        before = cpu_seconds(web.pid)
        wait_for(clock_moves(1.0))
        assert cpu_seconds(web.pid) - before < 0.3


@apart
def test_who_asks_and_asks_and_reads_nothing_fills_no_memory() -> None:
    large = bytes(100_000)

    def application(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [("Content-Length", str(len(large)))])
        return [large]

    server = standing(application)
    with socket.create_connection(server.socket.getsockname()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        connection = accepted(server, client)
        connection.handle_read()
        wait_for(lambda: not connection.requests)
        assert 0 < connection.total_outbufs_len < 3 * len(large)


@contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@apart
def test_who_could_not_be_accepted_and_found_nobody_idle_is_accepted_when_there_are_files_again() -> None:
    server = standing()
    with socket.create_connection(server.socket.getsockname()) as client:
        assert server.readable()
        with no_more_files():
            server.handle_accept()
        assert not server.active_channels
        wait_for(server.readable)
        assert accepted(server, client)


@apart
def test_connections_of_one_ipv6_subscriber_are_counted_together() -> None:
    server = standing()
    accept, subscriber = server.accept, "2001:db8::"

    def from_an_address_of_its_own() -> Any:
        found = accept()
        return found and (found[0], (f"{subscriber}{found[1][1]:x}", *found[1][1:]))

    server.accept = from_an_address_of_its_own
    with ExitStack() as stack:

        def connect_and_accept(count: int) -> list[bool]:
            for _ in range(count):
                stack.enter_context(socket.create_connection(server.socket.getsockname()))
                server.handle_accept()
            return [connection.will_close for connection in server.active_channels.values()]

        assert not any(connect_and_accept(128))
        assert connect_and_accept(1).count(True) == 1
        subscriber = "2001:db8:0:1::"
        assert connect_and_accept(1).count(True) == 1


def test_streams_of_one_ipv6_subscriber_are_counted_together(tmp_path: Path) -> None:
    with web_on(tmp_path, trusted_proxies=("127.0.0.0/8",)) as web, ExitStack() as stack:

        def status(address: str) -> int:
            client = stack.enter_context(connect(web))
            lines = (f"Authorization: Bearer {web.token()}", f"X-Forwarded-For: {address}", "Host: x", "", "")
            client.sendall("\r\n".join(("GET /api/runs/stream HTTP/1.1", *lines)).encode())
            return read(client).status

        assert [status(f"2001:db8::{number:x}") for number in range(64)] == [200] * 64
        assert status("2001:db8::ffff") == 503
        assert status("2001:db8:0:1::") == 200


@apart
def test_a_clock_that_is_set_back_keeps_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    server = standing()
    with socket.create_connection(server.socket.getsockname()) as slow:
        assert server.readable()
        slow.sendall(b"GET /health HT")
        connection = accepted(server, slow)
        connection.handle_read()
        now = host.now()
        monkeypatch.setattr(time, "time", lambda: (now.wall - 5 * HOUR) / SECOND)
        monkeypatch.setattr(host, "now", lambda: Now(Wall(now.wall - 5 * HOUR), after(now.mono, 15 * SECOND)))
        server.readable()
        assert connection.will_close


@pytest.mark.fault("web", "SIGKILL under load")
def test_killed_it_is_replaced_and_nobody_who_connects_meanwhile_is_refused(tmp_path: Path) -> None:
    with web_on(tmp_path) as web:
        assert is_served(web)
        kill(web)
        with connect(web) as early:
            early.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            web.start()
            assert read(early).status == 200


def test_when_the_daemon_is_gone_it_ends_at_once_whatever_is_under_way(tmp_path: Path) -> None:
    def never(_question: object) -> None:
        return None

    with web_on(tmp_path, never) as web, connect(web) as waiting:
        waiting.sendall(b"GET /api/auth/challenge HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: web.asked)
        started = time.monotonic()
        web.hang_up()
        wait_for(lambda: os.waitpid(web.pid, os.WNOHANG)[0])
        assert time.monotonic() - started < 1
