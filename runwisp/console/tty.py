"""The terminal as a device: raw while the console is on it, and as it was before however that ends.

Owns its modes and what is read from and written to it, neither of which ever waits. Knows no escape sequence.
Called by ``main`` and ``screen``.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
import tty
from collections.abc import Mapping
from contextlib import suppress

from runwisp.errors import NoTerminal

READ_AT_ONCE = 65_536
LARGEST = 1000
PARTING = 500
"""Milliseconds that a terminal may take to have room for our last words."""

UNKNOWN_SIZE = (80, 24)

INSTEAD = (
    "Look with `runwisp status`, `runwisp runs` and `runwisp logs TASK -f` instead, or open the dashboard in "
    "a browser."
)


class Tty:
    """The terminal of this process. Made before anything gives up root, who may open what others may not."""

    def __init__(self) -> None:
        """Raises: NoTerminal."""
        self.fd = _opened()
        self._former = termios.tcgetattr(self.fd)
        self._pending = b""

    @property
    def is_writing(self) -> bool:
        """Whether the terminal has not taken everything yet."""
        return bool(self._pending)

    def size(self) -> tuple[int, int]:
        """Columns and rows; what is usual where the terminal, such as a serial line, does not know."""
        packed = bytes(8)
        with suppress(OSError):  # it was hung up, as reading will tell
            packed = fcntl.ioctl(self.fd, termios.TIOCGWINSZ, packed)
        rows, columns, _, _ = struct.unpack("HHHH", packed)
        if not rows or not columns:
            return UNKNOWN_SIZE
        return min(columns, LARGEST), min(rows, LARGEST)

    def make_raw(self) -> None:
        """Every key comes as it is typed, ctrl-C and ctrl-Z too."""
        self._former = termios.tcgetattr(self.fd)
        tty.setraw(self.fd, termios.TCSANOW)

    def restore(self, last_words: bytes) -> None:
        """As it was, after ``last_words``, which are lost where the terminal takes nothing any more."""
        self._pending = b""
        with suppress(OSError, termios.error):  # it was hung up, and there is nobody left to see it
            # A terminal that was stopped by ctrl-S goes on: else nobody would see that we have ended.
            termios.tcflow(self.fd, termios.TCOON)
            self.write(last_words)
            room = select.poll()
            room.register(self.fd, select.POLLOUT)
            while self._pending and room.poll(PARTING):
                self.go_on()
            termios.tcsetattr(self.fd, termios.TCSANOW, self._former)

    def read(self) -> bytes | None:
        """What was typed; None once the terminal is gone."""
        try:
            return os.read(self.fd, READ_AT_ONCE) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def write(self, data: bytes) -> None:
        """What the terminal does not take now is kept for ``go_on``."""
        self._pending += data
        self.go_on()

    def go_on(self) -> None:
        try:
            while self._pending:
                self._pending = self._pending[os.write(self.fd, self._pending) :]
        except BlockingIOError:
            return
        except OSError:  # reading tells as well that it is gone
            self._pending = b""

    def close(self) -> None:
        os.close(self.fd)


def refusal(environ: Mapping[str, str]) -> str:
    """Why the console cannot be shown here; empty where it can."""
    if not os.isatty(0) or not os.isatty(1):
        return "the console needs a terminal, and this is none"
    kind = environ.get("TERM", "")
    if kind in ("", "dumb"):
        return f"the console needs a terminal that can place text; TERM is {kind or 'not set'}"
    return ""


def stop_all() -> None:
    """What ctrl-Z does: every process of the job stops, if there is somebody to continue it."""
    if not _is_orphaned():
        os.kill(0, signal.SIGTSTP)


def stop_here() -> bool:
    """Stops this process until somebody continues it. False where nobody could.

    This thread may come back before it happens, as any other may be the first to be stopped.
    """
    if _is_orphaned():
        return False
    os.kill(os.getpid(), signal.SIGSTOP)
    return True


def _is_orphaned() -> bool:
    """Whether no shell of this session waits for us. Source: setpgid(2), orphaned process groups."""
    parent = os.getppid()
    return parent == 0 or os.getpgrp() == os.getsid(0) or _session(parent) != os.getsid(0)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _opened() -> int:
    """A description of our own, as those of stdin and stdout are the shell's too, and ours never waits.

    Raises: NoTerminal.
    """
    flags = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK
    with suppress(OSError):  # of another namespace, it has no name here
        return os.open(os.ttyname(1), flags)
    with suppress(OSError):
        return os.open("/dev/tty", flags)
    raise NoTerminal("the console needs a terminal that it may open", INSTEAD)
