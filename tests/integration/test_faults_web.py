"""A real daemon's web process under attack: killed at work, asked for files that are none of its business."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import quote

import pytest

from runwisp.login import answer
from runwisp.web.inputs import wire_name
from runwisp.web.routing import Access
from runwisp.web.table import ROUTES
from tests.faults.recording import Seen
from tests.integration.asking import Door, entered, password_of
from tests.integration.following import Door as Streaming
from tests.integration.running import House
from tests.integration.waiting import PATIENCE, wait_for

WORK = (
    '[tasks.tick]\ncron = "@every 1s"\nrun = "echo out"\n'
    '[tasks.job]\nrun = "echo in"\n[services.s]\nrun = "exec sleep 1000"\n'
)
SECRET = "the contents of a file that nobody may ask for"
ELSEWHERE = (
    "../secret",
    "../../secret",
    "..%2f..%2fsecret",
    "%2e%2e%2f%2e%2e%2fsecret",
    "....//secret",
    "/{folder}/secret",
    "..\\secret",
    "job/../../../secret",
    "job\0/../secret",
    "../data/password",
    "/etc/passwd",
    "%00",
    "file:///{folder}/secret",
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


# Killed at work


def ask_until(over: threading.Event, port: int, token: str, came: Counter[str]) -> None:
    while not over.is_set():
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", "/api/tasks", headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            complete = json.loads(response.read())
            came[f"{response.status}" if complete else "empty"] += 1
        except ConnectionRefusedError:
            came["refused"] += 1
        except (OSError, HTTPException, ValueError):  # web was killed amid the answer
            came["cut off"] += 1
        finally:
            connection.close()


@pytest.mark.fault("web", "SIGKILL under load")
@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.faults)])
def test_web_killed_under_load_refuses_nobody_and_disturbs_no_task(
    house: House, kills: int, seen: Seen
) -> None:
    daemon = house.start(WORK)
    [service] = house.running("s")
    door = entered(house, daemon)
    over, came = threading.Event(), Counter[str]()
    askers = [
        threading.Thread(target=ask_until, args=(over, daemon.port, door.token, came)) for _ in range(8)
    ]
    for asker in askers:
        asker.start()
    try:
        for _ in range(kills):
            former, before = wait_for(lambda: daemon.web_pid), came["200"]
            wait_for(lambda before=before: came["200"] > before + 10, lambda: came)  # type: ignore[misc]
            os.kill(former, signal.SIGKILL)
            wait_for(lambda former=former: daemon.web_pid not in (0, former))  # type: ignore[misc]
        wait_for(lambda: door.get("/health").status == 200)
    finally:
        over.set()
        for asker in askers:
            asker.join()
    assert not came["refused"] + came["empty"]
    assert set(came) <= {"200", "cut off", "refused", "empty"}, came
    assert [run.id for run in house.running("s")] == [service.id]
    times = [run.scheduled_for or 0 for run in house.runs("tick")]
    assert times == list(range(times[0], times[-1] + 1, 1000))
    seen(f"{kills} kills: {came['200']:,} requests answered, {came['cut off']} cut off, none refused")


# Paths


def filled(path: str, **values: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: quote(values[found[1]], safe="%"), path)


def attacks(folder: Path, run_id: str) -> Iterator[tuple[str, str]]:
    """Every route with one of its parameters at a time leading elsewhere."""
    places = [place.replace("{folder}", str(folder).lstrip("/")) for place in ELSEWHERE]
    harmless = {"name": "job", "id": run_id}
    for route in ROUTES:
        is_stream = route.path.endswith("stream")
        for name in re.findall(r"\{(\w+)\}", route.path):
            for place in places:
                yield route.method, filled(route.path, **{**harmless, name: place})
        for field in fields(route.query) if route.query and not is_stream else ():
            for place in places:
                path = filled(route.path, **harmless)
                yield route.method, f"{path}?{wire_name(field)}={quote(place, safe='')}"


@pytest.mark.fault("web", "path traversal in every parameter")
def test_no_parameter_of_any_route_leads_to_another_file(house: House, seen: Seen) -> None:
    (house.folder / "secret").write_text(SECRET)
    daemon = house.start(WORK)
    door = entered(house, daemon)
    password = password_of(house)
    door.post("/api/tasks/job/trigger")
    run = house.run_of("job")
    statuses: Counter[int] = Counter()
    for method, path in attacks(house.folder, run.id):
        response = door.ask(method, path)
        statuses[response.status] += 1
        assert response.status < 500, (method, path, response.body)
        for secret in (SECRET, password, "root:x:0"):
            assert secret.encode() not in response.body, (method, path)
    assert (house.folder / "secret").read_text() == SECRET
    assert house.log(run) == "in\n"
    assert statuses[404] and statuses[400]
    told = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    seen(f"{sum(statuses.values()):,} requests: {told}")


# Logins


@pytest.mark.fault("web", "replayed nonce")
def test_a_nonce_is_taken_once_and_never_again_even_after_web_was_killed(house: House, seen: Seen) -> None:
    daemon = house.start(WORK)
    door = Door(daemon)
    nonce = door.get("/api/auth/challenge").json["nonce"]
    login = {"nonce": nonce, "response": answer(password_of(house), nonce)}
    assert door.post("/api/auth", login).status == 200
    again = door.post("/api/auth", login)
    assert (again.status, again.json["detail"]) == (401, "Invalid or expired challenge")
    former = wait_for(lambda: daemon.web_pid)
    os.kill(former, signal.SIGKILL)
    wait_for(lambda: daemon.web_pid not in (0, former))
    assert door.post("/api/auth", login).status == 401
    seen(f"{again.status} {again.json['detail']}")


@pytest.mark.fault("web", "forged, expired and alg: none tokens")
def test_a_token_of_another_daemon_opens_nothing(tmp_path: Path, seen: Seen) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with House(first) as ours, House(second) as theirs:
        mine, other = entered(ours, ours.start(WORK)), entered(theirs, theirs.start(WORK))
        statuses = set()
        for route in ROUTES:
            if route.access is not Access.LOGIN:
                continue
            path = filled(route.path, name="job", id="01ARZ3NDEKTSV4RRFFQ69G5FAV")
            statuses.add(Door(mine.daemon, other.token).ask(route.method, path).status)
        assert statuses == {401}
        assert mine.get("/api/tasks").status == 200
        seen(f"{statuses.pop()} on every route that needs a login")


# Slow ones


@pytest.mark.fault("web", "slow readers and slow writers")
def test_a_request_that_comes_byte_by_byte_and_one_that_is_never_read_hold_up_nobody(
    house: House, seen: Seen
) -> None:
    daemon = house.start(WORK)
    door = entered(house, daemon)
    slow = [Streaming(daemon.port, door.token).stream("/api/runs/stream", buffer=2048) for _ in range(20)]
    writers = [HTTPConnection("127.0.0.1", daemon.port, timeout=PATIENCE) for _ in range(20)]
    try:
        for writer in writers:
            writer.connect()
            writer.sock.sendall(b"POST /api/auth HTTP/1.1\r\nHost: x\r\nContent-Le")
        for n in range(50):
            for writer in writers:
                writer.sock.sendall(b"n"[: n % 2])
            assert door.get("/api/tasks").status == 200
    finally:
        for stream in slow:
            stream.close()
        for writer in writers:
            writer.close()
    assert door.get("/health").status == 200
    seen("20 readers that never read and 20 heads that never end; 50 requests of others answered meanwhile")
