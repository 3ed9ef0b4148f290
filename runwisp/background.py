"""A daemon in the background: started in a session of its own, and waited for until it answers.

Its log goes to ``<data>/daemon.log``; what it prints on stdout goes nowhere, as that may be a password. Must
never leave a daemon behind that it said had failed. Called by ``runwisp`` alone.
"""

from __future__ import annotations

import os
import select
import signal
import sys

from runwisp import client, host
from runwisp.clock import SECOND, Millis
from runwisp.errors import DaemonFailed
from runwisp.frozen import frozen
from runwisp.helper import PACKAGE_PARENT
from runwisp.paths import DataDir

LOG = "daemon.log"
HEALTHY_WITHIN: Millis = 10 * SECOND
LOOK_EVERY: Millis = 50
SHOWN_LINES = 10
LONGEST_SHOWN = 16_384

PROGRAM = "import sys; sys.path.append(sys.argv.pop(1)); from runwisp.cli.main import main; sys.exit(main())"
"""Not ``-m runwisp``, for which a folder of that name in the working directory would do as well."""


@frozen
class Order:
    """The daemon that is wanted: ``flags`` are those of its command line."""

    data: DataDir
    host: str
    port: int
    flags: tuple[str, ...]


@frozen
class Begun:
    """A daemon that was started. ``log_start``: where in its log its own lines begin."""

    order: Order
    pid: int
    log_start: int


def begin(order: Order) -> Begun:
    """Starts it and does not wait.

    Raises: SymlinkRefused, DataDirError, DaemonFailed.
    """
    order.data.prepare()
    log = order.data.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        return Begun(order, _spawned(order, log), os.fstat(log).st_size)
    finally:
        os.close(log)


def until_healthy(begun: Begun) -> None:
    """Raises: DaemonFailed when it ends, or is late; then, as on a ctrl-C, it is told to stop."""
    give_up_by = host.now().mono + HEALTHY_WITHIN
    fd = os.pidfd_open(begun.pid)
    try:
        ended = select.poll()
        ended.register(fd, select.POLLIN)
        while not client.health(begun.order.host, begun.order.port):
            if ended.poll(LOOK_EVERY):
                raise _failed(begun, _spelled(os.waitstatus_to_exitcode(os.waitpid(begun.pid, 0)[1])))
            if host.now().mono >= give_up_by:
                signal.pidfd_send_signal(fd, signal.SIGTERM)
                raise _failed(begun, "health check timed out", "It was told to stop.\n")
    except KeyboardInterrupt:
        signal.pidfd_send_signal(fd, signal.SIGTERM)
        raise
    finally:
        os.close(fd)


def _spawned(order: Order, log: int) -> int:
    """Raises: DaemonFailed."""
    argv = [sys.executable, "-P", "-c", PROGRAM, PACKAGE_PARENT, "daemon", *order.flags]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, log, 2),
    ]
    defaults = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    try:
        return os.posix_spawn(
            sys.executable,
            argv,
            os.environ,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=defaults,
        )
    except OSError as error:
        raise DaemonFailed(
            f"daemon failed to start: {sys.executable}: {error.strerror}",
            "Start it with `runwisp daemon` to see more.",
        ) from error


def _spelled(code: int) -> str:
    return f"exited with code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _failed(begun: Begun, why: str, done: str = "") -> DaemonFailed:
    shown = f"{begun.order.data.path}/{LOG}"
    lines = _last_lines(begun)
    told = f"The last lines of {shown}:\n" + "\n".join(lines) if lines else f"{shown} says nothing of it."
    return DaemonFailed(f"daemon failed to start: {why}", done + told)


def _last_lines(begun: Begun) -> list[str]:
    """Of this daemon alone, not of those before it. Raises: DataDirError."""
    with open(begun.order.data.open(LOG, os.O_RDONLY), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(begun.log_start, size - LONGEST_SHOWN))
        return file.read().decode(errors="replace").splitlines()[-SHOWN_LINES:]
