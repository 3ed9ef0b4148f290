"""``runwisp run-task TASK``: starts a task in the running daemon, and may show what it prints."""

from __future__ import annotations

import argparse

from runwisp.cli.output import Output, follow
from runwisp.cli.reached import JSON, reached, task_name
from runwisp.client import path
from runwisp.printable import printable

HELP = (
    "Start a task, or a stopped service, in the running daemon and print the id of the run. With --follow, "
    "show its output and exit with its exit code, or 1 where it has none."
)

FAILURE = 1
BY_ITSELF = frozenset({"success", "failed"})


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", type=task_name, metavar="TASK", help="its name in the configuration")
    parser.add_argument("--follow", action="store_true", help="show what it prints until it has ended")
    parser.add_argument(
        "--raw", action="store_true", help="pass every escape sequence of the task on to the terminal"
    )


def run(flags: argparse.Namespace) -> int:
    """The id goes to stdout or, where the output of the run goes there, to stderr."""
    client = reached(flags)
    started = client.post(path("tasks", flags.task, "trigger"))
    if not flags.follow:
        print(started["id"])
        return 0
    with Output(is_split=True, is_raw=flags.raw) as output:
        output.note(f"run {started['id']}{' is waiting' if started['status'] == 'pending' else ''}")
        try:
            return _exit_code(follow(client, started, output), output)
        except KeyboardInterrupt:
            output.note(f"the run goes on; end it with `runwisp stop {flags.task}`")
            raise


def _exit_code(done: JSON, output: Output) -> int:
    """Says what the output could not: why it never started, or why it was ended."""
    code: int = done["exit_code"]
    if code < 0 or done["end_reason"] not in BY_ITSELF:
        output.note(f"{done['task_name']}: {printable(done.get('message', done['end_reason']))}")
    return code if code >= 0 else FAILURE
