"""Row: 500 follow one task that prints 1,000 lines a second, from its print to their reading."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from runwisp.login import answer
from tests.bench.contenders import ROOT, Running, bare, runs, runwisp, started, workshop
from tests.bench.figures import OURS, Result, Target, in_turns
from tests.bench.rows import row
from tests.bench.watching import wait_until

LIMIT = "a bare fan-out"
POLL = 0.01
RATE = 1000
LISTENING = re.compile(r"(?:url=http://127\.0\.0\.1:|port )(\d+)")
TASK_EVERY = 0.02


def chatter() -> list[str]:
    return [sys.executable, str(ROOT / "tests/bench/chatter.py"), str(RATE)]


def port_of(running: Running) -> int:
    def look() -> bool:
        return bool(LISTENING.search((running.folder / "output").read_text()))

    wait_until(look, POLL)
    found = LISTENING.search((running.folder / "output").read_text())
    assert found
    return int(found[1])


def audience(port: int, count: int, seconds: float, request: str) -> subprocess.Popen[bytes]:
    program = str(ROOT / "tests/bench/audience.py")
    command = [sys.executable, program, str(port), str(count), str(seconds), request]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def ours(count: int, seconds: float) -> Mapping[str, float]:
    tables = {"services.chatter": f'run = "exec {" ".join(chatter())}"'}
    with workshop() as folder, runwisp(folder, tables) as running:
        port = port_of(running)
        wait_until(lambda: runs(folder, "phase = 'running'") == 1, POLL)
        token = logged_in(port, folder)
        [run] = asked(port, token, "/api/tasks/chatter/runs?limit=1")["runs"]
        path = f"/api/tasks/chatter/runs/{run['id']}/log/stream?from=-1"
        head = f"Host: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        process = audience(port, count, seconds, f"GET {path} HTTP/1.1\r\n{head}")
        took = []
        while process.poll() is None:
            began = time.monotonic()
            asked(port, token, "/api/tasks")
            took.append((time.monotonic() - began) * 1000)
            time.sleep(TASK_EVERY)
        return heard(process) | {"tasks": sorted(took)[len(took) * 99 // 100]}


def by_itself(count: int, seconds: float) -> Mapping[str, float]:
    with workshop() as folder, started(folder, bare("fan_out", count, *chatter())) as running:
        process = audience(port_of(running), count, seconds, "\n")
        return heard(process) | {"tasks": 0.0}


def heard(process: subprocess.Popen[bytes]) -> dict[str, float]:
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("the audience failed")
    found: dict[str, float] = json.loads(said)
    return found


def logged_in(port: int, folder: Path) -> str:
    nonce = asked(port, "", "/api/auth/challenge")["nonce"]
    password = (folder / "data/password").read_text().strip()
    body = json.dumps({"nonce": nonce, "response": answer(password, nonce)})
    return str(asked(port, "", "/api/auth", body)["token"])


def asked(port: int, token: str, path: str, body: str | None = None) -> Any:
    connection = HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Content-Type": "application/json"} if body else {}
    connection.request("POST" if body else "GET", path, body, headers)
    found = json.load(connection.getresponse())
    connection.close()
    return found


CONTENDERS = {OURS: ours, LIMIT: by_itself}


def measure(rounds: int = 5, count: int = 500, seconds: float = 5, only: Sequence[str] = ()) -> list[Result]:
    measured = {name: partial(listen, count, seconds) for name, listen in CONTENDERS.items()}
    found = in_turns(measured, rounds, only)
    lines = {name: [each / (count * seconds) for each in figures] for name, figures in found["lines"].items()}
    what = f"{count} follow a task that prints {RATE} lines a second"
    target = Target(100, is_most=True, is_ratio=False)
    return [
        Result(f"{what}: print to client, p99", "ms", LIMIT, target, found["p99"]),
        Result(f"{what}: lines to each", "1/s", LIMIT, None, lines),
        Result(
            f"{what}: GET /api/tasks meanwhile, p99",
            "ms",
            LIMIT,
            Target(50, is_most=True, is_ratio=False),
            found["tasks"],
        ),
    ]


if __name__ == "__main__":
    row(__file__, measure)
