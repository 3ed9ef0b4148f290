"""Row: from the start of the daemon to 1,000 services up; with RunWisp, all pipes taken and rows written."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial

from tests.bench.contenders import bare, pump, runs, workshop
from tests.bench.figures import OURS, Result, Target, in_turns
from tests.bench.idle import SLEEP, circus_services, our_services, supervisord_services
from tests.bench.rows import row
from tests.bench.watching import Census, open_files, wait_until

LIMIT = "posix_spawn loop"
POLL = 0.02


def ours(count: int) -> Mapping[str, float]:
    with workshop() as folder:
        census = Census(SLEEP)
        began = time.monotonic()
        with our_services(folder, count) as running:
            wait_until(lambda: census.count() >= count, POLL)
            reader = pump(running)
            wait_until(lambda: runs(folder, "phase = 'running' AND pid IS NOT NULL") >= count, POLL)
            up = wait_until(lambda: open_files(reader) >= 2 * count, POLL)
    return {"up": up - began}


def supervisord(count: int) -> Mapping[str, float]:
    with workshop() as folder:
        census = Census(SLEEP)
        began = time.monotonic()
        with supervisord_services(folder, count):
            up = wait_until(lambda: census.count() >= count, POLL)
    return {"up": up - began}


def circus(count: int) -> Mapping[str, float]:
    with workshop() as folder:
        census = Census(SLEEP)
        began = time.monotonic()
        with circus_services(folder, count):
            up = wait_until(lambda: census.count() >= count, POLL)
    return {"up": up - began}


def limit(count: int) -> Mapping[str, float]:
    command = bare("bring_up", count, *SLEEP)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        return {"up": float(process.stdout.readline())}


def measure(rounds: int = 5, services: int = 1000, only: Sequence[str] = ()) -> list[Result]:
    contenders = {OURS: ours, "supervisord": supervisord, "circus": circus, LIMIT: limit}
    found = in_turns({name: partial(run, services) for name, run in contenders.items()}, rounds, only)
    return [Result(f"{services:,} services up", "s", LIMIT, Target(4, True), found["up"])]


if __name__ == "__main__":
    row(__file__, measure)
