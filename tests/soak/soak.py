"""A long life under load: runs, services that print, followers, and helpers that are killed.

In the first third pump and web are killed again and again, in the second they grow to what they are once they
have done everything, and in the last each of the three processes shows whether it goes on growing. What is
lost, doubled or stuck is looked for at the end.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from runwisp.run import EndReason, Run
from runwisp.task import Kind
from tests.integration.following import door_of, log_path
from tests.integration.running import Daemon, House, child
from tests.integration.waiting import wait_for
from tests.soak.listeners import Listener
from tests.soak.trend import Trend

LINES = 3
KEPT = 200
RSS_MAY_CLIMB = 1.0
"""MiB, of one process in the last third: of an hour at 50 runs a second, that is 17 bytes a run."""
FDS_MAY_CLIMB = 2.0
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True)
class Size:
    """How much goes on, and for how long. ``tasks`` start a run each second each."""

    seconds: float
    tasks: int = 50
    services: int = 20
    listeners: int = 50
    kill_every: float = 10.0
    sample_every: float = 0.5


@dataclass
class Soak:
    house: House
    size: Size
    trends: dict[str, Trend] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)
    killed: dict[str, int] = field(default_factory=lambda: {"pump": 0, "web": 0})
    pids: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    """What is not as it should be."""
    counted: dict[str, float] = field(default_factory=dict)
    """What went on, for the reader."""

    def run(self) -> None:
        daemon = self.house.start(configuration(self.size))
        self._listen()
        self._live(daemon)
        for listener in self.listeners:
            listener.leave()
        self._look_for_stuck()
        code = daemon.stop()
        if code:
            self.found.append(f"the daemon ended with {code}")
        self.house.check()
        self._account()
        self.found += [f"{trend.name} climbs" for trend in self.trends.values() if not trend.is_flat]

    def _listen(self) -> None:
        names = [f"quiet{n}" for n in range(self.size.services // 2)]
        runs = {name: self.house.running(name)[0] for name in names}
        door = door_of(self.house)
        for n in range(self.size.listeners):
            name = names[n % len(names)]
            self.listeners.append(Listener(door, log_path(name, runs[name].id, "/stream?from=1")))

    def _live(self, daemon: Daemon) -> None:
        chance = random.Random(1)  # noqa: S311
        began = time.monotonic()
        next_kill, next_sample = self.size.kill_every, self.size.sample_every
        while (age := time.monotonic() - began) < self.size.seconds:
            if age < self.size.seconds / 3 and age >= next_kill:
                self._kill(daemon, chance.choice(("pump", "web")))
                next_kill = age + chance.uniform(0.5, 1.5) * self.size.kill_every
            if age >= next_sample:
                self._sample(daemon, age)
                next_sample = age + self.size.sample_every
            time.sleep(0.1)

    def _kill(self, daemon: Daemon, helper: str) -> None:
        if pid := {"pump": daemon.pump_pid, "web": daemon.web_pid}[helper]:
            os.kill(pid, signal.SIGKILL)
            self.killed[helper] += 1

    def _sample(self, daemon: Daemon, age: float) -> None:
        self.pids.setdefault("daemon", daemon.pid)
        self.pids["pump"] = self.pids.get("pump") or daemon.pump_pid
        self.pids["web"] = self.pids.get("web") or daemon.web_pid
        for name, pid in self.pids.items():
            try:
                size, count = rss(pid), len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:  # it was killed, and there may be no other yet
                self.pids[name] = 0
                continue
            self._note(f"{name}: RSS", "MiB", RSS_MAY_CLIMB, age, size)
            self._note(f"{name}: descriptors", "", FDS_MAY_CLIMB, age, count)
        wal = self.house.data / "runwisp.db-wal"
        sizes = [path.stat().st_size / 2**20 for path in (self.house.database, wal)]
        self._note("database and its log", "MiB", 2 * RSS_MAY_CLIMB, age, sum(sizes))

    def _note(self, name: str, unit: str, allowed: float, at: float, value: float) -> None:
        self.trends.setdefault(name, Trend(name, unit, allowed)).add(at, value)

    def _look_for_stuck(self) -> None:
        """A run of a task lasts an instant: whatever runs now is ended soon, however busy the machine is."""
        running = {run.id for run in self.house.runs() if run.kind is Kind.TASK and not run.end_at}
        with suppress(AssertionError):
            wait_for(lambda: not running & {run.id for run in self.house.runs() if not run.end_at})
        stuck = running & {run.id for run in self.house.runs() if not run.end_at}
        self.found += [f"run {each} is stuck" for each in stuck]

    def _account(self) -> None:
        runs = self.house.runs()
        total = self.house.query("SELECT max(seq) FROM runs")[0][0]
        tasks = [run for run in runs if run.kind is Kind.TASK]
        skipped = [run for run in tasks if run.end_reason is EndReason.SKIPPED]
        self.counted = {
            "runs": total,
            "runs kept": len(runs),
            "firings skipped as the machine was busy": len(skipped),
            "lines followed": sum(each.lines for each in self.listeners),
            "times followers were cut off": sum(each.connections - 1 for each in self.listeners),
            "times followers were too slow": sum(each.dropped for each in self.listeners),
            "pumps killed": self.killed["pump"],
            "webs killed": self.killed["web"],
        }
        for name in sorted({run.task_name for run in tasks}):
            self._check_task(name, [run for run in tasks if run.task_name == name])
        for listener in self.listeners:
            self.found += listener.wrong
            if not listener.lines:
                self.found.append(f"{listener.path}: nothing was heard")

    def _check_task(self, name: str, runs: list[Run]) -> None:
        times = sorted(run.scheduled_for or 0 for run in runs)
        if times != list(range(times[0], times[-1] + 1, 1000)):
            self.found.append(f"{name}: a firing is lost or doubled")
        passing = (EndReason.DAEMON_STOPPED, EndReason.SKIPPED)
        ended = [run for run in runs if run.end_reason not in passing]
        self.found += [f"{name}: {run}" for run in ended if run.end_reason is not EndReason.SUCCESS]
        cut = [run for run in ended if run.log_lines != LINES]
        self.found += [
            f"{name}: {run.log_lines} lines of {LINES}, unmarked"
            for run in cut
            if "Log capture was interrupted" not in self.house.log(run)
        ]


def configuration(size: Size) -> str:
    keep = f'[defaults]\nkeep_runs = {KEPT}\nlog_max_size = "256KB"\n'
    says = "; ".join(f"echo line {n}" for n in range(LINES))
    task = f'cron = "@every 1s"\non_overlap = "skip"\nrun = "{says}"\n'
    tasks = "".join(f"[tasks.t{n}]\n{task}" for n in range(size.tasks))
    quiet, loud = child("say_steadily", 2, 0.1), child("say_steadily", 500, 0.25)
    services = "".join(
        f'[services.quiet{n}]\nlog_max_size = "64KB"\nrun = "{quiet}"\n[services.loud{n}]\nrun = "{loud}"\n'
        for n in range(size.services // 2)
    )
    return keep + tasks + services


def rss(pid: int) -> float:
    """MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MIB
