"""Row: what doing nothing costs, without anything to run and with 100 services that sleep."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from tests.bench.contenders import Running, bare, circus, runwisp, started, supervisord, workshop
from tests.bench.figures import OURS, Result, Target, in_turns
from tests.bench.rows import row
from tests.bench.watching import Census, cpu_seconds, pss_mib, wait_until, wakeups

SLEEP = ("sleep", str(86_400 + os.getpid()))
"""No other bench on this machine starts the same."""
LIMIT = "two bare interpreters"
SETTLES_IN = 2.0


def our_services(folder: Path, count: int) -> AbstractContextManager[Running]:
    return runwisp(folder, {f"services.s{number}": f'run = "{" ".join(SLEEP)}"' for number in range(count)})


def supervisord_services(folder: Path, count: int) -> AbstractContextManager[Running]:
    keys = {"command": " ".join(SLEEP), "numprocs": str(count), "process_name": "%(process_num)d"}
    return supervisord(folder, {"s": keys} if count else {})


def circus_services(folder: Path, count: int) -> AbstractContextManager[Running]:
    streams = {f"{name}_stream.class": "FileStream" for name in ("stdout", "stderr")}
    files = {f"{name}_stream.filename": f"{folder}/{name}" for name in ("stdout", "stderr")}
    keys = {"cmd": SLEEP[0], "args": SLEEP[1], "numprocesses": str(count), **streams, **files}
    return circus(folder, {"s": keys} if count else {})


def bare_interpreters(folder: Path, count: int) -> AbstractContextManager[Running]:
    return started(folder, bare("idle", 2))


CONTENDERS = {
    OURS: our_services,
    "supervisord": supervisord_services,
    "circus": circus_services,
    LIMIT: bare_interpreters,
}


def watched(name: str, services: int, watch_for: float) -> Mapping[str, float]:
    with workshop() as folder:
        census = Census(SLEEP)
        with CONTENDERS[name](folder, services) as running:
            if name != LIMIT:
                wait_until(lambda: census.count() >= services, 0.05)
            time.sleep(SETTLES_IN)
            pids = running.helpers(SLEEP)
            memory = {f"memory, {services or 'no'} services": pss_mib(pids)}
            if not services:
                return memory
            cpu, woken = cpu_seconds(pids), wakeups(pids)
            time.sleep(watch_for)
            return {
                **memory,
                "CPU": (cpu_seconds(pids) - cpu) / watch_for * 100,
                "wake-ups": (wakeups(pids) - woken) / watch_for,
            }


def measure(
    rounds: int = 5, services: int = 100, watch_for: float = 10.0, only: Sequence[str] = ()
) -> list[Result]:
    def both(name: str) -> Mapping[str, float]:
        return {**watched(name, 0, watch_for), **watched(name, services, watch_for)}

    found = in_turns({name: partial(both, name) for name in CONTENDERS}, rounds, only)
    nothing, memory, cpu, woken = found.values()
    mib = "MiB of PSS, all processes"
    return [
        Result("idle memory, nothing to do", mib, LIMIT, Target(32, True, False), nothing),
        Result(f"idle memory, {services} services", mib, LIMIT, Target(34, True, False), memory),
        Result(f"idle CPU, {services} services", "% of a core", LIMIT, Target(0.05, True, False), cpu),
        Result(f"wake-ups, {services} services", "a second", LIMIT, None, woken),
    ]


if __name__ == "__main__":
    row(__file__, measure)
