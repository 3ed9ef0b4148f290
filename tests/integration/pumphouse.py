"""A real pump process with the daemon's end of its link, for tests: opens runs, waits for what it says."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path
from termios import FIONREAD
from types import TracebackType
from typing import TypeVar

from runwisp.errors import LinkClosed
from runwisp.link import Link
from runwisp.logfile import LogFiles
from runwisp.wire import FROM_PUMP, Closed, Drained, Exited, FromPump, Hello, Open, SystemLine

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0
TASK = "task"
M = TypeVar("M")


@dataclass
class Child:
    """A program whose output goes to the pump; ``fds`` are the daemon's duplicates."""

    run_id: str
    process: subprocess.Popen[bytes]
    fds: list[int]


@dataclass
class PumpHouse:
    logs_dir: str
    min_free_space: int = 0
    messages: list[FromPump] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    fds: list[int] = field(default_factory=list)

    def __enter__(self) -> PumpHouse:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self.children:
            with suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
        for fd in self.fds:
            os.close(fd)
        self.link.close()
        try:
            assert self.process.wait(PATIENCE) in (0, -signal.SIGKILL)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            fd = theirs.fileno()
            path = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
            script = f"{path}; from runwisp.pump.main import main; main({fd})"
            self.process = subprocess.Popen([sys.executable, "-I", "-S", "-c", script], pass_fds=(fd,))
        self.link = Link(ours, FROM_PUMP)
        self.link.send(Hello(self.logs_dir, self.min_free_space))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.link.close()

    def open(self, run_id: str = "RUN1", fds: tuple[int, ...] = (), **changed: object) -> Open:
        fields: dict[str, object] = {
            "run_id": run_id,
            "task_name": TASK,
            "log_stem": f"20260101_000000_{run_id}",
            "log_max_size": 0,
            "log_on_full": "drop_old",
            "is_resumed": False,
            "meta": json.dumps({"id": run_id}),
        }
        opened = Open(**{**fields, **changed})  # type: ignore[arg-type]
        self.link.send(opened, fds)
        return opened

    def spawn(
        self,
        *command: str,
        run_id: str = "RUN1",
        copies: tuple[int, ...] = (),
        pass_fds: tuple[int, ...] = (),
        **changed: object,
    ) -> Child:
        """Starts a program as the daemon would: SIGPIPE at its default, both streams to the pump."""
        out, err = os.pipe(), os.pipe()
        process = subprocess.Popen(
            command,
            stdout=out[1],
            stderr=err[1],
            stdin=subprocess.DEVNULL,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        os.close(out[1])
        os.close(err[1])
        child = Child(run_id, process, [out[0], err[0]])
        self.children.append(child)
        self.fds += child.fds
        self.open(run_id, (out[0], err[0], *copies), **changed)
        return child

    def say(self, text: str, run_id: str = "RUN1") -> None:
        self.link.send(SystemLine(run_id, text))

    def exited(self, run_id: str = "RUN1") -> None:
        self.link.send(Exited(run_id, json.dumps({"id": run_id, "ended": True})))

    def reap(self, child: Child) -> Drained:
        """Waits for the end of a child, then of its output."""
        code = self.wait_until(child.process.poll)
        self.exited(child.run_id)
        drained = self.wait_for(Drained)
        assert code is not None
        return drained

    def is_reading(self) -> bool:
        """Whether the pump has taken over everything it was sent."""
        self.listen(0.01)
        held = set()
        for name in os.listdir(f"/proc/{self.process.pid}/fd"):
            with suppress(FileNotFoundError):  # closed since it was listed
                held.add(os.readlink(f"/proc/{self.process.pid}/fd/{name}"))
        return all(os.readlink(f"/proc/self/fd/{fd}") in held for fd in self.fds)

    def is_asleep(self) -> bool:
        """Whether the pump waits for something to happen."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "S"

    def pipe_is_empty(self, child: Child) -> bool:
        """Whether everything that a child printed so far is read, while it waits for something else."""
        waiting = array("i", [0])
        ioctl(child.fds[0], FIONREAD, waiting)
        with open(f"/proc/{child.process.pid}/wchan") as wchan:
            return waiting[0] == 0 and "pipe" in wchan.read()

    def wait_for(self, kind: type[M]) -> M:
        """The next message of this kind; it is taken out of ``messages``."""

        def look() -> M | None:
            for message in self.messages:
                if isinstance(message, kind):
                    self.messages.remove(message)
                    return message
            return None

        return self.wait_until(look)

    def wait_until(self, look: Callable[[], M | None]) -> M:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if (found := look()) is not None and found is not False:
                return found
            self.listen(0.01)
        raise AssertionError(f"waited in vain; pump ended: {self.process.poll()}, heard {self.messages}")

    def listen(self, seconds: float) -> None:
        select.select([self.link.fileno()], [], [], seconds)
        self.link.flush()
        with suppress(LinkClosed):
            self.messages += [message for message, _ in self.link.receive()]

    def files(self, run_id: str = "RUN1") -> LogFiles:
        return LogFiles(self.logs_dir, TASK, f"20260101_000000_{run_id}")

    def sizes(self, run_id: str = "RUN1") -> dict[str, int]:
        files = self.files(run_id)
        with files.folder(is_made=False) as folder:
            return files.sizes(folder)

    def text(self, run_id: str = "RUN1") -> bytes:
        with suppress(FileNotFoundError):
            return self.files(run_id).read(".log")
        return b""

    def closed(self) -> Closed:
        return self.wait_for(Closed)
