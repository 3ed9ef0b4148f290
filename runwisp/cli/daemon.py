"""`runwisp daemon`: the daemon in the foreground, as a service manager runs it."""

from __future__ import annotations

import argparse
import os
import sys

from runwisp import host
from runwisp.daemon import main as daemon
from runwisp.daemonlog import Format, Level, Log, is_journal

HELP = (
    "Run every task and service of the configuration, in the foreground, until SIGTERM or ctrl-C. "
    "The daemon's own log goes to stderr."
)


def configure(_parser: argparse.ArgumentParser) -> None:
    """Has global flags only."""


def run(flags: argparse.Namespace) -> int:
    fd = sys.stderr.fileno()
    level, shape = Level(flags.log_level), Format(flags.log_format)
    return daemon.main(
        flags.config, flags.data, Log(fd, level, shape, host.wall, is_journal=is_journal(fd, os.environ))
    )
