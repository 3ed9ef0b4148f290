"""Row: short runs through everything there is to a run (rows, log, events), fifty at once."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path

from tests.bench import contenders
from tests.bench.contenders import bare, history, runs, workshop
from tests.bench.figures import OURS, Result, Target, in_turns
from tests.bench.rows import row
from tests.bench.watching import wait_until

LIMIT = "posix_spawn with SQLite"
COMMAND = ("/bin/echo", "done")
"""By its path: the name alone would be the one that is built into the shell."""
POLL = 0.02
HOUR = 3_600_000


def ours(within: Path, count: int, width: int) -> Mapping[str, float]:
    """They are the firings of a schedule that the daemon, started anew, catches up on."""
    keys = f'run = "{" ".join(COMMAND)}"\ncron = "@every 1h"\ncatch_up = "all"\nqueue_max = 10000'
    tables = {"tasks.t": f"{keys}\nmax_catch_up_runs = {count}\nparallelism = {width}"}
    with workshop(within) as folder:
        with contenders.runwisp(folder, tables):
            wait_until(lambda: bool(history(folder, "SELECT * FROM marks")), POLL)
        with closing(sqlite3.connect(folder / "data/runwisp.db")) as database, database:
            database.execute(f"UPDATE marks SET anchored_at = anchored_at - {count * HOUR + HOUR // 2}")  # noqa: S608
        with contenders.runwisp(folder, tables):
            wait_until(lambda: runs(folder, "phase = 'ended'") >= count, POLL)
        assert runs(folder, "end_reason = 'success' AND log_lines = 1") == count
        [(began, ended)] = history(folder, "SELECT min(start_at), max(end_at) FROM runs")
    return {"rate": count / (ended - began) * 1000}


def supervisord(within: Path, count: int, width: int) -> Mapping[str, float]:
    """Its nearest: as many programs that are started again whenever they end; a tenth of the runs, as it
    takes that long."""
    count //= 10
    keys = {"command": " ".join(COMMAND), "autorestart": "true", "startsecs": "0"}
    keys |= {"numprocs": str(width), "process_name": "%(process_num)d"}
    with workshop(within) as folder:
        log = folder / "supervisord.log"
        with contenders.supervisord(folder, {"t": keys}):
            wait_until(lambda: log.exists() and log.read_text().count("exited: ") >= count, POLL)
        ends = re.findall(r"^(.*) INFO (?:spawned|exited): ", log.read_text(), re.MULTILINE)
    took = _instant(ends[2 * count - 1]) - _instant(ends[0])
    return {"rate": count / took.total_seconds()}


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f")


def limit(within: Path, count: int, width: int) -> Mapping[str, float]:
    with workshop(within) as folder:
        command = bare("short_runs", folder, count, width, *COMMAND)
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return {"rate": count / float(done.stdout)}


def measure(rounds: int = 5, count: int = 2000, width: int = 50, only: Sequence[str] = ()) -> list[Result]:
    everyone = {OURS: ours, "supervisord": supervisord, LIMIT: limit}
    with workshop() as within:
        measured = {name: partial(run, within, count, width) for name, run in everyone.items()}
        found = in_turns(measured, rounds, only)
    what = f"short runs, {width} at once, each printing a line"
    return [Result(what, "runs a second", LIMIT, Target(0.45, is_most=False), found["rate"])]


if __name__ == "__main__":
    row(__file__, measure)
