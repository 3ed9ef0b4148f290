"""A tail, which reads the log of a run for all who follow it, alone with the files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from runwisp.eventstream import ServerEvent, parsed
from runwisp.logcap import LogOnFull
from runwisp.logfile import LogFiles
from runwisp.logline import Stream
from runwisp.logwriter import LogWriter
from runwisp.run import Phase
from runwisp.web.feeds.tail import Tail, TailFlow
from tests.integration.rows import T0, a_running


class Followed:
    """A run that prints, and its tail."""

    def __init__(self, logs_dir: str) -> None:
        self.run = a_running()
        files = LogFiles(logs_dir, self.run.task_name, self.run.log_stem)
        self.index = f"{logs_dir}/{files.task_name}/{files.stem}.log.idx"
        self._writer = LogWriter(files, run_id=self.run.id, cap=0, on_full=LogOnFull.DROP_OLD, meta="{}")
        self.prints(b"one\n")
        self.tail = Tail(self.run, logs_dir, lambda _: None)

    def prints(self, data: bytes) -> None:
        self._writer.write(Stream.STDOUT, data, 0, len(data), T0)
        self._writer.park()

    def follower(self) -> TailFlow:
        flow = TailFlow(self.tail, 0)
        self.tail.enter(flow, lambda: None)
        return flow

    def ended(self) -> None:
        self.tail.saved(replace(self.run, phase=Phase.ENDED))


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    return Followed(str(tmp_path))


def told(flow: TailFlow) -> list[ServerEvent]:
    """What comes until there is nothing for now."""
    pieces = []
    while piece := flow.more():
        pieces.append(piece)
    return [*parsed(b"".join(pieces).splitlines(keepends=True))]


def test_who_follows_a_log_whose_index_is_cut_is_told_of_the_end(followed: Followed) -> None:
    follower = followed.follower()
    assert [event.kind for event in told(follower)] == ["line"]
    os.truncate(followed.index, 0)
    followed.ended()
    assert [event.kind for event in told(follower)] == ["done"]
