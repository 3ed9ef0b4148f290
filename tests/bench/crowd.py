"""Row: what fifty tasks print at once, each into a log that its cap makes rotate."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial

from tests.bench import contenders
from tests.bench.capture import MB, Gate, figures, timed
from tests.bench.contenders import bare, runs, told, workshop
from tests.bench.figures import OURS, Result, Target, in_turns
from tests.bench.rows import row

LIMIT = "selector pump"
CAP_MB = 2
"""Of each log with its predecessor; half of it is when the file becomes the predecessor."""
HALF = CAP_MB * 1024 * 1024 // 2


def ours(count: int, size: int) -> Mapping[str, float]:
    with workshop() as folder:
        gate = Gate(folder, size, count)
        keys = f'run = "{" ".join(gate.command)}"\nrun_on_start = true\nlog_max_size = "{CAP_MB}MB"'
        with contenders.runwisp(folder, {f"tasks.w{n}": keys for n in range(count)}) as running:
            seconds, cpu = timed(gate, running, lambda: runs(folder, "phase = 'ended'") == count)
        assert runs(folder, f"log_bytes = {size} AND log_dropped_lines > 0") == count
    return figures(count * size, seconds, cpu)


def supervisord(count: int, size: int) -> Mapping[str, float]:
    with workshop() as folder:
        gate = Gate(folder, size, count)
        keys = {"command": " ".join(gate.command), "autorestart": "false", "startsecs": "0"}
        keys |= {"stdout_logfile_maxbytes": str(HALF), "stdout_logfile_backups": "1"}
        keys |= {"numprocs": str(count), "process_name": "%(process_num)d"}
        with contenders.supervisord(folder, {"w": keys}) as running:
            seconds, cpu = timed(gate, running, lambda: told(folder, "exited: ") == count)
    return figures(count * size, seconds, cpu)


def limit(count: int, size: int) -> Mapping[str, float]:
    with workshop() as folder:
        gate = Gate(folder, size, count)
        command = bare("pump", folder, count, HALF, *gate.command)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            gate.gather()
            began = gate.open()
            process.wait()
            seconds = time.monotonic() - began
            assert process.stdout
            cpu = float(process.stdout.read())
    return figures(count * size, seconds, cpu)


def measure(rounds: int = 5, count: int = 50, size: int = 10 * MB, only: Sequence[str] = ()) -> list[Result]:
    everyone = {OURS: ours, "supervisord": supervisord, LIMIT: limit}
    found = in_turns({name: partial(run, count, size) for name, run in everyone.items()}, rounds, only)
    what = f"capture, {count} writers of {size // MB} MB, caps of {CAP_MB} MB rotating"
    return [
        Result(what, "MB/s", LIMIT, Target(0.6, is_most=False), found["rate"]),
        Result(f"{what}: CPU", "s/GB", LIMIT, None, found["cpu"]),
    ]


if __name__ == "__main__":
    row(__file__, measure)
