"""The console on a daemon, and what becomes of that daemon afterwards.

Called by ``alone`` and ``tui``.
"""

from __future__ import annotations

from runwisp.cli.stop import end_daemon
from runwisp.client import Client
from runwisp.console import main as console
from runwisp.console.tty import Tty
from runwisp.paths import DataDir


def attach(tty: Tty, client: Client, started: DataDir | None) -> int:
    """``started``: the directory of a daemon that was started for this console, which leaving asks about."""
    left = console.main(tty, client, has_started_daemon=started is not None)
    if started is None or left.is_hung_up:
        return left.code
    if left.wants_stop:
        print("Stopping the daemon.", flush=True)
        print(f"The daemon (pid {end_daemon(started)}) has stopped.")
    else:
        print(f"The daemon runs on at {client.url}. `runwisp` shows it again, `runwisp stop` ends it.")
    return left.code
