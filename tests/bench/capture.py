"""Speed of capture beside the machine's own limit, in one run: ``python -m tests.bench.capture``.

One writer of 500 MB in lines of 100 bytes against ``cat > file``; fifty writers of 10 MB with rotating logs
against a bare selector loop that only moves bytes. Prints ratios (limit's time divided by ours), and the CPU
seconds that the pump takes for a gigabyte. Both sides take turns, so that a busy machine slows both.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.integration.pumphouse import PumpHouse

SPEW = str(Path(__file__).parents[1] / "children" / "spew.py")
ONE_WRITER = 500 * 1000 * 1000
WRITERS = 50
EACH = 10 * 1000 * 1000
CAP = 1024 * 1024
BLOCK = 256 * 1024
ROUNDS = 5
TICKS = os.sysconf("SC_CLK_TCK")


def spew(size: int) -> list[str]:
    return [sys.executable, "-I", "-S", SPEW, str(size)]


def timed(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cat(directory: str) -> None:
    with open(f"{directory}/cat", "wb") as file:
        writer = subprocess.Popen(spew(ONE_WRITER), stdout=subprocess.PIPE)
        subprocess.run(["cat"], stdin=writer.stdout, stdout=file, check=True)
        writer.wait()
        assert writer.stdout
        writer.stdout.close()
    os.unlink(f"{directory}/cat")


def bare_loop(directory: str) -> None:
    """Moves what fifty writers print into fifty files, with a selector, and nothing more."""
    selector = selectors.DefaultSelector()
    writers = []
    for number in range(WRITERS):
        writer = subprocess.Popen(spew(EACH), stdout=subprocess.PIPE)
        writers.append(writer)
        assert writer.stdout
        file = os.open(f"{directory}/bare{number}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        selector.register(writer.stdout, selectors.EVENT_READ, file)
    block = memoryview(bytearray(BLOCK))
    while selector.get_map():
        for key, _ in selector.select():
            count = os.readv(key.fd, [block])
            if count:
                os.write(key.data, block[:count])
            else:
                selector.unregister(key.fileobj)
                os.close(key.data)
    for number, writer in enumerate(writers):
        writer.wait()
        assert writer.stdout
        writer.stdout.close()
        os.unlink(f"{directory}/bare{number}")


def capture(pump: PumpHouse, name: str, writers: int, size: int, cap: int) -> None:
    children = [
        pump.spawn(*spew(size), run_id=f"{name}{number}", log_max_size=cap) for number in range(writers)
    ]
    for child in children:
        drained = pump.reap(child)
        assert drained.log_bytes >= size
    for child in children:
        pump.files(child.run_id).remove()
    for fd in pump.fds:
        os.close(fd)
    pump.fds.clear()


def compare(what: str, limit: Callable[[], object], ours: Callable[[int], object]) -> None:
    ratios = [timed(limit) / timed(lambda nth=nth: ours(nth)) for nth in range(ROUNDS)]  # type: ignore[misc]
    print(f"{what}: {min(ratios):.2f} .. {median(ratios):.2f} .. {max(ratios):.2f}")


def main() -> None:
    directory = tempfile.mkdtemp(dir=sys.argv[1] if len(sys.argv) > 1 else None)
    try:
        with PumpHouse(f"{directory}/logs") as pump:
            compare(
                "one writer of 500 MB, cat's time / ours",
                lambda: cat(directory),
                lambda nth: capture(pump, f"ONE{nth}", 1, ONE_WRITER, 0),
            )
            used = cpu_seconds(pump.process.pid)
            print(f"CPU seconds per GB: {used / (ROUNDS * ONE_WRITER / 1e9):.2f}")
            compare(
                "50 writers of 10 MB with rotation, bare selector's time / ours",
                lambda: bare_loop(directory),
                lambda nth: capture(pump, f"FIFTY{nth}x", WRITERS, EACH, CAP),
            )
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
