"""Following the log of a run: every line, once and in order, whatever happens to web, pump and reader."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.following import Door, Follower, Stream, door_of, log_path
from tests.integration.running import House, child
from tests.integration.waiting import wait_for


@pytest.fixture
def house(tmp_path: Path) -> Generator[House, None, None]:
    with House(tmp_path) as house:
        yield house


def counting(house: House, more: str = "") -> str:
    """A task that prints numbers until the file ``stop`` is there."""
    run = child("count_up", house.folder / "stop")
    return f'[tasks.count]\nrun = "{run}"\nrun_on_start = true\n{more}'


def until_stopped(house: House) -> str:
    """A command of a shell."""
    return f"while [ ! -e {house.folder}/stop ]; do sleep 0.01; done"


def stop(house: House) -> None:
    (house.folder / "stop").touch()


def whole_log(door: Door, task: str, run_id: str) -> list[dict[str, Any]]:
    """All lines, page by page."""
    lines: list[dict[str, Any]] = []
    while True:
        page = door.get(log_path(task, run_id, f"?from={len(lines) + 1}&limit=10000")).json
        lines += page["lines"]
        if len(lines) == page["total_lines"]:
            return lines


def printed(lines: list[dict[str, Any]]) -> list[str]:
    return [line["text"] for line in lines if line["stream"] == "stdout"]


def lines_of(stream: Stream, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for event in stream.events():
        if event.kind == "line":
            found.append(json.loads(event.data))
        if len(found) == count:
            break
    return found


def test_a_follower_gets_what_was_there_what_comes_and_the_end(house: House) -> None:
    house.start(counting(house))
    [run] = house.running("count")
    house.logs(run, "\n20\n")
    door = door_of(house)
    follower = Follower(door, log_path("count", run.id, "/stream?from=1"))
    wait_for(lambda: len(follower.lines) > 100)
    stop(house)
    assert follower.wait() == whole_log(door, "count", run.id)
    assert printed(follower.lines)[:-1] == [str(n) for n in range(1, len(follower.lines))]
    assert follower.done and follower.done["end_reason"] == "success"
    assert not follower.others and follower.connections == 1


def test_a_run_that_has_ended_is_followed_to_its_end_at_once(house: House) -> None:
    house.start("[tasks.few]\nrun = \"printf 'a\\\\nb\\\\nno end'; echo c >&2\"\nrun_on_start = true\n")
    run = house.run_of("few")
    (house.data / f"logs/few/{run.log_stem}.log.meta").unlink()  # which also says that it is complete
    follower = Follower(door_of(house), log_path("few", run.id, "/stream"))
    texts = [(line["n"], line["stream"], line["text"]) for line in follower.wait()]
    assert sorted(text for _, _, text in texts) == ["a", "b", "c", "no end"]
    assert [n for n, _, _ in texts] == [1, 2, 3, 4]


def test_a_run_that_waits_is_followed_once_it_starts(house: House) -> None:
    house.start(counting(house, 'parallelism = 1\non_overlap = "queue"\n') + '[tasks.other]\nrun = "true"\n')
    house.running("count")
    client = door_of(house)
    client.get("/api/tasks/count/trigger", "POST")
    [waiting] = house.waiting("count")
    follower = Follower(client, log_path("count", waiting.id, "/stream?from=1"))
    wait_for(lambda: follower.connections)
    stop(house)
    assert printed(follower.wait()) == ["end 0"]


def test_the_last_event_id_takes_a_stream_up_after_that_line(house: House) -> None:
    house.start(counting(house))
    [run] = house.running("count")
    door = door_of(house)
    path = log_path("count", run.id, "/stream")
    with door.stream(path + "?from=1") as stream:
        first = lines_of(stream, 5)
    with door.stream(path, last_id="5") as stream:
        assert [line["n"] for line in first + lines_of(stream, 50)] == [*range(1, 56)]
    assert door.get(path, **{"Last-Event-ID": "x"}).status == 400


@pytest.mark.parametrize(
    ("query", "first"), [("from=-3", 8), ("from=9", 9), ("from=1&replay_limit=2", 9), ("from=11", 11)]
)
def test_a_follower_says_from_where_on(house: House, query: str, first: int) -> None:
    house.start(f'[tasks.ten]\nrun = "seq 10; {until_stopped(house)}; echo 11"\nrun_on_start = true\n')
    [run] = house.running("ten")
    house.logs(run, "10\n")
    follower = Follower(door_of(house), log_path("ten", run.id, f"/stream?{query}"))
    wait_for(lambda: follower.connections)
    if first < 11:
        wait_for(lambda: len(follower.lines) == 11 - first)
    stop(house)
    assert [line["n"] for line in follower.wait()] == [*range(first, 12)]


@pytest.mark.fault("web", "SIGKILL under load")
def test_web_killed_again_and_again_costs_a_follower_nothing(house: House) -> None:
    daemon = house.start(counting(house))
    [run] = house.running("count")
    door = door_of(house)
    followers = [Follower(door, log_path("count", run.id, "/stream?from=1")) for _ in range(5)]
    for _ in range(3):
        seen = len(followers[0].lines)
        wait_for(lambda seen=seen: all(len(each.lines) > seen + 20 for each in followers))  # type: ignore[misc]
        former = wait_for(lambda: daemon.web_pid)
        os.kill(former, signal.SIGKILL)
        wait_for(lambda former=former: daemon.web_pid not in (0, former))  # type: ignore[misc]
    stop(house)
    for follower in followers:
        assert follower.wait() == whole_log(door, "count", run.id)
        assert not follower.others and follower.connections >= 4
    assert printed(followers[0].lines)[-1] == f"end {len(followers[0].lines) - 1}", "the task never noticed"


@pytest.mark.fault("pump", "SIGKILL while 100 tasks print")
def test_the_pump_killed_again_and_again_costs_a_follower_nothing(house: House) -> None:
    daemon = house.start(counting(house))
    [run] = house.running("count")
    door = door_of(house)
    follower = Follower(door, log_path("count", run.id, "/stream?from=1"))
    for _ in range(3):
        seen = len(follower.lines)
        wait_for(lambda seen=seen: len(follower.lines) > seen + 20)  # type: ignore[misc]
        former = wait_for(lambda: daemon.pump_pid)
        os.kill(former, signal.SIGKILL)
        wait_for(lambda former=former: daemon.pump_pid not in (0, former))  # type: ignore[misc]
    seen = len(follower.lines)
    wait_for(lambda: len(follower.lines) > seen + 20)
    stop(house)
    assert follower.wait() == whole_log(door, "count", run.id)
    assert follower.connections == 1


def test_a_log_that_rotates_under_its_followers_loses_them_nothing(house: House) -> None:
    house.start(counting(house, 'log_max_size = "4KB"\n'))
    [run] = house.running("count")
    door = door_of(house)
    follower = Follower(door, log_path("count", run.id, "/stream?from=1"))
    wait_for(lambda: len([event for event in follower.others if event.kind == "rotated"]) > 2)
    stop(house)
    lines = follower.wait()
    numbers = [int(text) for text in printed(lines)[:-1]]
    assert numbers == [*range(1, len(numbers) + 1)]
    assert [line["n"] for line in lines] == [*range(1, len(lines) + 1)]
    assert {event.kind for event in follower.others} == {"rotated"}


def test_who_comes_back_too_late_is_told_how_many_lines_are_gone(house: House) -> None:
    house.start('[tasks.much]\nrun = "seq 10000"\nlog_max_size = "4KB"\nrun_on_start = true\n')
    run = house.run_of("much")
    door = door_of(house)
    with door.stream(log_path("much", run.id, "/stream"), last_id="7") as stream:
        events = [*stream.events()]
    page = door.get(log_path("much", run.id)).json
    assert page["first_available"] > 1000
    assert events[0].kind == "dropped" and json.loads(events[0].data) == {
        "count": page["first_available"] - 8
    }
    assert events[0].id == str(page["first_available"] - 1)
    assert [event.id for event in events[1:-1]] == [
        str(n) for n in range(page["first_available"], page["total_lines"] + 1)
    ]


def test_what_is_not_finished_is_shown_by_a_page_and_sent_once_it_is(house: House) -> None:
    house.start(
        f"[tasks.bar]\nrun = \"echo first; printf '10%% 20%% '; {until_stopped(house)}; echo 100%%\"\n"
        "run_on_start = true\n"
    )
    [run] = house.running("bar")
    house.logs(run, "20% ")
    door = door_of(house)
    follower = Follower(door, log_path("bar", run.id, "/stream?from=1"))
    page = door.get(log_path("bar", run.id)).json
    assert [(line["text"], "open" in line) for line in page["lines"]] == [
        ("first", False),
        ("10% 20% ", True),
    ]
    wait_for(lambda: follower.lines)
    stop(house)
    assert [line["text"] for line in follower.wait()] == ["first", "10% 20% 100%%"]


@pytest.mark.fault("web", "slow readers and slow writers")
def test_a_reader_that_does_not_read_holds_up_nobody_and_costs_little(house: House) -> None:
    daemon = house.start(
        f'[tasks.spew]\nrun = "{child("spew", 60_000_000)}"\nlog_max_size = "8MB"\n{counting(house)}'
    )
    [run] = house.running("count")
    door = door_of(house)
    quick = Follower(door, log_path("count", run.id, "/stream?from=1"))
    door.get("/api/tasks/spew/trigger", "POST")
    [spewing] = wait_for(lambda: house.runs("spew"))
    path = log_path("spew", spewing.id, "/stream?from=1")
    with door.stream(path, buffer=4096) as slow:
        before = resident(daemon.web_pid)
        house.ended("spew")
        seen = len(quick.lines)
        wait_for(lambda: len(quick.lines) > seen + 50)
        assert resident(daemon.web_pid) - before < 16 * 1024 * 1024
        events = [*slow.events()]
    lines = [event for event in events if event.kind == "line"]
    dropped = sum(json.loads(event.data)["count"] for event in events if event.kind == "dropped")
    assert dropped > 0
    assert events[-1].kind == "done"
    total = door.get(log_path("spew", spewing.id)).json["total_lines"]
    assert len(lines) + dropped == total
    numbers = [int(event.id) for event in lines]
    assert numbers == sorted(set(numbers)) and numbers[-1] == total
    stop(house)
    quick.wait()


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def test_slots_are_limited_and_given_back(house: House) -> None:
    daemon = house.start(counting(house))
    [run] = house.running("count")
    door = door_of(house)
    path = log_path("count", run.id, "/stream?from=-1")
    streams = [door.stream(path) for _ in range(64)]
    try:
        assert [stream.status() for stream in streams] == [200] * 64
        refused = door.get(path)
        assert refused.status == 503 and int(refused.headers["retry-after"]) > 0
        assert refused.json["type"].endswith("too_many_streams")
        with door.stream(path, address="127.0.0.2") as other:
            assert other.status() == 200
        streams.pop().close()
        streams[0].sock.shutdown(socket.SHUT_WR)
        assert wait_for(lambda: answered(door, path) == 200)
        wait_for(lambda: len(os.listdir(f"/proc/{daemon.web_pid}/fd")) > 60)
    finally:
        for stream in streams:
            stream.close()
    wait_for(lambda: sockets(daemon.web_pid) < 8)
    stop(house)


def answered(door: Door, path: str) -> int:
    with door.stream(path) as stream:
        return stream.status()


def sockets(pid: int) -> int:
    return sum(is_socket(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))


def is_socket(link: str) -> bool:
    with suppress(FileNotFoundError):  # closed since it was listed
        return os.readlink(link).startswith("socket")
    return False
