"""A console without a terminal and without a daemon: keys go in, screens come out, and a daemon made of plain
data answers what is asked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from runwisp.clock import Mono, Now, Wall, rfc3339
from runwisp.console.messages import (
    Answered,
    Came,
    Command,
    Fetch,
    Follow,
    Key,
    Message,
    Opened,
    Refused,
    Tick,
    Unfollow,
)
from runwisp.console.requests import (
    Ask,
    AskActive,
    AskFirings,
    AskInfo,
    AskLog,
    AskNotices,
    AskRecent,
    AskRun,
    AskRuns,
    AskSamples,
    AskSearch,
    AskSystem,
    AskTail,
    AskTask,
    AskTasks,
    LogStream,
    NoticesStream,
    RunsStream,
    Stream,
)
from runwisp.console.update import begin, update
from runwisp.console.view import view

NOON = Wall(1_795_867_200_000)
"""2026-11-28 12:00:00 UTC."""

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
Json = dict[str, Any]


def run_id(number: int) -> str:
    """Ids sort by time."""
    return f"01{number:024d}"


def at(ago: int) -> str:
    return rfc3339(Wall(NOON - ago))


def run(number: int, task: str = "backup", **changes: Any) -> Json:
    """One that ended well a while ago; the smaller its number, the older."""
    ago = (1000 - number) * MINUTE
    made: Json = {
        "id": run_id(number),
        "task_name": task,
        "kind": "task",
        "status": "ended",
        "end_reason": "success",
        "exit_code": 0,
        "triggered_by": "cron",
        "created_at": at(ago),
        "start_at": at(ago),
        "end_at": at(ago - 3 * SECOND),
        "replica_index": 0,
        "retry_attempt": 0,
        "cpu_seconds": 0.25,
        "max_rss_bytes": 12 * 1024 * 1024,
        "log_lines": 0,
        "log_bytes": 0,
        "log_dropped_lines": 0,
    }
    return {key: value for key, value in (made | changes).items() if value is not None}


def running(number: int, task: str = "backup", **changes: Any) -> Json:
    still = {"status": "running", "end_reason": None, "exit_code": -1, "end_at": None}
    return run(number, task, **(still | {"cpu_seconds": None, "max_rss_bytes": None} | changes))


def task(name: str, **changes: Any) -> Json:
    made: Json = {
        "name": name,
        "kind": "task",
        "group": "",
        "description": "",
        "run": f"/usr/local/bin/{name}",
        "working_dir": "/srv",
        "shell": "/bin/sh",
        "env": {},
        "exit_codes": [0],
        "graceful_stop": 10_000_000_000,
        "stop_signal": "SIGTERM",
        "log_max_size": 100 * 1024 * 1024,
        "log_on_full": "drop_old",
        "notify_on_failure": [],
        "notify_on_success": [],
        "api_trigger": True,
        "parallelism": 1,
        "on_overlap": "queue",
        "schedule": "manual",
        "running": 0,
        "queued": 0,
        "stopped": False,
        "recent_runs": [],
    }
    return {key: value for key, value in (made | changes).items() if value is not None}


def service(name: str, **changes: Any) -> Json:
    kept = {"kind": "service", "group": "services", "restart": "always", "instances": 1, "autostart": True}
    return task(name, **(kept | {"parallelism": None, "on_overlap": None} | changes))


def notice(number: int, **changes: Any) -> Json:
    made = {
        "id": run_id(number),
        "task_name": "backup",
        "kind": "run.failed",
        "severity": "error",
        "title": "backup failed",
        "body": "exit code 3 after 12s",
        "run_id": run_id(990),
        "count": 1,
        "times": [],
        "created_at": at((1000 - number) * MINUTE),
        "updated_at": at((1000 - number) * MINUTE),
        "is_read": False,
    }
    return made | changes


INFO: Json = {
    "version": "0.5.0",
    "health": "ok",
    "fingerprint": "987f6a92e1ca",
    "host": "myserver",
    "port": 9477,
    "resolved_timezone": "Europe/Berlin",
    "timezone_source": "config",
    "config_path": "/etc/runwisp/runwisp.toml",
    "config_loaded_at": at(3 * HOUR),
    "config_stale": False,
    "started_at": at(3 * HOUR),
    "deliveries": {"waiting": 1024, "dropped": 15},
    "tasks": [],
    "capabilities": [],
}

SYSTEM: Json = {
    "name": "runwisp",
    "version": "0.5.0",
    "uptime": "3h",
    "uptime_seconds": 10_800,
    "host": "myserver",
    "os": "Debian GNU/Linux 12",
    "arch": "x86_64",
    "cpu_cores": 2,
    "cpu_usage": 12.4,
    "mem_total": 4 * 1024**3,
    "mem_used": 1024**3,
    "mem_usage": 25.0,
    "work_dir": "/var/lib/runwisp",
    "processes": [
        {"pid": 100, "role": "daemon", "rss": 15 * 1024**2, "cpu": 0.1},
        {"pid": 101, "role": "pump", "rss": 9 * 1024**2, "cpu": 0.0},
        {"pid": 102, "role": "web", "rss": 30 * 1024**2, "cpu": 0.4},
    ],
}

FAILED = run(
    990,
    end_reason="timeout",
    exit_code=143,
    end_at=at(9 * MINUTE),
    message="ran longer than its timeout of 1m",
    log_lines=3,
    log_bytes=60,
)


def usual() -> list[Json]:
    """A task that failed, one that runs, a service that is up, one that was stopped, and one that waits."""
    cron = {"cron": "0 3 * * *", "timezone": "Europe/Berlin", "schedule": "cron"}
    return [
        task(
            "backup",
            group="nightly",
            description="Dumps the database and copies it away",
            next_run_at=at(-14 * HOUR),
            last_run=FAILED,
            recent_runs=[FAILED, run(980)],
            success_rate=0.98,
            median_duration=3_000_000_000,
            timeout=60_000_000_000,
            **cron,
        ),
        task(
            "report",
            group="nightly",
            running=1,
            last_run=running(999, "report"),
            next_run_at=at(-90_000),
            **cron,
        ),
        service("web", running=1, last_run=running(10, "web", kind="service")),
        service("queue", stopped=True, last_run=run(20, "queue", kind="service", end_reason="stopped")),
        service("mail", last_run=run(998, "mail", kind="service", end_reason="failed", exit_code=1)),
    ]


def line(n: int, text: str = "", stream: str = "stdout", **more: Any) -> Json:
    return {"n": n, "ts": at(HOUR), "stream": stream, "text": text or f"line {n}", "continued": False, **more}


def events(kind: str, *found: Json) -> list[tuple[bytes, bytes]]:
    return [(kind.encode(), json.dumps(each).encode()) for each in found]


@dataclass
class FakeDaemon:
    """What it has. ``log`` is that of every run; so many of its first lines as ``gone`` are not kept."""

    tasks: list[Json] = field(default_factory=usual)
    runs: list[Json] = field(
        default_factory=lambda: [
            running(999, "report"),
            run(998, "mail", kind="service", end_reason="failed", exit_code=1),
            FAILED,
            run(980),
            running(10, "web", kind="service"),
        ]
    )
    notices: list[Json] = field(default_factory=lambda: [notice(990)])
    log: list[Json] = field(default_factory=list)
    gone: int = 0
    is_finished: bool = False
    refusals: dict[type, tuple[str, str]] = field(default_factory=dict)
    asked: list[Ask] = field(default_factory=list)

    def answer(self, ask: Ask) -> Message:
        self.asked.append(ask)
        if type(ask) in self.refusals:
            return Refused(ask, *self.refusals[type(ask)])
        try:
            return Answered(ask, self._found(ask))
        except StopIteration:
            return Refused(ask, "unknown", "there is none of that name")

    def _found(self, ask: Ask) -> Any:
        match ask:
            case AskInfo():
                return INFO
            case AskSystem():
                return SYSTEM
            case AskSamples():
                return [
                    {
                        "ts": at((30 - n) * 10 * SECOND),
                        "cpu": n * 3 % 100,
                        "mem": 25,
                        "mem_used": 1,
                        "mem_total": 4,
                    }
                    for n in range(30)
                ]
            case AskTasks():
                return self.tasks
            case AskTask(name):
                return next(each for each in self.tasks if each["name"] == name)
            case AskFirings(name):
                known = next((each for each in self.tasks if each["name"] == name), {})
                first = known.get("next_run_at")
                return [{"at": first, "local": first}, {"at": at(-38 * HOUR), "local": ""}] if first else []
            case AskActive():
                return {"runs": [each for each in self.runs if each["status"] != "ended"]}
            case AskRecent():
                return {"runs": self.runs[:20]}
            case AskRuns(name, before):
                mine = [each for each in self.runs if each["task_name"] == name]
                start = int(before or 0)
                page = {"runs": mine[start : start + 100]}
                return page | ({"next_cursor": str(start + 100)} if len(mine) > start + 100 else {})
            case AskRun(_, wanted):
                return next(each for each in self.runs if each["id"] == wanted)
            case AskNotices():
                unread = sum(not each["is_read"] for each in self.notices)
                start = int(ask.before or 0)
                found: Json = {"notices": self.notices[start : start + 50], "unread_count": unread}
                return found | ({"next_cursor": str(start + 50)} if len(self.notices) > start + 50 else {})
            case AskLog(_, _, first, limit):
                return self.page(first, limit)
            case AskTail():
                return self.page(len(self.log), 1)
            case AskSearch(_, _, text):
                hits = [each for each in self.log[self.gone :] if text.lower() in each["text"].lower()]
                return {"hits": hits, "exhausted": True, "scanned_runs": 1}

    def page(self, first: int, limit: int) -> Json:
        start = max(first - 1, self.gone)
        return {
            "lines": self.log[start : start + limit],
            "first_available": self.gone + 1,
            "total_lines": len(self.log),
            "truncated": False,
            "finalized": self.is_finished,
        }


class Scene:
    """``model`` as it is, and in ``done`` what it wanted done that a daemon does not answer by itself."""

    def __init__(
        self,
        daemon: FakeDaemon | None = None,
        columns: int = 80,
        rows: int = 24,
        *,
        is_unicode: bool = True,
        has_started_daemon: bool = False,
        is_open: bool = True,
    ) -> None:
        self.daemon = daemon or FakeDaemon()
        self.now = Now(NOON, Mono(1_000_000))
        self.done: list[Command] = []
        self.streams: list[Stream] = []
        self.model, commands = begin(
            url="http://127.0.0.1:9477",
            columns=columns,
            rows=rows,
            is_unicode=is_unicode,
            has_colour=True,
            has_started_daemon=has_started_daemon,
            now=self.now,
        )
        self._carry_out(commands)
        if is_open:
            self.tell(Opened(RunsStream()), Opened(NoticesStream()))

    def tell(self, *messages: Message) -> Scene:
        for message in messages:
            self.model, commands = update(self.model, message)
            self._carry_out(commands)
        return self

    def press(self, *keys: str) -> Scene:
        return self.tell(*map(Key, keys))

    def type(self, text: str) -> Scene:
        return self.press(*text)

    def later(self, ms: int) -> Scene:
        self.now = Now(Wall(self.now.wall + ms), Mono(self.now.mono + ms))
        return self.tell(Tick(self.now))

    def stream(self) -> Scene:
        """What the daemon sends of the log that is followed, from where it is followed."""
        stream = self.log_stream
        assert stream is not None, "no log is followed"
        start = len(self.daemon.log) + stream.first if stream.first < 0 else stream.first - 1
        lines = self.daemon.log[max(0, start, self.daemon.gone) :]
        return self.tell(Opened(stream), Came(stream, events("line", *lines)))

    def grow(self, count: int) -> Scene:
        """That many lines more, and whoever follows is told."""
        start = len(self.daemon.log)
        self.daemon.log += [line(n) for n in range(start + 1, start + count + 1)]
        stream = self.log_stream
        return self.tell(Came(stream, events("line", *self.daemon.log[start:]))) if stream else self

    @property
    def log_stream(self) -> LogStream | None:
        return next((each for each in self.streams if isinstance(each, LogStream)), None)

    @property
    def lines(self) -> Sequence[str]:
        return ["".join(text for text, _ in each) for each in view(self.model)]

    @property
    def text(self) -> str:
        return "\n".join(each.rstrip() for each in self.lines)

    @property
    def right(self) -> str:
        """The right half."""
        return "\n".join(each.partition("│")[2].rstrip() for each in self.lines)

    def _carry_out(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case Fetch(ask):
                    self.tell(self.daemon.answer(ask))
                case Follow(stream):
                    assert stream not in self.streams, f"{stream} is followed already"
                    self.streams.append(stream)
                case Unfollow(stream):
                    assert stream in self.streams, f"{stream} is not followed"
                    self.streams.remove(stream)
                case _:
                    self.done.append(command)
