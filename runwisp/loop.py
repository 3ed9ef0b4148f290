"""The selector loop of a single-threaded process: file descriptors, signals, deadlines. It decides nothing.

The one home of ``selectors`` and of signal handling. Callbacks only note what happened; the owner of the loop
acts on it after ``wait`` returns.
"""

from __future__ import annotations

import os
import selectors
import signal
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from runwisp.clock import Mono, Now
from runwisp.timers import Timers

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Loop:
    """``signals`` holds the numbers of signals that arrived and were not taken yet, in order."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.signals: list[int] = []
        self._former: dict[int, Any] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.watch(self._wake_r, READ, self._read_signals)

    def catch(self, signals: Iterable[int]) -> None:
        """From now on these signals wake the loop instead of doing what they would.

        Source: signal.set_wakeup_fd; the handler itself is empty and only keeps the default action away.
        """
        signal.set_wakeup_fd(self._wake_w, warn_on_full_buffer=False)
        for signum in signals:
            self._former[signum] = signal.signal(signum, _nothing)

    def release(self) -> None:
        """From now on these signals do again what they did before."""
        for signum, handler in self._former.items():
            signal.signal(signum, handler)

    def watch(self, fd: int, events: int, ready: Callable[[], object]) -> None:
        """Calls ``ready`` in every ``wait`` during which ``fd`` is; a second call changes the events."""
        if fd in self._selector.get_map():
            self._selector.modify(fd, events, ready)
        else:
            self._selector.register(fd, events, ready)

    def unwatch(self, fd: int) -> None:
        """Before the fd is closed."""
        self._selector.unregister(fd)

    def wait(self, now: Now, until: Mono | None = None) -> None:
        """Sleeps to the first of: something ready, a signal, the next timer, ``until``."""
        deadlines = [at for at in (self.timers.next_at(), until) if at is not None]
        timeout = max(0, min(deadlines) - now.mono) / 1000 if deadlines else None
        for key, _ in self._selector.select(timeout):
            key.data()

    def close(self) -> None:
        signal.set_wakeup_fd(-1)
        self._selector.close()
        os.close(self._wake_r)
        os.close(self._wake_w)

    def _read_signals(self) -> None:
        self.signals.extend(os.read(self._wake_r, 65536))


def _nothing(_signum: int, _frame: FrameType | None) -> None:
    """What a signal interrupts goes on (PEP 475)."""
