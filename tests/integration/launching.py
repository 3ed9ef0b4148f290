"""What tests of processes start and read."""

from __future__ import annotations

import os
import select
import shlex
import signal
import sys
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from runwisp.clock import Wall
from runwisp.ids import spelled
from runwisp.launch import Launched, Launcher
from runwisp.reaper import verdict
from runwisp.run import Run, Trigger, drafted
from runwisp.task import AnyTask, Task
from tests.integration.waiting import PATIENCE

CHILDREN = Path(__file__).parents[1] / "children"
_ids = count(1)


def child(name: str, *arguments: object) -> str:
    """The command line of a program of ``tests/children``."""
    return shlex.join([sys.executable, str(CHILDREN / f"{name}.py"), *map(str, arguments)])


@dataclass
class Bench:
    """A launcher, and everything it started, which is ended with it."""

    launcher: Launcher
    data_dir: str
    folder: str
    started: list[Launched] = field(default_factory=list)

    def task(self, run: str, **keys: object) -> Task:
        return Task(**{"name": "job", "run": run, "working_dir": self.folder, **keys})  # type: ignore[arg-type]

    def start(self, definition: AnyTask) -> tuple[Launched, Run]:
        run = drafted(spelled(next(_ids)), definition, Trigger.API, Wall(0))
        launched = self.launcher.launch(definition, run)
        self.started.append(launched)
        return launched, run

    def ended(self, definition: AnyTask) -> Ended:
        """Starts and waits for the end of both outputs and of the process."""
        launched, _ = self.start(definition)
        return self.end(launched)

    def end(self, launched: Launched) -> Ended:
        out, err = read_all(launched.stdout_fd), read_all(launched.stderr_fd)
        self.forget(launched)
        _, status = os.waitpid(launched.pid, 0)
        return Ended(verdict(status)[0], out.decode(errors="replace"), err.decode(errors="replace"))

    def forget(self, launched: Launched) -> None:
        """Its output is of no interest any more; whoever calls reaps it."""
        self.started.remove(launched)
        os.close(launched.stdout_fd)
        os.close(launched.stderr_fd)

    def close(self) -> None:
        for launched in list(self.started):
            self.forget(launched)
            os.killpg(launched.pid, signal.SIGKILL)
            os.waitpid(launched.pid, 0)
        self.launcher.close()


@dataclass(frozen=True)
class Ended:
    exit_code: int
    out: str
    err: str


def read_some(fd: int, size: int) -> bytes:
    assert select.select([fd], [], [], PATIENCE)[0], "waited in vain for output"
    return os.read(fd, size)


def read_all(fd: int) -> bytes:
    content = b""
    while block := read_some(fd, 65_536):
        content += block
    return content


def read_line(fd: int) -> str:
    """The next line, without anything behind it."""
    line = b""
    while not line.endswith(b"\n"):
        byte = read_some(fd, 1)
        assert byte, f"the output ended after {line!r}"
        line += byte
    return line.decode().rstrip("\n")
