"""What the daemon tells the service manager: ready, status, stopping, still alive.

Owns the datagram socket of sd_notify(3). Must never raise for a manager that is gone or a variable that makes
no sense, as a service is not to die of its manager. Called by the daemon.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from runwisp.clock import Millis


class Notifier:
    """Speaks to ``address``; None is nobody, and then nothing is ever sent.

    ``watchdog_interval`` is how often ``alive`` is to be called, half of what the manager waits; None when it
    does not watch. Each call tells whether the manager was told.
    """

    __slots__ = ("_address", "_socket", "watchdog_interval")

    def __init__(self, address: str | None, watchdog_interval: Millis | None = None) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self.watchdog_interval = watchdog_interval

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Notifier:
        """Source: sd_notify(3), sd_watchdog_enabled(3). Sockets other than of AF_UNIX are not spoken to."""
        name = environ.get("NOTIFY_SOCKET", "")
        if not name.startswith(("/", "@")):
            return cls(None)
        return cls(name.replace("@", "\0", 1) if name.startswith("@") else name, _interval(environ))

    def ready(self, status: str = "") -> bool:
        return self._send(f"READY=1\nSTATUS={_line(status)}" if status else "READY=1")

    def status(self, text: str) -> bool:
        """One line that the manager shows beside the service."""
        return self._send(f"STATUS={_line(text)}")

    def stopping(self, ends_within: Millis) -> bool:
        """``ends_within``: the manager is to wait that long, also where it was told to kill us sooner."""
        return self._send(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={ends_within * 1000}")

    def alive(self) -> bool:
        return self._send("WATCHDOG=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> bool:
        if self._address is None:
            return False
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._socket.sendto(message.encode(errors="replace"), self._address)
        except OSError:
            return False
        return True


def _interval(environ: Mapping[str, str]) -> Millis | None:
    microseconds = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()) or not microseconds.isdecimal():
        return None
    return int(microseconds) // 2000 or None


def _line(text: str) -> str:
    """A newline would begin another variable."""
    return " ".join(text.split())
