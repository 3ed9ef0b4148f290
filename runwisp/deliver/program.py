"""Programs of this machine that take a message on stdin: watched, and ended in time with all they started.

What a program inherits is decided here: what a run does of our environment, a session of its own, default
signals, and nothing open but its three streams. Called by the channels that are programs.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from runwisp import host
from runwisp.clock import after, spell
from runwisp.deliver.deadline import ATTEMPT
from runwisp.environment import inherited
from runwisp.errors import NotDelivered
from runwisp.frozen import frozen
from runwisp.printable import printable

KEPT = 4_096
"""Bytes of what it prints; only the end of it is told."""
LONGEST_TOLD = 200
CHUNK = 65_536


@frozen
class Ended:
    """``code`` is negative for the signal that ended it. ``said``: the last line that it printed."""

    code: int
    said: str

    @property
    def told(self) -> str:
        how = f"exited with code {self.code}" if self.code >= 0 else f"was ended by signal {-self.code}"
        return f"{how}: {self.said}" if self.said else how


def run(name: str, argv: tuple[str, ...], given: bytes) -> Ended:
    """``name`` is what errors call it; its path is the first of ``argv``.

    Raises: NotDelivered when it cannot be started, or is not done in time.
    """
    with _stdin(given) as stdin, _pipe() as (output, its_output), _ctrl_c_put_off() as let_in:
        pid = _spawned(name, argv, stdin, its_output)
        try:
            let_in()
            said = _watched(pid, output)
        except TimeoutError as error:
            _end(pid)
            raise NotDelivered(f"{name} was not done within {spell(ATTEMPT)}", is_final=False) from error
        except KeyboardInterrupt:  # of `notify-test`; the terminal tells it nothing
            _end(pid)
            raise
    return Ended(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said)


def _spawned(name: str, argv: tuple[str, ...], stdin: int, output: int) -> int:
    """Raises: NotDelivered."""
    try:
        return os.posix_spawn(
            argv[0],
            argv,
            inherited(os.environ, ()),
            file_actions=(
                (os.POSIX_SPAWN_DUP2, stdin, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ),
            setsid=True,
            setsigmask=(),
            setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
        )
    except OSError as error:
        raise NotDelivered(f"{name}: {(error.strerror or '').lower()}", is_final=True) from error


def _watched(pid: int, output: int) -> str:
    """What it said until it ended. Raises: TimeoutError."""
    give_up_by = after(host.now().mono, ATTEMPT)
    said = b""
    ended = os.pidfd_open(pid)
    try:
        news = select.poll()
        news.register(ended, select.POLLIN)
        news.register(output, select.POLLIN)
        while (left := give_up_by - host.now().mono) > 0:
            ready = {fd for fd, _ in news.poll(left)}
            if output in ready:
                piece = os.read(output, CHUNK)
                said = (said + piece)[-KEPT:]
                if not piece:
                    news.unregister(output)
            if ended in ready:  # and what it said was in the pipe; others may go on filling that
                return _last_line(said)
    finally:
        os.close(ended)
    raise TimeoutError


def _end(pid: int) -> None:
    """With its group; it is not reaped before, so that its number is nobody else's."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@contextmanager
def _ctrl_c_put_off() -> Iterator[Callable[[], object]]:
    """Until it is let in: between a start and the note of its pid nobody could end what was started."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    let_in = partial(signal.pthread_sigmask, signal.SIG_SETMASK, former)
    try:
        yield let_in
    finally:
        let_in()


@contextmanager
def _stdin(given: bytes) -> Iterator[int]:
    """A file in memory: unlike a pipe it is written before anybody reads, and no task could open it."""
    fd = os.memfd_create("message", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(given)
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        yield read, write
    finally:
        os.close(read)
        os.close(write)


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").split("\n")
    return next((printable(line.strip(), LONGEST_TOLD) for line in reversed(lines) if line.strip()), "")
