"""What the API tells of tasks, runs, the daemon and its machine is what a real daemon does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runwisp.clock import rfc3339, wall_of
from runwisp.version import VERSION
from tests.integration.asking import Door, entered
from tests.integration.running import House
from tests.integration.waiting import wait_for

NOTHING = "# neither task nor service"
SLEEP = 'run = "sleep 1000"'
RUN_FIELDS = {
    "id",
    "task_name",
    "kind",
    "status",
    "exit_code",
    "triggered_by",
    "created_at",
    "replica_index",
    "retry_attempt",
    "log_lines",
    "log_bytes",
    "log_dropped_lines",
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


def door_of(house: House, configuration: str) -> Door:
    return entered(house, house.start(configuration))


def task_of(door: Door, name: str) -> Any:
    answer = door.get(f"/api/tasks/{name}")
    assert answer.status == 200, answer.body
    return answer.json


def names(page: Any) -> list[str]:
    return [run["task_name"] for run in page["runs"]]


# Tasks


def test_a_task_is_told_as_it_stands_while_it_runs_waits_and_ends(house: House) -> None:
    door = door_of(house, '[tasks.one]\nrun = "read line < gate"\n')
    os.mkfifo(house.folder / "gate")
    ids = [door.post("/api/tasks/one/trigger").json["id"] for _ in range(3)]
    found = task_of(door, "one")
    assert (found["running"], found["queued"]) == (1, 2)
    assert found["last_run"]["id"] == ids[2]
    assert [each["id"] for each in found["recent_runs"]] == ids[::-1]
    for number, _ in enumerate(ids, 1):
        (house.folder / "gate").write_text("go\n")
        house.ended("one", number)
    found = wait_for(lambda: (task := task_of(door, "one"))["running"] == 0 and task)
    assert found["queued"] == 0
    assert found["success_rate"] == 1
    assert found["median_duration"] > 0
    assert [each["exit_code"] for each in found["recent_runs"]] == [0, 0, 0]


def test_the_next_firings_of_a_task_are_told(house: House) -> None:
    door = door_of(
        house,
        f'[tasks.nightly]\n{SLEEP}\ncron = "30 2 * * *"\ntimezone = "Europe/Berlin"\n'
        f'[tasks.even]\n{SLEEP}\ncron = "@every 90s"\n[tasks.manual]\n{SLEEP}\n[services.up]\n{SLEEP}\n',
    )
    nightly = door.get("/api/tasks/nightly/firings?limit=100").json
    assert nightly[0]["at"] == task_of(door, "nightly")["next_run_at"]
    assert len({each["local"][:10] for each in nightly}) == 100
    assert {each["local"][11:16] for each in nightly if "note" not in each} == {"02:30"}
    even = [datetime.fromisoformat(each["at"]) for each in door.get("/api/tasks/even/firings?limit=3").json]
    assert rfc3339(wall_of(even[0])) == task_of(door, "even")["next_run_at"]
    assert [later - former for former, later in pairwise(even)] == [timedelta(seconds=90)] * 2
    assert door.get("/api/tasks/manual/firings").json == door.get("/api/tasks/up/firings").json == []
    assert door.get("/api/tasks/nobody/firings").status == 404
    assert door.get("/api/tasks/even/firings?limit=101").status == 400


def test_all_tasks_are_told_in_the_order_of_the_file(house: House) -> None:
    door = door_of(house, f'[services.z]\n{SLEEP}\n[tasks.a]\n{SLEEP}\ncron = "@daily"\ntimeout = "90s"\n')
    service, task = door.get("/api/tasks").json
    assert (service["name"], service["kind"], service["schedule"]) == ("z", "service", "service x1")
    assert (task["name"], task["schedule"], task["timeout"]) == ("a", "@daily", 90_000_000_000)
    assert task["next_run_at"].endswith(".000Z")
    assert "timeout" not in service and "next_run_at" not in service


def test_a_trigger_that_finds_the_queue_full_is_refused_and_recorded(house: House) -> None:
    door = door_of(house, f"[tasks.one]\n{SLEEP}\nqueue_max = 0\n")
    assert door.post("/api/tasks/one/run").status == 201
    refused = door.post("/api/tasks/one/run")
    assert refused.status == 409
    assert refused.json["type"].endswith("not_started")
    [first, _] = door.get("/api/tasks/one/runs").json["runs"]
    assert (first["end_reason"], first["exit_code"]) == ("queue_full", -1)
    assert refused.json["detail"] == first["message"]


# Runs


def test_a_run_has_its_fields_and_those_that_are_absent_are_left_out(house: House) -> None:
    door = door_of(house, '[tasks.one]\nrun = "echo hello; exit 3"\n')
    run_id = door.post("/api/tasks/one/trigger").json["id"]
    ended = house.run_of("one")
    found = door.get(f"/api/tasks/one/runs/{run_id}").json
    always = {"end_reason", "message", "start_at", "end_at", "cpu_seconds"}
    assert found.keys() >= RUN_FIELDS | always
    assert found.keys() <= RUN_FIELDS | always | {"max_rss_bytes"}
    assert (found["status"], found["end_reason"], found["exit_code"]) == ("ended", "failed", 3)
    assert (found["triggered_by"], found["log_lines"], found["log_bytes"]) == ("api", 1, 6)
    assert ended.end_at and found["end_at"] == rfc3339(ended.end_at)


def test_a_list_goes_on_page_by_page_to_its_end(house: House) -> None:
    door = door_of(house, '[tasks.one]\nrun = "true"\n[tasks.two]\nrun = "exit 1"\n')
    for name in ("one", "two", "one", "one", "two"):
        door.post(f"/api/tasks/{name}/trigger")
    house.ended("one", 3), house.ended("two", 2)
    pages = [door.get("/api/runs?limit=2").json]
    while cursor := pages[-1].get("next_cursor"):
        pages.append(door.get(f"/api/runs?limit=2&before={cursor}").json)
    assert [names(page) for page in pages] == [["two", "one"], ["one", "two"], ["one"]]
    assert {page["total"] for page in pages} == {5}
    assert names(door.get("/api/runs?status=failed").json) == ["two", "two"]
    assert door.get("/api/runs?status=failed,success&task_name=two&limit=1").json["total"] == 2
    assert names(door.get("/api/tasks/one/runs?sort_direction=asc&sort_field=duration").json) == ["one"] * 3
    searched = door.get("/api/runs?search=code+1").json
    assert names(searched) == ["two", "two"] and "total" not in searched
    assert door.get("/api/runs?created_before=2001-01-01T00:00:00Z").json["runs"] == []


def test_what_cannot_be_asked_is_told_by_the_name_of_its_parameter(house: House) -> None:
    door = door_of(house, NOTHING)
    wrong = [
        "limit=0",
        "limit=1001",
        "offset=10001",
        "status=odd",
        "sort_field=pid",
        "created_after=now",
        "odd=1",
    ]
    for query in wrong:
        refused = door.get(f"/api/runs?{query}")
        assert refused.status == 400
        assert [each["where"] for each in refused.json["errors"]] == [query.partition("=")[0]]


def test_a_cursor_of_another_list_is_a_page_that_is_not_there(house: House) -> None:
    door = door_of(house, '[tasks.one]\nrun = "true"\n')
    for _ in range(2):
        door.post("/api/tasks/one/trigger")
    cursor = door.get("/api/runs?limit=1").json["next_cursor"]
    refused = door.get(f"/api/runs?sort_field=duration&before={cursor}")
    assert (refused.status, refused.json["type"]) == (404, "urn:runwisp:error:unknown_cursor")


def test_runs_outlive_their_task_in_the_configuration_and_an_unknown_task_has_none(house: House) -> None:
    house.start('[tasks.backup]\nrun = "true"\nrun_on_start = true\n')
    house.ended("backup")
    house.daemons[0].stop()
    door = door_of(house, '[tasks.mail]\nrun = "true"\n')
    assert names(door.get("/api/tasks/backup/runs").json) == ["backup"]
    assert door.get("/api/tasks/mail/runs").json == {"runs": [], "total": 0}
    refused = door.get("/api/tasks/mial/runs")
    assert refused.status == 404
    assert 'did you mean "mail"' in refused.json["detail"]


def test_a_run_is_of_its_task_alone(house: House) -> None:
    door = door_of(house, '[tasks.one]\nrun = "true"\n[tasks.two]\nrun = "true"\n')
    run_id = door.post("/api/tasks/one/trigger").json["id"]
    assert door.get(f"/api/tasks/one/runs/{run_id}").status == 200
    for method in ("GET", "DELETE"):
        refused = door.ask(method, f"/api/tasks/two/runs/{run_id}")
        assert (refused.status, refused.json["type"]) == (404, "urn:runwisp:error:unknown_run")
    assert door.post(f"/api/tasks/two/runs/{run_id}/stop").status == 404


def test_a_run_is_stopped_and_one_that_has_ended_is_not(house: House) -> None:
    door = door_of(house, f"[tasks.one]\n{SLEEP}\n")
    run_id = door.post("/api/tasks/one/trigger").json["id"]
    answer = door.post(f"/api/tasks/one/runs/{run_id}/stop")
    assert (answer.status, list(answer.json)) == (200, ["message"])
    house.ended("one")
    found = door.get(f"/api/tasks/one/runs/{run_id}").json
    assert (found["end_reason"], found["exit_code"]) == ("stopped", 143)
    assert door.post(f"/api/tasks/one/runs/{run_id}/stop").status == 409


def test_the_summary_counts_all_runs_and_those_of_today(house: House) -> None:
    door = door_of(house, f'[tasks.good]\nrun = "true"\n[tasks.bad]\nrun = "exit 1"\n[tasks.busy]\n{SLEEP}\n')
    for name in ("good", "bad", "busy"):
        door.post(f"/api/tasks/{name}/trigger")
    house.ended("good"), house.ended("bad")
    found = door.get("/api/runs/summary").json
    assert {name: found[name] for name in ("total", "success", "failed", "running")} == {
        "total": 3,
        "success": 1,
        "failed": 1,
        "running": 1,
    }
    assert found["last_failure"]["task_name"] == "bad"
    assert len(found["days"]) == 30
    assert sum(day["total"] for day in found["days"][-2:]) == 2, "or midnight is passing"


# The daemon and its machine


def test_info_tells_of_the_daemon_and_when_the_file_is_no_longer_what_it_loaded(house: House) -> None:
    door = door_of(house, f'[scheduler]\ntimezone = "Asia/Tokyo"\n[tasks.one]\n{SLEEP}\n')
    found = door.get("/api/info").json
    assert (found["version"], found["port"], found["tasks"]) == (VERSION, door.daemon.port, ["one"])
    assert (found["resolved_timezone"], found["timezone_source"]) == ("Asia/Tokyo", "config")
    assert found["config_path"] == str(house.config)
    assert found["fingerprint"] == door.get("/health").json["fingerprint"]
    assert found["config_stale"] is False
    house.write("# changed")
    assert door.get("/api/info").json["config_stale"] is True
    house.config.unlink()
    assert door.get("/api/info").json["config_stale"] is True
    os.mkfifo(house.config)
    assert door.get("/api/info").json["config_stale"] is True


def test_system_tells_of_the_machine_and_of_each_process_of_the_daemon(house: House) -> None:
    door = door_of(house, NOTHING)
    found = door.get("/api/system").json
    roles = {each["role"]: each["pid"] for each in found["processes"]}
    assert roles["daemon"] == door.daemon.pid
    assert roles["web"] == door.daemon.web_pid
    assert roles["pump"] == door.daemon.pump_pid
    assert all(each["rss"] > 1_000_000 and each["cpu"] >= 0 for each in found["processes"])
    assert 0 < found["mem_used"] < found["mem_total"]
    assert 0 <= found["cpu_usage"] <= 100 and 0 < found["mem_usage"] <= 100
    assert (found["name"], found["version"], found["work_dir"]) == ("runwisp", VERSION, str(house.data))
    assert (found["host"], found["arch"]) == (os.uname().nodename, os.uname().machine)
    assert door.get("/api/system/history").json == []


def test_a_process_that_was_replaced_is_told_by_its_new_pid(house: House) -> None:
    door = door_of(house, NOTHING)
    os.kill(door.daemon.pump_pid, signal.SIGKILL)

    def pump() -> int:
        processes = door.get("/api/system").json["processes"]
        return next((each["pid"] for each in processes if each["role"] == "pump"), 0)

    wait_for(lambda: pump() and pump() == door.daemon.pump_pid)


# The bell


def test_a_notification_is_read_and_unread_alone_and_with_all_others(house: House) -> None:
    door = door_of(house, '[tasks.a]\nrun = "exit 1"\n[tasks.b]\nrun = "exit 2"\n')
    for name in ("a", "b"):
        door.post(f"/api/tasks/{name}/trigger")
    wait_for(lambda: unread(door) == 2)
    page = door.get("/api/notifications").json
    assert page["unread_count"] == 2
    assert {notice["task_name"] for notice in page["notices"]} == {"a", "b"}
    first = door.get("/api/notifications?limit=1").json
    second = door.get(f"/api/notifications?limit=1&before={first['next_cursor']}").json
    assert [first["notices"][0]["id"], second["notices"][0]["id"]] == [each["id"] for each in page["notices"]]
    assert "next_cursor" not in second
    notice_id = page["notices"][0]["id"]
    assert door.post(f"/api/notifications/{notice_id}/read").status == 204
    assert unread(door) == 1
    assert door.post(f"/api/notifications/{notice_id}/unread").status == 204
    assert unread(door) == 2
    assert door.post("/api/notifications/read").status == 204
    assert unread(door) == 0
    refused = door.post(f"/api/notifications/{'0' * 26}/read")
    assert (refused.status, refused.json["type"]) == (404, "urn:runwisp:error:unknown_notice")


def unread(door: Door) -> int:
    count: int = door.get("/api/notifications/unread-count").json["unread_count"]
    return count
