"""`runwisp daemon`: the daemon in the foreground, as a service manager runs it."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from importlib import import_module

from runwisp import host
from runwisp.daemon import main as daemon
from runwisp.daemon.main import Wanted
from runwisp.daemonlog import Format, Level, Log, is_journal
from runwisp.errors import PortInUse
from runwisp.password import FILE, Password
from runwisp.paths import DataDir

HELP = (
    "Run every task and service of the configuration, in the foreground, until SIGTERM or ctrl-C. "
    "The daemon's own log goes to stderr."
)


def configure(_parser: argparse.ArgumentParser) -> None:
    """Has global flags only."""


def _show(made: Password, data: DataDir) -> None:
    """Not to the journal, which keeps it for others to read, unless it is nowhere else."""
    path = f"{data.path}/{FILE}"
    if not made.is_kept:
        text = f"The password is {made.text} until the next start: there was no room to keep it in {path}"
    elif is_journal(sys.stdout.fileno(), os.environ):
        text = f"A new password was made; it is in {path}"
    else:
        text = f"The password is {made.text} (kept in {path})"
    with suppress(OSError):  # whoever does not read it finds it in the file
        print(text, flush=True)


def run(flags: argparse.Namespace) -> int:
    fd = sys.stderr.fileno()
    level, shape = Level(flags.log_level), Format(flags.log_format)
    log = Log(fd, level, shape, host.wall, is_journal=is_journal(fd, os.environ))
    try:
        return daemon.main(Wanted(flags.config, flags.data, flags.host, flags.port), log, _show)
    except PortInUse:
        # Only now, as HTTP is a megabyte that no daemon needs.
        client = import_module("runwisp.client")
        if theirs := client.health(flags.host, flags.port):
            raise client.other_daemon(flags.port, theirs) from None
        raise
