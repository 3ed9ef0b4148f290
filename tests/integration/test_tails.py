"""A tail, which reads the log of a run for all who follow it, alone with the files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runwisp import host
from runwisp.clock import Mono, Now, Wall
from runwisp.eventstream import ServerEvent, parsed
from runwisp.logcap import LogOnFull
from runwisp.logfile import LogFiles
from runwisp.logline import Stream
from runwisp.logwriter import LogWriter
from runwisp.run import Phase
from runwisp.web.feeds.tail import LAG, PAGE_LINES, Tail, TailFlow
from tests.integration.rows import T0, a_running


class Followed:
    """A run that prints, and its tail."""

    def __init__(self, logs_dir: str) -> None:
        self.run = a_running()
        self.flows: list[TailFlow] = []
        files = LogFiles(logs_dir, self.run.task_name, self.run.log_stem)
        self.index = f"{logs_dir}/{files.task_name}/{files.stem}.log.idx"
        self._writer = LogWriter(files, run_id=self.run.id, cap=0, on_full=LogOnFull.DROP_OLD, meta="{}")
        self.prints(b"one\n")
        self.tail = Tail(self.run, logs_dir, lambda _: None)

    def prints(self, data: bytes) -> None:
        self._writer.write(Stream.STDOUT, data, 0, len(data), host.wall())
        self._writer.park()

    def follower(self) -> TailFlow:
        flow = TailFlow(self.tail, 0)
        self.tail.enter(flow, lambda: None)
        self.flows.append(flow)
        return flow

    def ended(self) -> None:
        self.tail.saved(replace(self.run, phase=Phase.ENDED))


class Clock:
    """Both clocks, which stand still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = 0
        monkeypatch.setattr(host, "now", lambda: Now(self.wall(), Mono(self.ms)))
        monkeypatch.setattr(host, "wall", self.wall)

    def wall(self) -> Wall:
        return Wall(T0 + self.ms)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def followed(tmp_path: Path, clock: Clock) -> Iterator[Followed]:
    followed = Followed(str(tmp_path))
    yield followed
    for flow in followed.flows:
        flow.close()


def told(flow: TailFlow) -> list[ServerEvent]:
    """What comes until there is nothing for now."""
    pieces = []
    while piece := flow.more():
        pieces.append(piece)
    return [*parsed(b"".join(pieces).splitlines(keepends=True))]


def numbers(events: list[ServerEvent]) -> list[int]:
    assert {event.kind for event in events} <= {"line"}
    return [int(event.id) for event in events]


def test_who_follows_a_log_whose_index_is_cut_is_told_of_the_end(followed: Followed) -> None:
    follower = followed.follower()
    assert [event.kind for event in told(follower)] == ["line"]
    os.truncate(followed.index, 0)
    followed.ended()
    assert [event.kind for event in told(follower)] == ["done"]


def test_a_line_that_was_open_for_long_and_ends_in_a_burst_leaves_nobody_behind(
    followed: Followed, clock: Clock
) -> None:
    follower = followed.follower()
    told(follower)
    followed.prints(b"Working...")
    clock.ms += 2 * LAG
    followed.prints(b"done\n" * 2 * PAGE_LINES)
    followed.tail.grew(1 + 2 * PAGE_LINES)
    assert numbers(told(follower)) == [*range(2, 2 + 2 * PAGE_LINES)]


def test_who_was_up_to_date_and_falls_far_behind_goes_on_with_the_newest_lines(
    followed: Followed, clock: Clock
) -> None:
    slow = followed.follower()
    told(slow)
    followed.prints(b"x\n" * 2 * PAGE_LINES)
    followed.tail.grew(1 + 2 * PAGE_LINES)
    assert slow.more()
    clock.ms += 2 * LAG
    followed.prints(b"y\n")
    followed.tail.grew(2 + 2 * PAGE_LINES)
    [dropped] = told(slow)
    assert (dropped.kind, dropped.data) == ("dropped", json.dumps({"count": 2 + PAGE_LINES}))
    followed.prints(b"z\n")
    followed.tail.grew(3 + 2 * PAGE_LINES)
    assert numbers(told(slow)) == [3 + 2 * PAGE_LINES]
