"""Row: two hundred jobs at one minute. Each touches a file, whose time says when it ran.

RunWisp and cron wait side by side and take turns, one at even minutes and the other at odd ones; the bare
loop has the half minute in between. So what a job meets is an idle machine. File times come with the kernel's
tick, 4 ms.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from tests.bench import contenders
from tests.bench.contenders import Running, bare, started, workshop
from tests.bench.figures import OURS, Result, Target
from tests.bench.rows import row
from tests.bench.watching import wait_until

CRON = "Debian cron"
LIMIT = "posix_spawn loop"
MINUTE = 60.0
STARTS_IN = 10.0
"""Seconds after which everyone is sure to wait for the next minute."""
POLL = 0.2

NAMESPACE = """
set -eu
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/spool
mkdir -p /var/spool/cron/crontabs
chmod 1730 /var/spool/cron/crontabs
install -m 600 crontab /var/spool/cron/crontabs/root
mkdir empty pam
mount --bind empty /etc/cron.d
cp /etc/pam.d/* pam
cp "$2" pam
mount --bind pam /etc/pam.d
[ ! -e /etc/crontab ] || mount --bind /dev/null /etc/crontab
exec "$1" -f
"""
"""Cron among its own crontabs only: mounts that nobody else sees, and that end with it."""


def ours(stack: ExitStack, minutes: str, count: int, jobs: Path) -> None:
    touch = shutil.which("touch")
    tables = {
        f"tasks.t{number}": f'run = "{touch} {jobs}/{number}"\ncron = "{minutes} * * * *"'
        for number in range(count)
    }
    stack.enter_context(contenders.runwisp(stack.enter_context(workshop()), tables))


def cron(stack: ExitStack, minutes: str, count: int, jobs: Path) -> None:
    touch = shutil.which("touch")
    folder = stack.enter_context(workshop())
    lines = [f"{minutes} * * * * {touch} {jobs}/{number}\n" for number in range(count)]
    (folder / "crontab").write_text("".join(lines))
    stack.enter_context(_crond(folder))


def _crond(folder: Path) -> AbstractContextManager[Running]:
    program = contenders.cron()
    assert program
    pam = program.parents[2] / "etc/pam.d/cron"
    return started(folder, ["unshare", "--mount", "sh", "-c", NAMESPACE, "sh", program, pam])


def lateness(jobs: Path, count: int, due: float) -> tuple[float, float]:
    """Milliseconds from the instant to the first and to the last of the jobs."""
    time.sleep(max(0.0, due - time.time()))
    wait_until(lambda: len(os.listdir(jobs)) == count, POLL)
    times = [entry.stat().st_mtime - due for entry in os.scandir(jobs)]
    for entry in os.scandir(jobs):
        os.unlink(entry)
    return min(times) * 1000, max(times) * 1000


def by_itself(jobs: Path, count: int) -> tuple[float, float]:
    due = float(int(time.time()) + 2)
    subprocess.run(bare("fire", jobs, count, due), check=True)
    return lateness(jobs, count, due)


def can_have_cron() -> bool:
    return os.geteuid() == 0 and bool(shutil.which("unshare")) and contenders.cron() is not None


def measure(rounds: int = 5, count: int = 200) -> list[Result]:
    begins = {OURS: ours, CRON: cron} if can_have_cron() else {OURS: ours}
    first: dict[str, list[float]] = {name: [] for name in (*begins, LIMIT)}
    last: dict[str, list[float]] = {name: [] for name in (*begins, LIMIT)}
    wait_until(lambda: time.time() % MINUTE < MINUTE - STARTS_IN, POLL)
    with ExitStack() as stack:
        folders = {name: stack.enter_context(workshop()) for name in first}
        for turn, (name, begin) in enumerate(begins.items()):
            minutes = ",".join(str(minute) for minute in range(turn, 60, len(begins)))
            begin(stack, minutes, count, folders[name])
        names = [*begins]
        for _ in range(rounds * len(names)):
            due = (time.time() // MINUTE + 1) * MINUTE
            name = names[int(due // MINUTE) % 60 % len(names)]
            found = {name: lateness(folders[name], count, due)}
            if len(first[LIMIT]) < rounds:
                found[LIMIT] = by_itself(folders[LIMIT], count)
            for each, (least, most) in found.items():
                first[each].append(least)
                last[each].append(most)
    shortest = min(map(len, first.values()))
    first, last = ({name: late[:shortest] for name, late in found.items()} for found in (first, last))
    return [
        Result(f"{count} jobs at one minute: the first", "ms", LIMIT, Target(20, True, False), first),
        Result(f"{count} jobs at one minute: the last", "ms", LIMIT, Target(2, True), last),
    ]


if __name__ == "__main__":
    row(__file__, measure)
