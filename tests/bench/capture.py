"""Row: what one task prints as fast as it can, taken down by the whole daemon."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.bench import contenders
from tests.bench.contenders import POLL, Running, runs, told, workshop
from tests.bench.figures import OURS, Result, Target, in_turns
from tests.bench.rows import row
from tests.bench.watching import Census, cpu_seconds, has_open, wait_until

LIMIT = "cat > file"
MB = 1_000_000


def writer(folder: Path, size: int) -> tuple[str, ...]:
    script = Path(__file__).with_name("writer.py")
    return (sys.executable, "-I", "-S", str(script), f"{folder}/gate", str(size))


class Gate:
    """Keeps writers waiting until all are there, so that their own start is not measured.

    We have the FIFO open both ways, which waits for nobody; a writer that opened it reads until we close it.
    Source: fifo(7).
    """

    def __init__(self, folder: Path, size: int, count: int = 1) -> None:
        self.command = writer(folder, size)
        self._path = os.path.realpath(folder / "gate")
        self._count = count
        self._census = Census(self.command)
        os.mkfifo(self._path)
        self._fd = os.open(self._path, os.O_RDWR)

    def gather(self) -> None:
        """Waits for all of them."""
        wait_until(self._are_there, POLL)

    def open(self) -> float:
        """The monotonic time at which they begin to write."""
        began = time.monotonic()
        os.close(self._fd)
        return began

    def _are_there(self) -> bool:
        self._census.count()
        return sum(has_open(pid, self._path) for pid in self._census.found) >= self._count


def figures(size: int, seconds: float, cpu: float) -> Mapping[str, float]:
    return {"rate": size / MB / seconds, "cpu": cpu / (size / MB / 1000)}


def ours(size: int) -> Mapping[str, float]:
    with workshop() as folder:
        gate = Gate(folder, size)
        keys = f'run = "{" ".join(gate.command)}"\nrun_on_start = true\nlog_max_size = 0'
        with contenders.runwisp(folder, {"tasks.writer": keys}) as running:
            seconds, cpu = timed(gate, running, lambda: runs(folder, "phase = 'ended'") == 1)
        [log] = folder.glob("data/logs/writer/*.log")
        check(log, size)
    return figures(size, seconds, cpu)


def supervisord(size: int) -> Mapping[str, float]:
    with workshop() as folder:
        gate = Gate(folder, size)
        keys = {"command": " ".join(gate.command), "stdout_logfile_maxbytes": "0", "startsecs": "0"}
        keys |= {"stdout_logfile": f"{folder}/log", "autorestart": "false"}
        with contenders.supervisord(folder, {"writer": keys}) as running:
            seconds, cpu = timed(gate, running, lambda: told(folder, "exited: ") == 1)
        check(folder / "log", size)
    return figures(size, seconds, cpu)


def circus(size: int) -> Mapping[str, float]:
    """A tenth of it: it takes that long."""
    size //= 10
    with workshop() as folder:
        gate = Gate(folder, size)
        program, *arguments = gate.command
        keys = {"cmd": program, "args": " ".join(arguments), "respawn": "False"}
        keys |= {"stdout_stream.class": "FileStream", "stdout_stream.filename": f"{folder}/log"}
        log = folder / "log"
        with contenders.circus(folder, {"writer": keys}) as running:
            seconds, cpu = timed(gate, running, lambda: log.exists() and log.stat().st_size >= size)
        check(log, size)
    return figures(size, seconds, cpu)


def limit(size: int) -> Mapping[str, float]:
    with workshop() as folder:
        gate = Gate(folder, size)
        with subprocess.Popen(gate.command, stdout=subprocess.PIPE) as process:
            with open(folder / "log", "wb") as log:
                cat = subprocess.Popen(["cat"], stdin=process.stdout, stdout=log)
            assert process.stdout
            process.stdout.close()
            gate.gather()
            began = gate.open()
            _, _, usage = os.wait4(cat.pid, 0)
            seconds = time.monotonic() - began
            cat.returncode = 0
        check(folder / "log", size)
    return figures(size, seconds, _cpu(usage))


def timed(gate: Gate, running: Running, is_over: Callable[[], bool]) -> tuple[float, float]:
    """Seconds, and CPU seconds of the contender's own processes, which outlive what they take down."""
    gate.gather()
    pids = running.helpers(gate.command)
    cpu = cpu_seconds(pids)
    began = gate.open()
    over = wait_until(is_over, POLL)
    return over - began, cpu_seconds(pids) - cpu


def check(log: Path, size: int) -> None:
    assert log.stat().st_size == size, f"{log} has {log.stat().st_size} bytes of {size}"


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


def measure(rounds: int = 5, size: int = 500 * MB, only: Sequence[str] = ()) -> list[Result]:
    everyone = {OURS: ours, "supervisord": supervisord, "circus": circus, LIMIT: limit}
    found = in_turns({name: partial(run, size) for name, run in everyone.items()}, rounds, only)
    what = f"capture, one writer of {size // MB} MB in 100-byte lines"
    return [
        Result(what, "MB/s", LIMIT, Target(0.65, is_most=False), found["rate"]),
        Result(f"{what}: CPU", "s/GB", LIMIT, Target(1.6, is_most=True, is_ratio=False), found["cpu"]),
    ]


if __name__ == "__main__":
    row(__file__, measure)
