"""``runwisp next TASK``: when a task fires next, and what daylight saving does to it.

Reads the configuration and asks nobody: what a daemon did or will be kept from doing is not its business.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from runwisp import host, schedule
from runwisp.cli.loaded import loaded
from runwisp.clock import Wall, rfc3339, wall_of
from runwisp.config import Config
from runwisp.errors import NoSchedule
from runwisp.schedule import Every
from runwisp.task import Service, Task, unknown_task
from runwisp.tick import Note, Tick

HELP = "Show the next firings of a task in its time zone, and what daylight saving does to them."

MEANINGS = {
    Note.MOVED: "the clocks skip the time this is set for; it runs once, right after the change",
    Note.REPEATED: "the clocks go back and pass this time again; it follows elapsed time and runs again",
    Note.DST_SKIPPED: "the clocks go back and pass this time again; it ran the first time, not now",
}
MOST = 100_000


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help="its name in the configuration")
    parser.add_argument("-n", type=_count, default=10, metavar="COUNT", help="how many (default: 10)")
    parser.add_argument(
        "--from",
        dest="start",
        type=_time,
        metavar="TIME",
        help="after this time, such as 2030-03-31T02:00, in the task's zone unless with an offset",
    )
    parser.add_argument("--json", action="store_true", help="an array of {at, local, note}")


def run(flags: argparse.Namespace) -> int:
    """Raises: UnknownTask, NoSchedule, and whatever loading the configuration raises."""
    task, expression = _scheduled(loaded(flags), flags.task)
    found = schedule.parse(expression, task.timezone)
    start = _wall(flags.start, task.timezone) if flags.start else host.now().wall
    ticks = list(islice(found.ticks_after(start), flags.n))
    if flags.json:
        print(json.dumps([_record(tick) for tick in ticks], indent=2))
        return 0
    if not ticks:
        print(f'"{task.name}" never fires: the calendar has no day for "{expression}".')
        return 0
    print(f'"{task.name}" fires at "{expression}" in {task.timezone}.')
    if isinstance(found, Every):
        print("It counts from its last firing; these are the times if that was at the start.")
    print("", *_table(ticks), sep="\n")
    return 0


def _scheduled(found: Config, name: str) -> tuple[Task, str]:
    definition = found.tasks.get(name)
    match definition:
        case Task(cron=str(expression)):
            return definition, expression
        case Task():
            raise NoSchedule(
                f'"{name}" has no cron and is started by hand only',
                f'give it one, such as cron = "@daily", in [tasks.{name}]',
            )
        case Service():
            raise NoSchedule(f'"{name}" is a service: it is kept up all the time and has no schedule')
        case None:
            raise unknown_task(name, found.tasks)


def _record(tick: Tick) -> dict[str, str | None]:
    return {"at": rfc3339(tick.at), "local": tick.local.isoformat(), "note": tick.note}


def _table(ticks: Sequence[Tick]) -> list[str]:
    """A line for each tick and, below, what the notes among them mean."""
    precision = "milliseconds" if any(tick.local.microsecond for tick in ticks) else "seconds"
    rows = [
        (tick.local.isoformat(sep=" ", timespec=precision), f"{tick.local:%a}", tick.note or "")
        for tick in ticks
    ]
    width = max(len(at) for at, _, _ in rows)
    lines = [f"{at:<{width}}  {weekday}  {note}".rstrip() for at, weekday, note in rows]
    notes = {tick.note: None for tick in ticks if tick.note}
    return [*lines, "", *(f"{note}: {MEANINGS[note]}" for note in notes)] if notes else lines


def _wall(start: datetime, timezone: str) -> Wall:
    return wall_of(start if start.tzinfo else start.replace(tzinfo=ZoneInfo(timezone)))


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= len(text) <= 6 or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count from 1 to {MOST}")
    return int(text)


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not 1970 < found.year < 9000:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time of the years 1971 to 8999; write ISO 8601, such as 2030-03-31T02:00"
        )
    return found
