"""Starting the daemon's own helper processes: interpreters with nothing but this package and one link."""

from __future__ import annotations

import os
import signal
import sys

from runwisp.errors import LaunchError

LINK_FD = 3

SPARED = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""What the daemon acts on or tells of, and a terminal or `pkill` sends to the helpers as well."""
PACKAGE_PARENT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from {module} import main; main({link_fd})"
"""The installation's other packages are left out (-S): a helper must not need them, and they cost memory."""


def start_helper(module: str, link_fd: int) -> int:
    """Gives the pid. The helper has stdin from /dev/null, our stdout and stderr, the link as fd 3.

    It never sees those SPARED, from its first instruction on: it ends with its link.

    Raises: LaunchError.
    """
    program = PROGRAM.format(module=module, link_fd=LINK_FD)
    argv = [sys.executable, "-IS", "-c", program, PACKAGE_PARENT]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, link_fd, LINK_FD),
    ]
    defaults = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE}
    try:
        return os.posix_spawn(
            sys.executable, argv, os.environ, file_actions=actions, setsigmask=SPARED, setsigdef=defaults
        )
    except OSError as error:
        raise LaunchError(f"{sys.executable}: {error.strerror}") from error
