"""The streams of runs, of the daemon's own log and of the bell; what a reader that comes back is told."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from runwisp.eventstream import ServerEvent
from tests.integration.following import Stream, door_of
from tests.integration.running import House
from tests.integration.waiting import wait_for

RUNS = "/api/runs/stream"
TASKS = '[tasks.good]\nrun = "true"\n[tasks.bad]\nrun = "exit 3"\n'


@pytest.fixture
def house(tmp_path: Path) -> Generator[House, None, None]:
    with House(tmp_path) as house:
        yield house


def until(stream: Stream, is_last: Callable[[ServerEvent], bool]) -> list[ServerEvent]:
    found = []
    for event in stream.events():
        found.append(event)
        if is_last(event):
            break
    return found


def told(events: list[ServerEvent]) -> list[tuple[str, Any]]:
    return [(event.kind, json.loads(event.data).get("task_name")) for event in events]


def untimed(lines: list[str]) -> list[str]:
    """What is kept of a line and what is written of it have each read the clock."""
    return [line.partition(" ")[2] for line in lines]


def is_end(event: ServerEvent) -> bool:
    return event.kind in ("run.completed", "run.failed")


def test_who_logs_out_is_told_nothing_more(house: House) -> None:
    house.start(TASKS)
    ours, theirs = door_of(house), door_of(house)
    with ours.stream(RUNS) as stream, theirs.stream(RUNS) as other:
        events, others = stream.events(), other.events()
        assert {next(events).kind, next(others).kind} == {"ping"}
        ours.get("/api/auth/logout", "POST")
        theirs.get("/api/tasks/good/trigger", "POST")
        assert list(events) == []
        assert next(others).kind == "run.created"


def test_every_run_is_told_from_its_making_to_its_end_and_deletion(house: House) -> None:
    house.start(TASKS)
    door = door_of(house)
    with door.stream(RUNS) as stream:
        events = stream.events()
        assert next(events).kind == "ping"
        for task, end in (("good", "run.completed"), ("bad", "run.failed")):
            made = door.get(f"/api/tasks/{task}/trigger", "POST").json
            kinds = []
            for event in events:
                assert json.loads(event.data)["id"] == made["id"]
                kinds.append(event.kind)
                if is_end(event):
                    break
            assert [kind for kind in kinds if kind != "run.updated"] == ["run.created", "run.started", end]
            record = json.loads(event.data)
            assert record == door.get(f"/api/tasks/{task}/runs/{made['id']}").json
        door.get(f"/api/tasks/bad/runs/{made['id']}", "DELETE")
        deleted = next(event for event in events if event.kind == "run.deleted")
        assert json.loads(deleted.data) == {"id": made["id"], "task_name": "bad"}


def test_who_comes_back_is_told_what_happened_meanwhile_and_after_a_restart_of_web_to_reload(
    house: House,
) -> None:
    daemon = house.start(TASKS)
    door = door_of(house)
    with door.stream(RUNS) as stream:
        ping = next(stream.events())
    door.get("/api/tasks/good/trigger", "POST")
    house.ended("good")
    with door.stream(RUNS, last_id=ping.id) as stream:
        events = until(stream, is_end)
    assert told(events)[0] == ("run.created", "good") and told(events)[-1] == ("run.completed", "good")
    with door.stream(RUNS, last_id=events[-1].id) as stream:
        door.get("/api/tasks/bad/trigger", "POST")
        assert {name for _, name in told(until(stream, is_end))} == {"bad"}
    former = daemon.web_pid
    os.kill(former, signal.SIGKILL)
    wait_for(lambda: daemon.web_pid not in (0, former))
    with door.stream(RUNS, last_id=events[-1].id) as stream:
        assert next(stream.events()).kind == "reload"


def test_the_daemons_log_is_told_from_its_last_hundred_lines_on(house: House) -> None:
    daemon = house.start(TASKS)
    for _ in range(120):
        said = daemon.said
        daemon.signal(signal.SIGHUP)
        wait_for(lambda said=said: daemon.said != said)  # type: ignore[misc]
    with door_of(house).stream("/api/daemon/log-stream") as stream:
        events = stream.events()
        lines = [json.loads(next(events).data)["text"] for _ in range(100)]
        assert untimed(lines) == untimed(daemon.said.splitlines()[-100:])
        daemon.signal(signal.SIGUSR1)
        assert "SIGUSR1" in json.loads(next(events).data)["text"]


def test_streams_need_a_login_and_have_no_body_for_head(house: House) -> None:
    house.start(TASKS)
    door = door_of(house)
    for path in (RUNS, "/api/daemon/log-stream", "/api/notifications/stream"):
        assert door.get(path, "HEAD").headers["content-type"] == "text/event-stream"
        assert type(door)(door.port, "").get(path).status == 401
