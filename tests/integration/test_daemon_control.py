"""What somebody asks of a real daemon through web, and what web is told of what happens."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from runwisp import host
from runwisp.clock import DAY
from runwisp.daemon.webside import MOST_WAITING
from runwisp.run import EndReason, Phase
from runwisp.version import VERSION
from tests.integration.asking import Door, entered
from tests.integration.conftest import command_line
from tests.integration.running import READY, House, child
from tests.integration.waiting import wait_for


@pytest.fixture
def house(tmp_path: Path) -> Generator[House, None, None]:
    with House(tmp_path) as house:
        yield house


CONFIG = f"""
[tasks.quick]
run = "echo done"
[tasks.slow]
run = "{child("ignore_term")}"
graceful_stop = "100ms"
[tasks.once]
run = "sleep 1000"
on_overlap = "skip"
[tasks.closed]
run = "true"
api_trigger = false
[services.web]
run = "sleep 1000"
autostart = false
env = {{ TOKEN = "very secret" }}
"""


def test_a_trigger_answers_with_the_run_and_the_run_happens(house: House) -> None:
    door = entered(house, house.start(CONFIG))
    response = door.post("/api/tasks/quick/trigger")
    assert response.status == 201
    assert (response.json["task_name"], response.json["triggered_by"]) == ("quick", "api")
    [run] = house.ended("quick")
    assert (run.id, run.end_reason) == (response.json["id"], EndReason.SUCCESS)


def test_what_is_refused_says_why_and_what_to_do(house: House) -> None:
    door = entered(house, house.start(CONFIG))
    assert door.post("/api/tasks/once/trigger").status == 201
    skipped = door.post("/api/tasks/once/trigger")
    assert skipped.status == 409
    assert "task already running, skipping (policy: skip)" in skipped.json["detail"]
    closed = door.post("/api/tasks/closed/trigger")
    assert closed.status == 403
    assert "api_trigger = false" in closed.json["detail"]
    unknown = door.post("/api/tasks/quik/trigger")
    assert unknown.status == 404
    assert 'did you mean "quick"?' in unknown.json["detail"]
    assert door.post("/api/tasks/once/restart").status == 409


def test_a_stopped_service_is_triggered_stopped_and_restarted(house: House) -> None:
    door = entered(house, house.start(CONFIG))
    assert door.get("/api/tasks/web").json["stopped"] is True
    started = door.post("/api/tasks/web/trigger")
    [first] = house.running("web")
    assert (started.status, started.json["id"]) == (201, first.id)
    wait_for(lambda: door.get("/api/tasks/web").json["stopped"] is False)
    again = door.post("/api/tasks/web/trigger")
    assert again.status == 409
    assert "restart it instead" in again.json["detail"]
    assert door.post("/api/tasks/web/restart").status == 200
    assert house.ended("web")[0].id == first.id
    [second] = house.running("web")
    assert door.post(f"/api/tasks/web/runs/{second.id}/stop").status == 200
    [third] = wait_for(lambda: [run for run in house.running("web") if run.id != second.id])
    assert door.post("/api/tasks/web/stop").status == 200
    assert [run.id for run in house.ended("web", 3)][-1] == third.id
    wait_for(lambda: door.get("/api/tasks/web").json["stopped"] is True)


def test_a_run_is_deleted_with_its_files_once_it_has_ended_and_not_before(house: House) -> None:
    door = entered(house, house.start(CONFIG))
    running = door.post("/api/tasks/once/trigger").json["id"]
    refused = door.ask("DELETE", f"/api/tasks/once/runs/{running}")
    assert refused.status == 409
    assert "has not ended" in refused.json["detail"]
    door.post("/api/tasks/quick/trigger")
    [run] = house.ended("quick")
    folder = house.data / "logs/quick"
    assert list(folder.iterdir())
    assert door.ask("DELETE", f"/api/tasks/quick/runs/{run.id}").status == 204
    assert house.runs("quick") == []
    wait_for(lambda: not list(folder.glob(f"{run.log_stem}*")))
    assert door.ask("DELETE", f"/api/tasks/quick/runs/{run.id}").status == 404


def test_a_task_that_fires_tells_when_it_does_next(house: House) -> None:
    door = entered(house, house.start('[tasks.often]\nrun = "true"\ncron = "@every 1s"\n'))
    first = door.get("/api/tasks/often").json["next_run_at"]
    wait_for(lambda: door.get("/api/tasks/often").json["next_run_at"] > first)


def test_nothing_secret_is_told_of_a_task(house: House) -> None:
    daemon = house.start(CONFIG)
    door = entered(house, daemon)
    response = door.get("/api/tasks")
    assert b"very secret" not in response.body
    [web] = [task for task in response.json if task["name"] == "web"]
    assert web["env"] == {"TOKEN": "[redacted]"}
    assert not [pid for pid in daemon.children() if "very secret" in command_line(pid)]


def test_while_the_history_cannot_be_written_a_trigger_is_refused_and_health_is_degraded(
    house: House,
) -> None:
    daemon = house.start(CONFIG)
    door = entered(house, daemon)
    block = sqlite3.connect(house.database, isolation_level=None)
    try:
        block.execute("BEGIN IMMEDIATE")
        door.post("/api/tasks/quick/trigger")
        wait_for(lambda: door.get("/health").status == 503)
        health = door.get("/health").json
        assert (health["status"], "reason" in health) == ("degraded", False), "whoever asks has no login"
        assert "the history cannot be written" in door.get("/api/info").json["health_reason"]
        refused = door.post("/api/tasks/quick/trigger")
        assert refused.status == 503
        assert "not started, since the history cannot be written" in refused.json["detail"]
        assert door.post("/api/tasks/web/trigger").status == 201
    finally:
        block.close()
    wait_for(lambda: door.get("/health").status == 200)
    assert door.post("/api/tasks/quick/trigger").status == 201
    house.running("web")


def test_web_shows_that_the_daemon_stops_and_ends_with_it(house: House) -> None:
    daemon = house.start(CONFIG.replace("100ms", "1s"))
    door = entered(house, daemon)
    door.post("/api/tasks/slow/trigger")
    house.logs(house.running("slow")[0], "ready")
    web = daemon.web_pid
    daemon.signal(signal.SIGTERM)
    wait_for(lambda: door.get("/health").status == 503)
    assert door.get("/health").json["status"] == "stopping"
    refused = door.post("/api/tasks/quick/trigger")
    assert (refused.status, "the daemon is stopping" in refused.json["detail"]) == (503, True)
    assert daemon.ends() == 0
    assert "runwisp.web.main" not in command_line(web)


def test_a_web_that_hangs_does_not_hold_up_the_end(house: House) -> None:
    daemon = house.start(CONFIG)
    assert Door(daemon).get("/health").status == 200
    os.kill(daemon.web_pid, signal.SIGSTOP)
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 3


def test_while_the_former_life_is_being_ended_the_daemon_is_starting(house: House) -> None:
    config = '[daemon]\nshutdown_timeout = "1m"\n[services.s]\ngraceful_stop = "1h"\n'
    config += f'run = "{child("ignore_term")}"\n'
    daemon = house.start(config)
    [left] = house.running("s")
    house.logs(left, "ready")
    port = str(daemon.port)
    daemon.kill()
    address = str(house.folder / "notify")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(address)
    manager.settimeout(30)
    daemon = house.launch(env={"RUNWISP_PORT": port, "NOTIFY_SOCKET": address})
    daemon.says("ending a process that the former daemon left running")
    with closing(HTTPConnection("127.0.0.1", int(port), 30)) as connection:
        connection.request("GET", "/health")
        assert json.load(connection.getresponse())["status"] == "starting"
    assert left.pid
    os.kill(left.pid, signal.SIGKILL)
    daemon.says(READY)
    with manager:
        assert manager.recv(1000).decode() == "READY=1\nSTATUS=0 tasks, 1 service"
    wait_for(lambda: Door(daemon).get("/health").json["status"] == "ok")
    daemon.signal(signal.SIGTERM)
    daemon.says("stopping by=SIGTERM")
    daemon.signal(signal.SIGTERM)
    assert daemon.ends() == 0


def test_the_service_manager_hears_ready_when_web_serves(house: House) -> None:
    address = str(house.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(30)
        daemon = house.launch(CONFIG, env={"NOTIFY_SOCKET": address})
        said = manager.recv(1000).decode()
        assert said == "READY=1\nSTATUS=4 tasks, 1 service"
        assert Door(daemon).get("/health").json["status"] == "ok"


def broken(house: House) -> dict[str, str]:
    """An environment in which web finds no bottle."""
    folder = house.folder / "broken"
    folder.mkdir()
    (folder / "bottle.py").write_text("raise ImportError('broken on purpose')\n")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{house.environ()['PYTHONPATH']}"}


def test_without_a_web_that_works_tasks_run_and_the_service_manager_hears_what_is_missing(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(30)
        daemon = house.launch(
            '[tasks.job]\nrun = "echo ran"\nrun_on_start = true\n',
            env={"NOTIFY_SOCKET": address, **broken(house)},
        )
        house.ended("job")
        assert (
            manager.recv(1000).decode() == "READY=1\nSTATUS=1 task, 0 services; degraded: web does not answer"
        )
    daemon.says("web does not answer; tasks run all the same")
    assert daemon.stop() == 0


def test_failures_ring_the_bell_once_and_are_counted(house: House) -> None:
    config = '[tasks.broken]\nrun = "exit 3"\n'
    daemon = house.start(config)
    door = entered(house, daemon)
    for number in range(3):
        door.post("/api/tasks/broken/trigger")
        house.ended("broken", number + 1)
    [notice] = wait_for(lambda: door.get("/api/notifications").json["notices"])
    assert (notice["title"], notice["count"], notice["is_read"]) == ("broken failed", 3, False)
    assert notice["body"].startswith("Exit code 3 after ")
    assert notice["run_id"] == house.runs("broken")[-1].id
    assert len(notice["times"]) == 3
    assert door.post(f"/api/notifications/{notice['id']}/read").status == 204
    assert door.get("/api/notifications/unread-count").json == {"unread_count": 0}
    daemon.stop()
    door = entered(house, house.start())
    door.post("/api/tasks/broken/trigger")
    house.ended("broken", 4)
    [again] = wait_for(
        lambda: [each for each in door.get("/api/notifications").json["notices"] if not each["is_read"]]
    )
    assert (again["id"], again["count"]) == (notice["id"], 4)
    assert door.post("/api/notifications/read").status == 204
    assert door.get("/api/notifications/unread-count").json == {"unread_count": 0}


def test_however_much_is_in_the_bell_all_of_it_is_marked_and_web_lives_on(house: House) -> None:
    count = MOST_WAITING + 5000
    config = f"[notify]\nhistory_keep = {count}\n{CONFIG}"
    house.start(config).stop()
    rows = [(f"{number:026}", host.wall() - 7 * DAY) for number in range(count)]
    with closing(sqlite3.connect(house.database)) as database, database:
        database.executemany(
            "INSERT INTO notices VALUES "
            "(?1, NULL, 'run.failed', 'error', 'a failure', '', NULL, NULL, 1, '[0]', ?2, ?2, 0)",
            rows,
        )
    daemon = house.start()
    door, web = entered(house, daemon), daemon.web_pid
    assert door.get("/api/notifications/unread-count").json == {"unread_count": count}
    assert door.post("/api/notifications/read").status == 204
    assert door.get("/api/notifications/unread-count").json == {"unread_count": 0}
    assert daemon.web_pid == web
    assert "does not take what it is told" not in daemon.said


def test_a_route_has_the_bell_tell_when_the_daemon_starts_and_stops(house: House) -> None:
    route = '[[notification_route]]\nmatch.kind = ["daemon.started", "daemon.stopped"]\nnotify = ["inapp"]\n'
    house.start(CONFIG + route).stop()
    titles = [row["title"] for row in house.query("SELECT title FROM notices ORDER BY id")]
    assert titles == [f"runwisp {VERSION} runs 4 tasks, 1 service", "stopped by SIGTERM"]


def test_a_run_that_a_kill_of_the_daemon_ended_rings_the_bell_of_the_next(house: House) -> None:
    daemon = house.start(CONFIG)
    entered(house, daemon).post("/api/tasks/once/trigger")
    house.running("once")
    daemon.kill()
    door = entered(house, house.start())
    [notice] = door.get("/api/notifications").json["notices"]
    assert (notice["title"], notice["kind"]) == ("once crashed", "run.crashed")
    assert house.run_of("once").phase is Phase.ENDED
