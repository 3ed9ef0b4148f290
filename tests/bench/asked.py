"""Row: how often in a second all of 100 services are told, over HTTP, by who kept them up."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.bench.contenders import ROOT, runwisp, started, supervisord, told, workshop
from tests.bench.contenders import runs as rows_of
from tests.bench.figures import OURS, Result, Target, in_turns
from tests.bench.followers import asked, logged_in, port_of
from tests.bench.rows import row
from tests.bench.watching import wait_until

LIMIT = "bare Bottle under waitress"
POLL = 0.02
CONNECTIONS = 4
COMMAND = "sleep 1000000"
XML = "<?xml version='1.0'?><methodCall><methodName>supervisor.getAllProcessInfo</methodName></methodCall>"


def rate(port: int, request: str, seconds: float) -> Mapping[str, float]:
    program = str(ROOT / "tests/bench/asker.py")
    command = [sys.executable, "-I", program, str(port), str(CONNECTIONS), str(seconds)]
    done = subprocess.run(command, input=request.encode(), stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def ours(services: int, seconds: float) -> Mapping[str, float]:
    tables = {f"services.s{number}": f'run = "{COMMAND}"' for number in range(services)}
    with workshop() as folder, runwisp(folder, tables) as running:
        port = port_of(running)
        wait_until(lambda: rows_of(folder, "phase = 'running'") == services, POLL)
        return rate(port, _get(logged_in(port, folder)), seconds)


def by_itself(services: int, seconds: float) -> Mapping[str, float]:
    """The same bytes, which a RunWisp makes first."""
    tables = {f"services.s{number}": f'run = "{COMMAND}"' for number in range(services)}
    with workshop() as folder, runwisp(folder, tables) as running:
        port = port_of(running)
        wait_until(lambda: rows_of(folder, "phase = 'running'") == services, POLL)
        tasks = json.dumps(asked(port, logged_in(port, folder), "/api/tasks"), separators=(",", ":"))
    with workshop() as folder:
        (folder / "tasks.json").write_text(tasks)
        program = str(Path(__file__).with_name("bare_bottle.py"))
        with started(folder, [sys.executable, program, "tasks.json"]) as running:
            return rate(port_of(running), _get("none"), seconds)


def by_supervisord(services: int, seconds: float) -> Mapping[str, float]:
    programs = {f"s{number}": {"command": COMMAND} for number in range(services)}
    port = _free_port()
    with workshop() as folder, supervisord(folder, programs, port):
        wait_until(lambda: _is_listening(port) and told(folder, "entered RUNNING state") == services, POLL)
        request = (
            "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
            f"Content-Length: {len(XML)}\r\n\r\n{XML}"
        )
        return rate(port, request, seconds)


def _get(token: str) -> str:
    return f"GET /api/tasks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"


def _free_port() -> int:
    """Supervisord has to be told one."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _is_listening(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


CONTENDERS = {OURS: ours, LIMIT: by_itself, "supervisord": by_supervisord}


def measure(
    rounds: int = 5, services: int = 100, seconds: float = 3, only: Sequence[str] = ()
) -> list[Result]:
    measured = {name: partial(ask, services, seconds) for name, ask in CONTENDERS.items()}
    found = in_turns(measured, rounds, only)
    what = f"all of {services} services told over HTTP"
    return [Result(f"{what}: answers", "1/s", LIMIT, Target(0.6, is_most=False), found["rate"])]


if __name__ == "__main__":
    row(__file__, measure)
