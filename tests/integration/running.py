"""Real daemons on data directories of their own: started, waited for, killed, stopped, seen from outside.

A test says what is to run, then waits for rows, lines or processes. Each daemon listens on a free port of its
own (port 0), which it tells in its log when it is ready. At the end of a house every daemon in it is
stopped and the promises that hold whatever happens are held against it.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType

from runwisp.run import Phase, Run
from runwisp.runmeta import WORDS
from runwisp.version import VERSION
from tests.integration.conftest import all_pids, command_line, environment, parent_pid
from tests.integration.waiting import PATIENCE, wait_for

ROOT = Path(__file__).parents[2]
CHILDREN = ROOT / "tests/children"
RUNWISP = (sys.executable, "-m", "runwisp")
READY = f"runwisp {VERSION} runs "
LISTENING = re.compile(r' url="?http://\S+:(\d+)"?$', re.MULTILINE)


def child(name: str, *arguments: object) -> str:
    """The command of a program of ``tests/children``, plain enough to be started directly."""
    return " ".join([sys.executable, str(CHILDREN / f"{name}.py"), *map(str, arguments)])


@dataclass
class Daemon:
    """One process of `runwisp daemon`; ``stdout`` and ``stderr`` are files of its own."""

    process: subprocess.Popen[bytes]
    stdout: Path
    stderr: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        return self.stderr.read_text(errors="replace")

    @property
    def pump_pid(self) -> int:
        """0 while there is none."""
        return next((pid for pid in self.children() if "runwisp.pump.main" in command_line(pid)), 0)

    @property
    def web_pid(self) -> int:
        """0 while there is none."""
        return next((pid for pid in self.children() if "runwisp.web.main" in command_line(pid)), 0)

    @property
    def port(self) -> int:
        """Once it is ready."""
        found = LISTENING.search(self.said)
        assert found, self.said
        return int(found[1])

    @property
    def is_ready(self) -> bool:
        return READY in self.said

    def children(self) -> list[int]:
        return [pid for pid in all_pids() if parent_pid(pid) == self.pid]

    def says(self, words: str) -> None:
        """Waits until the daemon's own log has these words."""
        wait_for(lambda: words in self.said, lambda: f"{words!r} is not in\n{self.said}")

    def ends(self) -> int:
        """Waits for the end; the exit code."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the daemon did not end; it said\n{self.said}") from None

    def signal(self, signum: int) -> None:
        self.process.send_signal(signum)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.ends()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class House:
    """A folder with a configuration and a data directory, and the daemons that ran on it."""

    folder: Path
    daemons: list[Daemon] = field(default_factory=list)

    def __enter__(self) -> House:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        living = [daemon for daemon in self.daemons if daemon.process.poll() is None]
        codes = {daemon.pid: daemon.stop() for daemon in living}
        assert not [code for code in codes.values() if code], f"daemons ended with {codes}\n{self.said}"
        assert "Traceback" not in self.said, self.said
        if self.database.exists():
            self.check()

    @property
    def config(self) -> Path:
        return self.folder / "runwisp.toml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def database(self) -> Path:
        return self.data / "runwisp.db"

    @property
    def said(self) -> str:
        """By all daemons, in the order of their starts."""
        return "\n".join(daemon.said for daemon in self.daemons)

    def environ(self) -> dict[str, str]:
        """Without what concerns RunWisp but for a free port; read when it is used, as it carries the name of
        the test."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("RUNWISP_")}
        return {**plain, "PYTHONPATH": str(ROOT), "RUNWISP_PORT": "0"}

    def write(self, configuration: str) -> None:
        self.config.write_text(configuration)

    def command(self, *words: str) -> list[str]:
        return [*RUNWISP, *words, "-c", str(self.config), "--data", str(self.data)]

    def launch(
        self, configuration: str = "", env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> Daemon:
        """Starts a daemon and does not wait. ``prefix`` is a command that executes the rest of its own."""
        if configuration:
            self.write(configuration)
        stdout, stderr = (self.folder / f"daemon-{len(self.daemons)}.{each}" for each in ("out", "err"))
        with stdout.open("wb") as out, stderr.open("wb") as err:
            process = subprocess.Popen(
                [*prefix, *self.command("daemon", "--log-level", "debug")],
                cwd=self.folder,
                env={**self.environ(), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self.daemons.append(Daemon(process, stdout, stderr))
        return self.daemons[-1]

    def start(
        self, configuration: str = "", env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> Daemon:
        """Starts a daemon and waits until it runs things."""
        daemon = self.launch(configuration, env, prefix)
        wait_for(lambda: daemon.is_ready or daemon.process.poll() is not None, lambda: daemon.said)
        assert daemon.process.poll() is None, f"the daemon did not start:\n{daemon.said}"
        return daemon

    def start_after(self, hours: int, configuration: str) -> Daemon:
        """Starts a daemon that was away for so long: each ``@every 1h`` has as many firings to catch up."""
        self.start(configuration).stop()
        self.pretend("UPDATE marks SET anchored_at = anchored_at - ? * 3600000", hours)
        self.pretend("UPDATE marks SET last_fired_at = last_fired_at - ? * 3600000", hours)
        return self.start()

    def pretend(self, sql: str, *parameters: object) -> None:
        """Changes the database while there is no daemon."""
        with closing(sqlite3.connect(self.database)) as database, database:
            database.execute(sql, parameters)

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command of the command line on this house, to its end."""
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env={**self.environ(), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * PATIENCE,
        )

    # What is on disk

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Read beside the daemon, which nobody else may write for."""
        with closing(
            sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=PATIENCE)
        ) as database:
            database.row_factory = sqlite3.Row
            return database.execute(sql, parameters).fetchall()

    def runs(self, task: str = "") -> list[Run]:
        """In the order they were recorded; of all tasks, or of one."""
        if not self.database.exists():
            return []
        condition = "WHERE task_name = ?" if task else "WHERE '' = ?"
        columns = ", ".join(Run.__dataclass_fields__)
        try:
            rows = self.query(f"SELECT {columns} FROM runs {condition} ORDER BY seq", (task,))  # noqa: S608
        except sqlite3.OperationalError:  # made, but not filled yet
            return []
        return [run_of(row) for row in rows]

    def run_of(self, task: str) -> Run:
        """The newest run of a task, once it has ended."""
        return self.ended(task)[-1]

    def ended(self, task: str, count: int = 1) -> list[Run]:
        """All ended runs of a task, once there are ``count``."""

        def look() -> list[Run]:
            found = [run for run in self.runs(task) if run.phase is Phase.ENDED]
            return found if len(found) >= count else []

        return wait_for(look, lambda: f"{task}: {self.runs(task)}\n{self.said}")

    def ended_at_last(self, task: str) -> Run:
        """The only run of a task, once it has ended: however long that takes while its log changes."""
        while not (run := self.runs(task)[0]).end_at:
            former = self._log_files(task)
            wait_for(partial(self._has_moved, task, former), lambda: f"{self.runs(task)}\n{self.said}")
        return run

    def _has_moved(self, task: str, former: set[tuple[str, int, int]]) -> bool:
        return bool(self.runs(task)[0].end_at) or self._log_files(task) != former

    def _log_files(self, task: str) -> set[tuple[str, int, int]]:
        found = set()
        for entry in (self.data / "logs" / task).glob("*"):
            with suppress(FileNotFoundError):  # rotated away since it was listed
                found.add((entry.name, entry.stat().st_size, entry.stat().st_mtime_ns))
        return found

    def running(self, task: str, count: int = 1) -> list[Run]:
        """Runs of a task with a process, once there are ``count``."""

        def look() -> list[Run]:
            found = [run for run in self.runs(task) if run.phase is Phase.RUNNING and run.pid]
            return found if len(found) >= count else []

        return wait_for(look, lambda: f"{task}: {self.runs(task)}\n{self.said}")

    def waiting(self, task: str, count: int = 1) -> list[Run]:
        def look() -> list[Run]:
            found = [run for run in self.runs(task) if run.phase is Phase.PENDING]
            return found if len(found) >= count else []

        return wait_for(look, lambda: f"{task}: {self.runs(task)}\n{self.said}")

    def log(self, run: Run) -> str:
        """What is in its log now; empty where there is none."""
        path = self.data / "logs" / run.task_name / f"{run.log_stem}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def logs(self, run: Run, words: str) -> str:
        """Waits until the log of a run has these words."""
        wait_for(lambda: words in self.log(run), lambda: f"{words!r} is not in {self.log(run)!r}")
        return self.log(run)

    def wait_for_file(self, name: str) -> str:
        """A file that a task writes into the folder, once it is there and not empty."""
        path = self.folder / name
        return wait_for(lambda: path.exists() and path.read_text())  # type: ignore[return-value]

    # What lives

    def processes(self, run_id: str = "") -> list[int]:
        """Everything that carries this data directory, and the id of this run where given."""
        wanted = [f"RUNWISP_DATA={self.data}".encode()]
        if run_id:
            wanted.append(f"RUNWISP_RUN_ID={run_id}".encode())
        return [pid for pid in all_pids() if set(wanted) <= set(environment(pid))]

    def check(self) -> None:
        """What must hold once no daemon runs: an intact database, ids and states in order, nothing alive."""
        assert not self.processes(), f"left running: {[command_line(pid) for pid in self.processes()]}"
        assert [row[0] for row in self.query("PRAGMA quick_check")] == ["ok"]
        found = self.runs()
        assert len({run.id for run in found}) == len(found)
        assert not [run for run in found if run.phase is Phase.RUNNING]
        assert not (self.data / "daemon.pid").exists()


def run_of(row: sqlite3.Row) -> Run:
    values = dict(row)
    for name, words in WORDS.items():
        if values[name] is not None:
            values[name] = words(values[name])
    return Run(**values)


def is_alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False
