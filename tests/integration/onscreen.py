"""A person at a terminal: a real pseudo-terminal, keys typed into it, and what an emulator of one shows.

The emulator (pyte) stands for the screen; ``transcript`` is every byte that reached it.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import pyte

from tests.integration.running import House
from tests.integration.waiting import PATIENCE, wait_for

TERM = "xterm-256color"


class Seat:
    """One program at a terminal of its own, whose session it leads; everything before its end is a test's."""

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: object,
        *,
        columns: int = 100,
        rows: int = 30,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.transcript = bytearray()
        self.master, self.slave = pty.openpty()
        os.set_blocking(self.master, False)
        self._size(columns, rows)
        self.modes = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *argv],
            env=dict(env),
            cwd=str(cwd),
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
        )

    def __enter__(self) -> Seat:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master >= 0:
            self.hang_up()

    @property
    def lines(self) -> list[str]:
        self.look()
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def look(self, wait: float = 0) -> bool:
        """Takes what was written to the terminal; whether there was anything."""
        if self.master < 0 or not select.select([self.master], [], [], wait)[0]:
            return False
        try:
            data = os.read(self.master, 1 << 20)
        except OSError:  # nobody has the other end open
            return False
        self.transcript += data
        self._stream.feed(data)
        return bool(data)

    def shows(self, *words: str) -> str:
        """Waits until all of these words are on the screen; the screen."""
        wait_for(lambda: all(word in self.text for word in words), lambda: f"{words} not in\n{self.text}")
        return self.text

    def hides(self, *words: str) -> str:
        """Waits until none of these words is on the screen."""
        wait_for(
            lambda: not [word for word in words if word in self.text], lambda: f"{words} in\n{self.text}"
        )
        return self.text

    def until(self, holds: Callable[[], object]) -> None:
        """Goes on reading the screen until something holds."""

        def look() -> object:
            self.look()
            return holds()

        wait_for(look, lambda: self.text)

    def type(self, keys: str | bytes) -> None:
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self._size(columns, rows)
        os.kill(self.process.pid, signal.SIGWINCH)

    def ends(self) -> int:
        """Waits for the end of the program; its exit code."""

        def has_ended() -> bool:
            self.look()
            return self.process.poll() is not None

        wait_for(has_ended, lambda: self.text)
        while self.look():
            pass
        return self.process.wait(PATIENCE)

    def hang_up(self) -> None:
        """Ends the terminal itself, as closing its window does."""
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def rest(self, seconds: float) -> None:
        """A while in which nobody reads what the terminal is given: to measure, not to wait for something."""
        select.select([], [], [], seconds)

    @property
    def is_full(self) -> bool:
        """Whether the terminal takes nothing any more, as nobody reads what it has."""
        return not select.select([], [self.slave], [], 0)[1]

    def cpu_seconds(self) -> float:
        with open(f"/proc/{self.process.pid}/stat") as file:
            times = file.read().rpartition(")")[2].split()[11:13]
        return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")

    @property
    def is_switched_back(self) -> bool:
        """Whether cursor, screen and mouse are as they were."""
        return all(map(self._is_back, (b"?1049h", b"?25l", b"?1000h")))

    @property
    def is_restored(self) -> bool:
        """Whether the terminal is as it was, its modes too."""
        self.look()
        return (
            self.is_switched_back and self._is_back(b"?2004h") and termios.tcgetattr(self.slave) == self.modes
        )

    def _is_back(self, switched: bytes) -> bool:
        back = switched[:-1] + (b"h" if switched.endswith(b"l") else b"l")
        return self.transcript.rfind(back) >= self.transcript.rfind(switched)

    def _size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def seat(house: House, *words: str, columns: int = 100, rows: int = 30, **variables: str) -> Seat:
    """RunWisp in a house, at a terminal."""
    env = {**house.environ(), "TERM": TERM, "LANG": "C.UTF-8", **variables}
    return Seat(house.command(*words), env, house.folder, columns=columns, rows=rows)
