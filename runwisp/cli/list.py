"""``runwisp list``: every task and service that the loader saw, with its schedule and when it fires next.

Asks nobody: what a daemon did, and whether there is one, is ``status``' and ``runs``' business.
"""

from __future__ import annotations

import argparse
import json

from runwisp import host, schedule
from runwisp.cli import table
from runwisp.cli.loaded import counts, loaded, warn, zone
from runwisp.clock import Wall, rfc3339, spell
from runwisp.config import Config
from runwisp.cron import every
from runwisp.printable import counted, printable
from runwisp.task import AnyTask, Service, Task
from runwisp.tick import Note, Tick

HELP = (
    "Show every task and service of the configuration, its schedule and when it fires next. Needs no daemon."
)

HEADER = ("NAME", "SCHEDULE", "NEXT", "PARALLELISM", "OVERLAP", "API", "DESCRIPTION")
NONE = "-"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one object with the zone and an array of tasks")


def run(flags: argparse.Namespace) -> int:
    """Raises: ConfigError, ConfigUnreadable."""
    found = loaded(flags)
    now = host.now().wall
    if flags.json:
        print(json.dumps(_document(found, now), indent=2))
        return 0
    warn(found)
    if not found.tasks:
        print(f"No task and no service is in {printable(found.path)}.")
    else:
        rows = [_row(definition, now) for definition in found.tasks.values()]
        table.show([HEADER, *rows])
        print()
        print(", ".join(counted(counts(found)[word], word) for word in ("task", "service")))
    print(zone(found))
    return 0


def _row(definition: AnyTask, now: Wall) -> tuple[str, ...]:
    api = "yes" if definition.api_trigger else "no"
    description = printable(definition.description, longest=200)
    match definition:
        case Task():
            overlap, parallelism = str(definition.on_overlap), str(definition.parallelism)
            schedule = printable(definition.cron) if definition.cron else "(manual)"
            upcoming = _next(definition, now)
        case Service():
            overlap, parallelism, upcoming = NONE, NONE, NONE
            schedule = f"(service x{definition.instances})"
    return definition.name, schedule, upcoming, parallelism, overlap, api, description


def _next(task: Task, now: Wall) -> str:
    """Local time of the task's zone, with its offset."""
    if task.cron is None:
        return "daemon start" if task.run_on_start else NONE
    length = every(task.cron)
    if length is not None:
        return f"within {spell(length)}"
    tick = _next_tick(task, now)
    if tick is None:
        return "never"
    return tick.local.isoformat(sep=" ", timespec="minutes")


def _next_tick(task: Task, now: Wall) -> Tick | None:
    """The next instant at which it runs; none for an ``@every``, which counts from its last firing."""
    if task.cron is None or every(task.cron) is not None:
        return None
    ticks = schedule.parse(task.cron, task.timezone).ticks_after(now)
    return next((tick for tick in ticks if tick.note is not Note.DST_SKIPPED), None)


def _document(found: Config, now: Wall) -> dict[str, object]:
    return {
        "timezone": found.timezone,
        "timezone_source": found.timezone_source,
        "tasks": [_record(definition, now) for definition in found.tasks.values()],
    }


def _record(definition: AnyTask, now: Wall) -> dict[str, object]:
    """Keys are those of the configuration; what a kind has not is null."""
    record: dict[str, object] = {
        "name": definition.name,
        "kind": definition.kind,
        "group": definition.group,
        "description": definition.description,
        "api_trigger": definition.api_trigger,
    }
    nothing = dict.fromkeys(
        ("cron", "timezone", "next_at", "parallelism", "on_overlap", "run_on_start", "instances")
    )
    match definition:
        case Task():
            tick = _next_tick(definition, now)
            return (
                record
                | nothing
                | {
                    "cron": definition.cron,
                    "timezone": definition.timezone,
                    "next_at": rfc3339(tick.at) if tick else None,
                    "parallelism": definition.parallelism,
                    "on_overlap": definition.on_overlap,
                    "run_on_start": definition.run_on_start,
                }
            )
        case Service():
            return record | nothing | {"instances": definition.instances}
