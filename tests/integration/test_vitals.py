"""How busy the machine and processes are: what /proc says of one that works and of one that rests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from runwisp import machine
from runwisp.clock import HOUR
from runwisp.web.vitals import EVERY, Vitals, percent
from tests.integration.waiting import wait_for


@pytest.fixture
def busy() -> Iterator[int]:
    """The pid of a process that never rests."""
    process = subprocess.Popen([sys.executable, "-IS", "-c", "while True: pass"])
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture
def resting() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "1000"])
    yield process.pid
    process.kill()
    process.wait()


def test_a_process_that_works_is_seen_to_and_one_that_rests_is_not(busy: int, resting: int) -> None:
    vitals = Vitals(lambda: (("busy", busy), ("resting", resting)))

    def is_seen() -> bool:
        """In one look: what a moment later says is of that moment."""
        whole, processes = vitals.now()
        cpu = {each.role: each.cpu for each in processes}
        return whole > 0 and cpu["busy"] > 5 > cpu["resting"]

    wait_for(is_seen)


def test_a_process_that_is_gone_is_left_out() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert machine.process(gone.pid) is None
    _, processes = Vitals(lambda: (("gone", gone.pid), ("ours", os.getpid()))).now()
    assert [each.role for each in processes] == ["ours"]


def test_samples_are_those_of_the_last_hour_the_oldest_first() -> None:
    vitals = Vitals(lambda: ())
    assert vitals.samples() == ()
    for _ in range(HOUR // EVERY + 5):
        vitals.take()
    samples = vitals.samples()
    assert len(samples) == 360
    assert [each.ts for each in samples] == sorted(each.ts for each in samples)
    assert all(0 <= each.cpu <= 100 and 0 < each.mem_used < each.mem_total for each in samples)


def test_of_nothing_nothing_is_a_part() -> None:
    assert percent(1, 0) == 0
    assert percent(1, 3) == 33.33
