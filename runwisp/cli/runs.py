"""``runwisp runs [TASK]``: the history, newest first."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from itertools import islice

from runwisp.cli import table
from runwisp.cli.reached import JSON, reached, runs_of, short, task_name
from runwisp.clock import MINUTE, SECOND, spell, wall_of
from runwisp.printable import printable

HELP = "Show what ran, when, for how long and how it ended: the newest first, in local time."

HEADER = ("RUN", "TASK", "STARTED", "TOOK", "STATUS", "EXIT", "MESSAGE")
NONE = "-"
MOST = 1_000_000


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", type=task_name, metavar="TASK", nargs="?", help="only runs of this one")
    parser.add_argument("--failed", action="store_true", help="only those that count as failed")
    parser.add_argument("-n", type=_count, default=50, metavar="COUNT", help="how many (default: 50)")
    parser.add_argument("--json", action="store_true", help="an array of runs, as in the API")


def run(flags: argparse.Namespace) -> int:
    client = reached(flags)
    status = "failed" if flags.failed else None
    found = list(islice(runs_of(client, flags.task, status=status), flags.n))
    if flags.json:
        print(json.dumps(found, indent=2))
    elif found:
        table.show([HEADER, *map(_row, found)])
    else:
        print("No run has failed." if flags.failed else "Nothing has run yet.")
    return 0


def _row(run: JSON) -> tuple[str, ...]:
    has_ended = run["status"] == "ended"
    return (
        short(run),
        run["task_name"],
        local(run.get("start_at") or run["created_at"]),
        _took(run),
        run.get("end_reason") or run["status"],
        str(run["exit_code"]) if has_ended else NONE,
        printable(run.get("message", ""), longest=200),
    )


def _took(run: JSON) -> str:
    if "start_at" not in run or "end_at" not in run:
        return NONE
    took = wall_of(_moment(run["end_at"])) - wall_of(_moment(run["start_at"]))
    if SECOND <= took < MINUTE:
        return f"{took / SECOND:.1f}s"
    return spell(took if took < SECOND else took // SECOND * SECOND)


def local(time: str) -> str:
    return f"{_moment(time).astimezone():%Y-%m-%d %H:%M:%S}"


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time)


def _count(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 7 or not 0 < int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count from 1 to {MOST}")
    return int(text)
