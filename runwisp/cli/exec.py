"""`runwisp exec`: one attempt of a task, or one replica of a service, in this process."""

from __future__ import annotations

import argparse

from runwisp.daemon import exec as inline

HELP = (
    "Run one task, or one replica of a service, here and now without a daemon: same command, same log and "
    "history, output on this terminal. Exits with the exit code of the run, or 1 where it has none."
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help="its name in the configuration")


def run(flags: argparse.Namespace) -> int:
    return inline.main(flags.config, flags.data, flags.task)
