"""`runwisp exec`: one attempt of a task, or one replica of a service, in this process."""

from __future__ import annotations

import argparse
import sys

from runwisp.daemon import exec as inline
from runwisp.run import EndReason

HELP = (
    "Run one task, or one replica of a service, here and now without a daemon: same command, same log and "
    "history, output on this terminal. Exits with the exit code of the run, or 1 where it has none."
)

ENDED_BY_US = frozenset({EndReason.TIMEOUT, EndReason.LOG_OVERFLOW})
FAILURE = 1


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help="its name in the configuration")
    parser.add_argument(
        "--raw", action="store_true", help="pass every escape sequence of the task on to the terminal"
    )


def run(flags: argparse.Namespace) -> int:
    """Says what the command itself could not: why it never started, or why it was ended."""
    done = inline.main(flags.config, flags.data, flags.task, is_raw=flags.raw)
    if done.pid is None or done.end_reason in ENDED_BY_US:
        print(f"{done.task_name}: {done.message}", file=sys.stderr)
    return done.exit_code if done.exit_code >= 0 else FAILURE
