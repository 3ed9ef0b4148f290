"""Much of everything: tasks, lines, followers."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from runwisp.run import EndReason
from tests.faults.recording import Seen
from tests.integration.asking import Door, entered
from tests.integration.following import door_of, log_path
from tests.integration.running import House, child
from tests.integration.waiting import wait_for

GB = 1_000_000_000
LINE = 100
"""Bytes of a line that ``spew`` prints."""
LINES = 400
"""That each follower gets."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


def rss(pid: int) -> float:
    """MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def took(began: float) -> str:
    return f"{(time.monotonic() - began) * 1000:,.0f} ms"


@pytest.mark.fault("load", "10,000 tasks loaded")
@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.faults)])
def test_so_many_tasks_are_loaded_listed_and_fired(house: House, count: int, seen: Seen) -> None:
    began = time.monotonic()
    daemon = house.start(
        "".join(f'[tasks.t{n}]\ncron = "{n % 60} {n % 24} * * *"\nrun = "true"\n' for n in range(count))
        + '[tasks.tick]\ncron = "@every 1s"\nrun = "true"\n'
    )
    started = took(began)
    door = entered(house, daemon)
    began = time.monotonic()
    tasks = door.get("/api/tasks").json
    listed = took(began)
    assert len(tasks) == count + 1
    assert all(task["next_run_at"] for task in tasks if task["name"] != "tick")
    house.ended("tick", 2)
    times = [run.scheduled_for or 0 for run in house.runs("tick")]
    assert times == list(range(times[0], times[-1] + 1, 1000))
    assert door.post(f"/api/tasks/t{count - 1}/trigger").status in (200, 201, 202)
    assert house.run_of(f"t{count - 1}").end_reason is EndReason.SUCCESS
    sizes = f"daemon {rss(daemon.pid):.0f} MiB, web {rss(daemon.web_pid):.0f} MiB"
    seen(f"{count:,} tasks: started in {started}, listed in {listed}; {sizes}")


@pytest.mark.fault("load", "a 10 GB log")
@pytest.mark.parametrize(
    "size", [GB // 20, pytest.param(10 * GB, marks=pytest.mark.faults)], ids=["50MB", "10GB"]
)
def test_any_page_of_a_log_is_found_however_long_it_is(house: House, size: int, seen: Seen) -> None:
    daemon = house.start(
        f"[tasks.job]\nrun_on_start = true\nrun = '{child('spew', size)}'\nlog_max_size = 0\n"
    )
    pump = wait_for(lambda: daemon.pump_pid)
    [run] = house.running("job")
    run = house.ended_at_last("job")
    count = size // LINE
    assert (run.end_reason, run.log_lines, run.log_bytes) == (EndReason.SUCCESS, count, size)
    door = entered(house, daemon)
    figures = {
        where: page(door, log_path("job", run.id, query))
        for where, query in {
            "first": "?from=1&limit=100",
            "middle": f"?from={count // 2}&limit=100",
            "last": "?from=-100&limit=100",
        }.items()
    }
    assert figures["first"][0] == list(range(1, 101))
    assert figures["middle"][0] == list(range(count // 2, count // 2 + 100))
    assert figures["last"][0] == list(range(count - 99, count + 1))
    told = ", ".join(f"{where} page in {took}" for where, (_, took) in figures.items())
    sizes = f"pump {rss(pump):.0f} MiB, web {rss(daemon.web_pid):.0f} MiB"
    seen(f"{size / GB:g} GB, {count:,} lines: {told}; {sizes}")
    assert rss(pump) < 64
    assert rss(daemon.web_pid) < 128


def page(door: Door, path: str) -> tuple[list[int], str]:
    """The numbers of its lines, and how long that took."""
    began = time.monotonic()
    lines: list[dict[str, Any]] = door.get(path).json["lines"]
    assert {line["text"] for line in lines} == {"x" * (LINE - 1)}
    return [line["n"] for line in lines], took(began)


@pytest.mark.fault("load", "500 followers")
@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.faults)])
def test_each_of_so_many_followers_gets_every_line_in_order(house: House, count: int, seen: Seen) -> None:
    """They are read one after the other, so all that comes is little enough to wait for its turn."""
    wait = "while ! test -e go; do sleep 0.05; done"
    house.start(f"[tasks.job]\nrun_on_start = true\nrun = 'seq 10; {wait}; seq 11 {LINES}'\n")
    [run] = house.running("job")
    house.logs(run, "10\n")
    door = door_of(house)
    path = log_path("job", run.id, "/stream?from=1")
    with ExitStack() as stack:
        streams = []
        for n in range(count):  # of ten addresses, as one may not have all there is
            streams.append(stack.enter_context(door.stream(path, address=f"127.0.0.{n % 10 + 2}")))
            assert streams[-1].status() == 200
        began = time.monotonic()
        assert door.get("/api/tasks").status == 200
        listed = took(began)
        followers = [stream.told() for stream in streams]
        first = [numbers(follower, 10) for follower in followers]
        (house.folder / "go").touch()
        rest = [numbers(follower) for follower in followers]
    for head, tail in zip(first, rest, strict=True):
        assert head + tail == list(range(1, LINES + 1))
    seen(f"{count} followers of {LINES} lines each: none missing, none twice; tasks listed in {listed}")


def numbers(events: Iterator[Any], count: int | None = None) -> list[int]:
    """Of so many lines, or all until it is done."""
    lines = (event for event in itertools.takewhile(lambda event: event.kind != "done", events))
    return [json.loads(event.data)["n"] for event in itertools.islice(lines, count)]
