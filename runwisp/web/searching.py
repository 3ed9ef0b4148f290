"""Asking for a search: a process of its own does it, as a regular expression cannot be interrupted.

Called by the route of search, on a worker thread, which waits for it, but not for ever: while a disk does not
answer not even the kernel can end who reads from it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from runwisp.clock import SECOND, Millis, Wall
from runwisp.errors import Fault, Internal, RequestInvalid, SearchBusy, SearchStuck, SearchTooLong
from runwisp.frozen import frozen
from runwisp.helper import start_helper
from runwisp.logline import Stream
from runwisp.logreader import Line
from runwisp.logsearch import Found, Hit, Place, Query

SEARCH = "runwisp.search.main"
WITHIN: Millis = SECOND
PATIENCE = 30 * WITHIN
"""When it ought to have ended itself, whatever happened."""
AT_ONCE = threading.BoundedSemaphore(2)
"""Searches under way: workers must be left for others."""


@frozen
class Errand:
    """``runs``: ids and stems of logs of one task, in the order of the search."""

    logs_dir: str
    task_name: str
    runs: Sequence[tuple[str, str]]
    query: Query
    limit: int
    cursor: Place | None


def searched(errand: Errand) -> Found:
    """Raises: RequestInvalid, SearchTooLong, SearchStuck, SearchBusy."""
    if not AT_ONCE.acquire(blocking=False):
        raise SearchBusy("Two other searches are under way.", "Try again in a moment.")
    content = _sent(_spelled(errand))
    if "fault" in content:
        raise RequestInvalid("q is no regular expression.", [Fault("q", content["fault"])])
    return _found(content)


def _sent(asked: bytes) -> dict[str, Any]:
    pid, sock = _started()
    try:
        with sock:
            answer = _exchanged(sock, asked)
    except BaseException:
        # Its place is taken for as long as it lives, or a disk that hangs would gather processes.
        threading.Thread(target=_end_of, args=(pid,), daemon=True).start()
        raise
    status = _end_of(pid)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        raise _stuck()
    if os.WIFSIGNALED(status):
        raise SearchTooLong(
            "This regular expression takes for ever on one of the lines.",
            "One repetition inside another, as in (a+)+, is what makes it so; search for plain text.",
        )
    if status or not answer:
        raise Internal("The search failed.", "The daemon's log says more; please report it.")
    result: dict[str, Any] = json.loads(answer)
    return result


def _started() -> tuple[int, socket.socket]:
    """The process, and our end of what it reads and answers."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with theirs:
            return start_helper(SEARCH, theirs.fileno(), os.environ, needs_packages=False), ours
    except BaseException:
        ours.close()
        AT_ONCE.release()
        raise


def _end_of(pid: int) -> int:
    """How a search ended, once it has, which makes room for another."""
    try:
        return os.waitpid(pid, 0)[1]
    finally:
        AT_ONCE.release()


def _stuck() -> SearchStuck:
    return SearchStuck(
        "The search got nowhere: the disk does not give the logs in time, or the machine is too busy.",
        "Try again; see how busy it is, and whether the kernel's log (dmesg) tells of the disk.",
    )


def _exchanged(sock: socket.socket, asked: bytes) -> bytes:
    """What comes back until the other end closes; nothing from one that died, whose status tells why.

    Raises: SearchStuck.
    """
    sock.settimeout(PATIENCE / SECOND)
    pieces = []
    try:
        sock.sendall(asked)
        sock.shutdown(socket.SHUT_WR)
        while piece := sock.recv(256 * 1024):
            pieces.append(piece)
    except (BrokenPipeError, ConnectionResetError):
        return b""
    except TimeoutError as error:
        raise _stuck() from error
    return b"".join(pieces)


def _spelled(errand: Errand) -> bytes:
    query = errand.query
    asked = {
        "logs_dir": errand.logs_dir,
        "task_name": errand.task_name,
        "runs": errand.runs,
        "pattern": query.pattern,
        "is_regex": query.is_regex,
        "is_case_ignored": query.is_case_ignored,
        "stream": query.stream,
        "limit": errand.limit,
        "within": WITHIN,
        "cursor": (errand.cursor.run_id, errand.cursor.line) if errand.cursor else None,
    }
    return json.dumps(asked).encode()


def _found(content: Mapping[str, Any]) -> Found:
    hits = tuple(Hit(hit["run_id"], _line(hit["line"])) for hit in content["hits"])
    cursor = content["cursor"]
    return Found(hits, Place(**cursor) if cursor else None, content["scanned_runs"])


def _line(fields: Mapping[str, Any]) -> Line:
    return Line(**{**fields, "at": Wall(fields["at"]), "stream": Stream(fields["stream"])})
