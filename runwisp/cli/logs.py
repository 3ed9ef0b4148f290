"""``runwisp logs TASK [RUN]``: what a run printed, and what it goes on to print."""

from __future__ import annotations

import argparse
from itertools import islice

from runwisp.cli.output import Output, follow
from runwisp.cli.reached import JSON, reached, run_named, runs_of, task_name
from runwisp.client import Client, path
from runwisp.errors import UnknownRun
from runwisp.printable import printable

HELP = (
    "Print what a run of a task or service printed: the latest that started, or the one with this id or "
    "these letters at its end. Lines of stderr are marked with [ERR] and those of the daemon with [SYSTEM]."
)

LATEST = 100
PAGE = 10_000
MOST = 1_000_000_000


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", type=task_name, metavar="TASK", help="its name in the configuration")
    parser.add_argument("run_id", metavar="RUN", nargs="?", help="its id, or the letters at its end")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the run has ended")
    parser.add_argument("-n", type=_count, metavar="LINES", help="only the last of them")
    parser.add_argument(
        "--raw", action="store_true", help="pass every escape sequence of the task on to the terminal"
    )


def run(flags: argparse.Namespace) -> int:
    client = reached(flags)
    found = run_named(client, flags.task, flags.run_id) if flags.run_id else _latest(client, flags.task)
    with Output(is_raw=flags.raw) as output:
        if found["status"] == "ended" and not found["log_lines"]:
            output.note(f"run {found['id']} printed nothing{_why(found)}")
        elif flags.follow:
            _follow(client, found, output, flags.n)
        elif flags.n is not None:
            _last(client, found, output, flags.n)
        else:
            _all(client, found, output)
    return 0


def _latest(client: Client, task: str) -> JSON:
    """The one that started last: firings that were skipped meanwhile have nothing to show."""
    found = list(islice(runs_of(client, task), LATEST))
    if not found:
        may_start = client.get(path("tasks", task))["api_trigger"]
        hint = f"Start it with `runwisp run-task {task}`." if may_start else ""
        raise UnknownRun(f'"{task}" has not run yet', hint)
    return next((run for run in found if "start_at" in run), found[0])


def _all(client: Client, run: JSON, output: Output) -> None:
    for piece in client.bytes_of(f"{_log_of(run)}/raw"):
        output.write(piece)


def _last(client: Client, run: JSON, output: Output, count: int) -> None:
    first = -count
    while count > 0:
        page = client.get(_log_of(run), from_=first, limit=min(count, PAGE))
        for line in page["lines"]:
            output.line(line)
        if not page["lines"] or page["lines"][-1]["n"] >= page["total_lines"]:
            break
        count -= len(page["lines"])
        first = page["lines"][-1]["n"] + 1


def _follow(client: Client, run: JSON, output: Output, count: int | None) -> None:
    done = follow(client, run, output, 1 if count is None else -count)
    output.note(f"run {done['id']} has ended{_why(done)}")


def _log_of(run: JSON) -> str:
    return path("tasks", run["task_name"], "runs", run["id"], "log")


def _why(run: JSON) -> str:
    message = run.get("message") or run.get("end_reason")
    return f": {printable(message)}" if message else ""


def _count(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 10 or not 0 < int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines")
    return int(text)
