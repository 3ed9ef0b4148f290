"""``runwisp status``: whether the daemon is healthy, and how its tasks fare. Exits with 0 if it is."""

from __future__ import annotations

import argparse
import json
from itertools import islice, takewhile

from runwisp import host
from runwisp.cli import table
from runwisp.cli.reached import JSON, reached, runs_of, short
from runwisp.cli.runs import local
from runwisp.client import Client, path
from runwisp.clock import DAY, Wall, rfc3339
from runwisp.errors import HistoryBusy, QueryTooLong
from runwisp.printable import counted, printable

HELP = (
    "Show whether the daemon is healthy, since when it runs, what runs now, and what failed in the last day. "
    "Exits with 0 if it is healthy."
)

MOST_FAILURES = 1000
SHOWN_FAILURES = 5
SUCCESS, FAILURE = 0, 1


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one object")


def run(flags: argparse.Namespace) -> int:
    client = reached(flags)
    found = _document(client)
    if flags.json:
        print(json.dumps(found, indent=2))
    else:
        print(*_page(found), sep="\n")
        if found["failures"]:
            table.show([_failure(run) for run in found["failures"]])
        if found["failures_last_day"] > len(found["failures"]):
            print("  and more: `runwisp runs --failed`")
    return SUCCESS if found["status"] == "ok" else FAILURE


def _document(client: Client) -> dict[str, JSON]:
    health, info, system = client.health(), client.get(path("info")), client.get(path("system"))
    tasks = client.get(path("tasks"))
    failures = _failures(client)
    return {
        "status": health["status"],
        "reason": info.get("health_reason"),
        "url": client.url,
        "version": health["version"],
        "fingerprint": health["fingerprint"],
        "uptime_seconds": health["uptime_seconds"],
        "started_at": info["started_at"],
        "host": system["host"],
        "work_dir": system["work_dir"],
        "config_path": info["config_path"],
        "config_stale": info["config_stale"],
        "timezone": info["resolved_timezone"],
        "timezone_source": info["timezone_source"],
        "tasks": sum(task["kind"] == "task" for task in tasks),
        "services": sum(task["kind"] == "service" for task in tasks),
        "stopped": sum(task["stopped"] for task in tasks),
        "running": sum(task["running"] for task in tasks),
        "queued": sum(task["queued"] for task in tasks),
        "failures_last_day": len(failures),
        "failures": failures[:SHOWN_FAILURES],
    }


def _failures(client: Client) -> list[JSON]:
    """Those of the last day, the latest first: a service that failed may have run for weeks."""
    since = rfc3339(Wall(host.wall() - DAY))
    try:
        found = runs_of(client, None, status="failed", sort_field="end_at")
        return list(islice(takewhile(lambda run: run["end_at"] >= since, found), MOST_FAILURES))
    except (HistoryBusy, QueryTooLong):  # of so many, those that began within that day have to do
        return list(islice(runs_of(client, None, status="failed", created_after=since), MOST_FAILURES))


def _page(found: dict[str, JSON]) -> list[str]:
    words = {"ok": "is healthy", "starting": "is starting", "stopping": "is stopping"}
    state = words.get(found["status"], f"is {found['status']}")
    why = f": {printable(found['reason'])}" if found["reason"] else ""
    stale = " (changed since it was loaded)" if found["config_stale"] else ""
    stopped = f", {found['stopped']} of them stopped" if found["stopped"] else ""
    queued = f", {found['queued']} in the queue" if found["queued"] else ""
    count = found["failures_last_day"]
    more = " or more" if count == MOST_FAILURES else ""
    return [
        f"RunWisp {found['version']} {state}{why}",
        "",
        f"Address      {found['url']}",
        f"Host         {printable(found['host'])}",
        f"Up for       {_uptime(found['uptime_seconds'])}, since {local(found['started_at'])}",
        f"Data         {printable(found['work_dir'])}",
        f"Config       {printable(found['config_path'])}{stale}",
        f"Fingerprint  {found['fingerprint']}",
        f"Time zone    {found['timezone']} ({found['timezone_source']})",
        f"Tasks        {counted(found['tasks'], 'task')}, {counted(found['services'], 'service')}{stopped}",
        f"Running      {counted(found['running'], 'run')}{queued}",
        f"Failed       {counted(count, 'run')}{more} in the last day",
    ]


def _failure(run: JSON) -> tuple[str, ...]:
    message = printable(run.get("message", run["end_reason"]), longest=200)
    return f"  {short(run)}", local(run["end_at"]), run["task_name"], message


def _uptime(seconds: int) -> str:
    """In its two largest units."""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [
        f"{count}{unit}" for count, unit in zip((days, hours, minutes, seconds), "dhms", strict=True) if count
    ]
    return "".join(parts[:2]) or "0s"
