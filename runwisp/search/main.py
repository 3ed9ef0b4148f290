"""A search in logs, in a process of its own: nobody can interrupt a regular expression that takes for ever.

So the kernel ends it, by the processor time it used or, where a disk does not answer, by the time that
passed. Started by web for one search: reads what is to be searched from descriptor 3 to its end, writes what
was found there, and ends. Loads nothing from outside the standard library, no database and no network.
"""

from __future__ import annotations

import json
import resource
import signal
import socket
from dataclasses import asdict
from typing import Any

from runwisp import host
from runwisp.clock import SECOND, after
from runwisp.errors import UsageError
from runwisp.logfile import LogFiles
from runwisp.logline import Stream
from runwisp.logsearch import Place, Query, search

CPU_SECONDS = 2
"""More than a search needs that looks at the clock."""
OVERTIME = 25
"""After so many times the time it was given, it waits for something that does not come. As often as a busy
machine may let it wait for its share of the processor."""


def main(fd: int) -> None:
    host.take_command_name()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    with socket.socket(fileno=fd) as sock, sock.makefile("rwb") as file:
        file.write(json.dumps(found(json.load(file))).encode())


def found(asked: dict[str, Any]) -> dict[str, Any]:
    """Both as JSON: see ``web.searching``."""
    runs = [(run_id, LogFiles(asked["logs_dir"], asked["task_name"], stem)) for run_id, stem in asked["runs"]]
    stream = None if asked["stream"] is None else Stream(asked["stream"])
    query = Query(asked["pattern"], asked["is_regex"], asked["is_case_ignored"], stream)
    cursor = Place(*asked["cursor"]) if asked["cursor"] else None
    signal.setitimer(signal.ITIMER_REAL, OVERTIME * asked["within"] / SECOND)
    until = after(host.now().mono, asked["within"])
    try:
        result = search(
            runs, query, limit=asked["limit"], is_late=lambda: host.now().mono >= until, cursor=cursor
        )
    except UsageError as error:
        return {"fault": error.message}
    return asdict(result)
