"""Row: from ``kill -9`` of a service to its replacement running, without any delay asked for."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.contenders import Running, bare, circus, runwisp, started, supervisord, workshop
from tests.bench.figures import OURS, Result, Target, in_turns
from tests.bench.idle import SLEEP
from tests.bench.rows import row
from tests.bench.watching import Census, wait_until

LIMIT = "waitpid and posix_spawn"
POLL = 0.0001
LIVES_FOR = 0.25
"""RunWisp would hold back the successor of one that lived less than 100 ms."""


def ours(folder: Path) -> AbstractContextManager[Running]:
    return runwisp(folder, {"services.s": f'run = "{" ".join(SLEEP)}"\nrestart_delay = "0s"'})


def by_supervisord(folder: Path) -> AbstractContextManager[Running]:
    return supervisord(folder, {"s": {"command": " ".join(SLEEP), "autorestart": "true", "startsecs": "0"}})


def by_circus(folder: Path) -> AbstractContextManager[Running]:
    """At its best: it looks so often."""
    return circus(folder, {"s": {"cmd": " ".join(SLEEP)}}, check_delay=0.01)


def by_itself(folder: Path) -> AbstractContextManager[Running]:
    return started(folder, bare("keep_up", *SLEEP))


CONTENDERS = {OURS: ours, "supervisord": by_supervisord, "circus": by_circus, LIMIT: by_itself}


def replaced(name: str, kills: int) -> Mapping[str, float]:
    """The middle of several: one may meet the daemon at something else."""
    took = []
    with workshop() as folder:
        census = Census(SLEEP)
        with CONTENDERS[name](folder):
            wait_until(lambda: census.count() == 1, POLL)
            for _ in range(kills):
                time.sleep(LIVES_FOR)
                took.append(_replacement(census))
    return {"replaced": median(took) * 1000}


def _replacement(census: Census) -> float:
    [victim] = census.found
    census.found.clear()
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    return wait_until(lambda: census.count() == 1, POLL) - began


def measure(rounds: int = 5, kills: int = 15, only: Sequence[str] = ()) -> list[Result]:
    found = in_turns({name: partial(replaced, name, kills) for name in CONTENDERS}, rounds, only)
    return [Result("kill -9 to replacement, p50", "ms", LIMIT, Target(3, True), found["replaced"])]


if __name__ == "__main__":
    row(__file__, measure)
