"""Starting the daemon's own helper processes: interpreters with nothing but this package and one link, or,
where one is started for a single thing, what it reads and where its answer goes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping

from runwisp.errors import LaunchError

LINK_FD = 3

SPARED = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""What the daemon acts on or tells of, and a terminal or `pkill` sends to the helpers as well."""
DEFAULTS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE}
PACKAGE_PARENT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

PROGRAM = (
    "import sys; sys.path[:0] = sys.argv[1:]; import runwisp.unloaded; "
    "from {module} import main; main({link_fd})"
)
ONCE = "import sys; sys.path[:0] = sys.argv[1:]; import runwisp.unloaded; from {module} import main; main()"
"""Without the site module (-S): finding the installation's packages costs time and memory."""


def start_helper(module: str, link_fd: int, env: Mapping[str, str], *, needs_packages: bool) -> int:
    """Gives the pid. ``needs_packages``: it may import what we may, not only this package and the standard
    library. The helper has stdin from /dev/null, our stdout and stderr, the link as fd 3; ``env`` must hold
    no secret.

    It never sees those SPARED, from its first instruction on: it ends with its link.

    Raises: LaunchError.
    """
    program = PROGRAM.format(module=module, link_fd=LINK_FD)
    paths = [PACKAGE_PARENT, *(sys.path if needs_packages else ())]
    argv = [sys.executable, "-IS", "-c", program, *paths]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, link_fd, LINK_FD),
    ]
    try:
        return os.posix_spawn(
            sys.executable, argv, env, file_actions=actions, setsigmask=SPARED, setsigdef=DEFAULTS
        )
    except OSError as error:
        raise LaunchError(f"{sys.executable}: {error.strerror}") from error


def start_once(module: str, stdin_fd: int, stdout_fd: int, env: Mapping[str, str]) -> int:
    """Gives the pid of one that reads, answers and ends, and may import what we may. It leads a process group
    of its own and has nowhere to complain to: what it has to say is its answer.

    Raises: LaunchError.
    """
    argv = [sys.executable, "-IS", "-c", ONCE.format(module=module), PACKAGE_PARENT, *sys.path]
    actions = [
        (os.POSIX_SPAWN_DUP2, stdin_fd, 0),
        (os.POSIX_SPAWN_DUP2, stdout_fd, 1),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    try:
        return os.posix_spawn(
            sys.executable,
            argv,
            env,
            file_actions=actions,
            setpgroup=0,
            setsigmask=SPARED,
            setsigdef=DEFAULTS,
        )
    except OSError as error:
        raise LaunchError(f"{sys.executable}: {error.strerror}") from error
