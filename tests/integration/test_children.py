"""What outlives the first process of a run is known until a signal has no more to reach it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from runwisp import procfs
from runwisp.clock import Wall
from runwisp.daemon.children import Children, SidecarExited
from runwisp.daemon.inputs import Exited, LeftoversGone
from runwisp.ids import spelled
from runwisp.launch import Launched, Launcher
from runwisp.reaper import set_subreaper
from runwisp.run import Trigger, drafted
from runwisp.task import Task
from tests.integration.forked import forked
from tests.integration.launching import child, read_line
from tests.integration.waiting import wait_for

RUN = spelled(1)
T = TypeVar("T")


@dataclass
class Family:
    """One run, and what knows its processes. Only for a fork of its own, as it reaps all there are."""

    children: Children
    launched: Launched

    def read_line(self) -> str:
        return read_line(self.launched.stdout_fd)

    def reaped(self, kind: type[T]) -> T:
        """Waits for an end, with which no other comes."""
        [found] = wait_for(self.children.reap)
        assert isinstance(found, kind), found
        return found


Begin = Callable[[str], Family]


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("gate")
    mark = {name: os.environ[name] for name in ("PATH", "TEST_THAT_STARTED_THIS")}
    with closing(Launcher(mark, frozenset(), str(tmp_path / "data"), 1024, str(tmp_path))) as launcher:

        def begin(command: str) -> Family:
            set_subreaper()
            task = Task(name="job", run=command, working_dir=str(tmp_path))
            children = Children(launcher, str(tmp_path / "data"), lambda _: ())
            launched = children.launch(task, drafted(RUN, task, Trigger.API, Wall(0)))
            return Family(children, launched)

        yield begin


def test_what_wiped_its_environment_and_is_deaf_is_known_until_it_is_killed(begin: Begin) -> None:
    def stopped() -> None:
        family = begin(f"env -i {child('ignore_term')} & echo $!; wait")
        left = int(family.read_line())
        assert family.read_line() == "ready"
        family.children.signal([RUN], signal.SIGTERM)
        assert family.reaped(Exited).has_left
        assert family.children.reap() == [], "something else ended, and this did not"
        family.children.signal([RUN], signal.SIGKILL)
        assert family.reaped(SidecarExited).pid == left

    forked(stopped)


def test_what_leaves_another_in_its_place_and_ends_leaves_nobody_unknown(begin: Begin) -> None:
    def stopped() -> None:
        successor = f"{child('ignore_term')} & echo $!"
        family = begin(f"env -i sh -c 'trap \"\" TERM; echo ready; read go <gate; {successor}' & wait")
        assert family.read_line() == "ready"
        family.children.signal([RUN], signal.SIGTERM)
        assert family.reaped(Exited).has_left
        Path("gate").write_text("go\n")
        left = int(family.read_line())
        assert family.read_line() == "ready"
        assert family.reaped(SidecarExited).pid != left
        family.children.signal([RUN], signal.SIGKILL)
        assert family.reaped(SidecarExited).pid == left

    forked(stopped)


def test_it_is_told_once_that_nothing_is_left(begin: Begin) -> None:
    def stopped() -> None:
        family = begin("env -i sh -c 'trap \"\" TERM; echo ready; read go <gate' & wait")
        assert family.read_line() == "ready"
        family.children.signal([RUN], signal.SIGTERM)
        assert family.reaped(Exited).has_left
        Path("gate").write_text("go\n")
        told = wait_for(family.children.reap)
        while len(told) < 2:
            told += wait_for(family.children.reap)
        assert LeftoversGone(RUN) in told
        assert family.children.reap() == []

    forked(stopped)


def test_what_a_run_left_is_named_though_its_environment_is_wiped(begin: Begin) -> None:
    def ended() -> None:
        family = begin("env -i sleep 1000 & echo $!; read go <gate")
        left = int(family.read_line())
        wait_for(lambda: procfs.command_name(left) == "sleep")
        Path("gate").write_text("go\n")
        assert family.reaped(Exited).has_left
        line = f"process {left} (sleep) was left behind and goes on"
        assert family.children.leftovers({RUN}) == [(RUN, line)]
        os.kill(left, signal.SIGKILL)
        family.reaped(SidecarExited)

    forked(ended)
