"""What the service manager hears, over a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.clock import Millis
from runwisp.sdnotify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        name = str(tmp_path / "notify") if request.param == "path" else f"@runwisp-test-{os.getpid()}"
        listening.bind(name.replace("@", "\0"))
        listening.settimeout(10)
        yield listening, name


def test_the_manager_hears_of_every_step(manager: tuple[socket.socket, str]) -> None:
    listening, name = manager
    notifier = Notifier.from_env({"NOTIFY_SOCKET": name})
    assert notifier.ready("3 tasks")
    assert notifier.status("degraded:\nWATCHDOG=1 disk full")
    assert notifier.alive()
    assert notifier.stopping(Millis(25_000))
    notifier.close()
    assert [listening.recv(9999) for _ in range(4)] == [
        b"READY=1\nSTATUS=3 tasks",
        b"STATUS=degraded: WATCHDOG=1 disk full",
        b"WATCHDOG=1",
        b"STOPPING=1\nEXTEND_TIMEOUT_USEC=25000000",
    ]


def test_without_a_manager_nothing_is_sent() -> None:
    notifier = Notifier.from_env({})
    assert not notifier.ready()
    assert notifier.watchdog_interval is None


@pytest.mark.parametrize(
    "name", ["/nowhere/at/all", "@nobody-listens-here", "vsock:2:1234", "/" + "x" * 200, "@"]
)
def test_a_broken_socket_raises_nothing(name: str) -> None:
    notifier = Notifier.from_env({"NOTIFY_SOCKET": name})
    assert not notifier.ready("up")
    assert not notifier.alive()
    notifier.close()


def test_a_manager_that_does_not_read_does_not_block(manager: tuple[socket.socket, str]) -> None:
    _, name = manager
    notifier = Notifier.from_env({"NOTIFY_SOCKET": name})
    assert not all([notifier.alive() for _ in range(10_000)])
    notifier.close()


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_looks(
    environ: dict[str, str], interval: int | None
) -> None:
    assert Notifier.from_env({"NOTIFY_SOCKET": "/run/x", **environ}).watchdog_interval == interval
