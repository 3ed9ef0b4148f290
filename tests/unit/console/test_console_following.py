"""A stream that the console follows: handed on seldom, never behind, and taken up where it broke off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, cast

import pytest

from runwisp.client import Client
from runwisp.clock import HOUR
from runwisp.console import following
from runwisp.console.following import FLOOD, Event, Following, Listener

PATIENCE = 30.0


class Streams:
    """A client of a daemon that sends these pieces, one connection after the other, and then no more."""

    def __init__(self, *connections: Sequence[bytes]) -> None:
        self.connections = list(connections)
        self.asked_from: list[str] = []

    @contextmanager
    def pieces(
        self, _where: str, last_id: str, _connected: object, **_query: object
    ) -> Iterator[Iterator[bytes]]:
        self.asked_from.append(last_id)
        yield iter(self.connections.pop(0))


def line(n: int, text: str) -> bytes:
    return f"id: {n}\nevent: line\ndata: {text}\n\n".encode()


def followed(streams: Streams) -> tuple[Following, SimpleQueue[Sequence[Event]]]:
    came: SimpleQueue[Sequence[Event]] = SimpleQueue()
    nothing: Any = lambda *_: None  # noqa: E731
    listener = Listener(opened=nothing, came=came.put, lost=nothing, failed=nothing)
    return Following(cast(Client, streams), "/api/a", listener, last=b"done"), came


def test_a_flood_is_taken_without_a_pause_and_what_comes_slowly_with_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "HANDED_EVERY", HOUR)
    flood = line(1, "x" * FLOOD)
    stream, came = followed(Streams([flood, flood, line(2, "slow"), line(3, "later")]))
    sizes = [len(came.get(timeout=PATIENCE)[0][1]) for _ in range(3)]
    assert sizes == [FLOOD, FLOOD, 4]
    stream.end()
    stream._thread.join(PATIENCE)
    assert came.empty()


def test_half_an_event_is_forgotten_when_the_stream_is_taken_up_again() -> None:
    streams = Streams(
        [line(1, "a") + b"event: run.cre"], [b"event: run.created\ndata: b\n\nevent: done\ndata: c\n\n"]
    )
    stream, came = followed(streams)
    assert came.get(timeout=PATIENCE) == [(b"line", b"a")]
    stream.retry()
    assert came.get(timeout=PATIENCE) == [(b"run.created", b"b"), (b"done", b"c")]
    stream._thread.join(PATIENCE)
    assert streams.asked_from == ["", "1"]
