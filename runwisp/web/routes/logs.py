"""The logs of runs: pages, the raw text, lines as they come, and search.

Called through the table.
"""

from __future__ import annotations

import json
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from io import FileIO
from typing import Annotated

from runwisp.clock import Wall
from runwisp.errors import Fault, RequestInvalid, UnknownCursor
from runwisp.frozen import frozen
from runwisp.logfile import LogFiles
from runwisp.logsearch import Found, Place
from runwisp.logsearch import Query as LogQuery
from runwisp.run import Phase, Run
from runwisp.runlist import Cursor, read, spelled
from runwisp.runlist import Query as RunQuery
from runwisp.web.feed import Feed
from runwisp.web.feeds import events, text
from runwisp.web.feeds.tail import Anchor, opened
from runwisp.web.feeds.text import Part, TextFeed
from runwisp.web.lines import EMPTY, NAMES, STREAMS, LineRecord, LogPage, StreamName, line_record
from runwisp.web.routes.runs import found as found_run
from runwisp.web.routes.runs import run_named, task_named
from runwisp.web.routes.streams import last_event_id
from runwisp.web.routing import Reply, Request, Route
from runwisp.web.schema import Range, Text
from runwisp.web.searching import Errand, searched
from runwisp.web.site import Site

RUNS_A_SEARCH = 200
HITS_A_SEARCH = 200
LINE_NUMBER = re.compile(r"\d{1,15}", re.ASCII)
UNSAFE = re.compile(r"[^A-Za-z0-9._-]")

Listed = tuple[Run, str]
"""A run, and the cursor with which the list of runs goes on after it."""


@frozen(kw_only=True)
class PageQuery:
    """`from` is the number of the first line, or how many from the end if it is negative."""

    from_: int = -1000
    limit: Annotated[int, Range(1, 10_000)] = 1000


@frozen(kw_only=True)
class StreamQuery:
    """`from` is the number of the first line, or how many from the end if it is negative. Of the lines that
    are there already at most the last `replay_limit` are sent. The header `Last-Event-ID` takes a stream up
    after that line, whatever else is said.
    """

    from_: int = -1000
    replay_limit: Annotated[int | None, Range(0, 1_000_000_000)] = None


@frozen(kw_only=True)
class SearchQuery:
    """`q` is plain text, or with `regex` a regular expression of Python. `stream` searches one only, and
    `run_id` in one run only. `cursor` is the `next_cursor` of the same search.
    """

    q: Annotated[str, Text(1, 500)]
    regex: bool = False
    ignore_case: bool = False
    stream: StreamName | None = None
    run_id: Annotated[str | None, Text(26, 26)] = None
    cursor: Annotated[str | None, Text(1, 1000)] = None


@frozen(kw_only=True)
class HitRecord:
    """A line that was found."""

    run_id: str
    n: int
    stream: StreamName
    text: str
    ts: Wall


@frozen(kw_only=True)
class SearchPage:
    """Newest run first, each from its first line on. While not `exhausted`, the search goes on with
    `next_cursor`, also after a page without hits. `scanned_runs` is of this page.
    """

    hits: tuple[HitRecord, ...]
    exhausted: bool
    next_cursor: str | None
    scanned_runs: int


def page(site: Site, request: Request) -> LogPage:
    query: PageQuery = request.query
    run = found_run(site, request)
    reader = opened(run, files_of(site, run))
    found = EMPTY
    if reader:
        with reader:
            found = reader.page(query.from_ or 1, query.limit)
    return LogPage(
        lines=tuple(map(line_record, found.lines)),
        first_available=found.first_available,
        total_lines=found.total_lines,
        truncated=found.is_truncated,
        finalized=found.is_finalized or run.phase is Phase.ENDED,
    )


def raw(site: Site, request: Request) -> Reply:
    run = found_run(site, request)
    parts, start = _parts(run, files_of(site, run))
    size = sum(part.size for part in parts)
    name = UNSAFE.sub("_", f"{run.task_name}_{run.log_stem}")
    tag = f'"{run.id}-{start}"'
    headers = [
        ("Content-Disposition", f'attachment; filename="{name}.log"'),
        ("Accept-Ranges", "bytes"),
        ("ETag", tag),
    ]
    part = None
    if request.headers.get("if-range", tag) == tag:
        part = text.asked(request.headers.get("range", ""), size)
    first, end = part or (0, size)
    if part:
        headers.append(("Content-Range", f"bytes {first}-{end - 1}/{size}"))
    headers.append(("Content-Length", str(end - first)))
    feed = TextFeed(text.cut(parts, first, end), tuple(headers))
    return Reply(feed, status=206 if part else None)


def stream(site: Site, request: Request) -> Feed:
    query: StreamQuery = request.query
    run = found_run(site, request)
    if reader := opened(run, files_of(site, run)):  # says here, with a status, when it is gone
        reader.close()
    resumed = last_event_id(request)
    if resumed and not LINE_NUMBER.fullmatch(resumed):
        fault = Fault("Last-Event-ID", "must be the number of a line")
        raise RequestInvalid("Last-Event-ID is not one of this stream.", [fault])
    after = int(resumed) if resumed else None
    return site.live.log_of(run.id, Anchor(query.from_ or 1, after, query.replay_limit))


def search(site: Site, request: Request) -> SearchPage:
    query: SearchQuery = request.query
    name = task_named(site, request)
    after, place = _read_cursor(query.cursor)
    if query.run_id:
        runs, following = [(run_named(site, name, query.run_id), "")], ""
    else:
        runs, following = _runs_left(site, name, after, place)
    errand = Errand(
        f"{site.briefing.data_dir}/logs",
        name,
        [(run.id, run.log_stem) for run, _ in runs],
        LogQuery(query.q, query.regex, query.ignore_case, STREAMS[query.stream] if query.stream else None),
        HITS_A_SEARCH,
        place if place and runs and runs[0][0].id == place.run_id else None,
    )
    found = searched(errand)
    return _search_page(found, _next_cursor(found.cursor, runs, following))


def _runs_left(site: Site, task_name: str, after: str, place: Place | None) -> tuple[list[Listed], str]:
    """The runs that one search goes through, newest first, and where the list goes on after them. What is
    deleted or recorded between two searches moves no other run."""
    listed = RunQuery(task_name=task_name, limit=RUNS_A_SEARCH)
    page = site.history.page(replace(listed, cursor=read(after, listed) if after else None))
    runs = [(run, spelled(Cursor(key), listed)) for run, key in zip(page.runs, page.keys, strict=True)]
    begun = site.history.run(place.run_id) if place else None
    if begun and begun.task_name == task_name:
        runs.insert(0, (begun, after))
    return runs, spelled(page.cursor, listed) if page.cursor else ""


def _search_page(found: Found, next_cursor: str | None) -> SearchPage:
    hits = (
        HitRecord(
            run_id=hit.run_id,
            n=hit.line.n,
            stream=NAMES[hit.line.stream],
            text=hit.line.text,
            ts=hit.line.at,
        )
        for hit in found.hits
    )
    return SearchPage(
        hits=tuple(hits),
        exhausted=next_cursor is None,
        next_cursor=next_cursor,
        scanned_runs=found.scanned_runs,
    )


def _next_cursor(place: Place | None, runs: Sequence[Listed], following: str) -> str | None:
    if place:
        after = next(after for run, after in runs if run.id == place.run_id)
        content = [after, place.run_id, place.line]
    elif following:
        content = [following, "", 1]
    else:
        return None
    return urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> tuple[str, Place | None]:
    """Where the list of runs goes on, and where the search does in the run before, if that is not done.

    Raises: UnknownCursor.
    """
    if cursor is None:
        return "", None
    try:
        after, run_id, line = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        after = run_id = line = None
    is_place = isinstance(run_id, str) and run_id.isascii() and type(line) is int and 0 < line < 2**53
    if not (isinstance(after, str) and is_place):
        raise UnknownCursor(
            "this is no cursor that a page of a search ended with.", "Begin again without it."
        )
    return after, Place(run_id, line) if run_id else None


def _parts(run: Run, files: LogFiles) -> tuple[list[Part], int]:
    """The text as it is now, and how many bytes were dropped before it."""
    reader = opened(run, files)
    if reader is None:
        return [], 0
    with reader:
        parts = [Part(FileIO(os.dup(fd)), 0, size) for fd, size in reader.segments()]
        return parts, reader.start


def files_of(site: Site, run: Run) -> LogFiles:
    return LogFiles(f"{site.briefing.data_dir}/logs", run.task_name, run.log_stem)


LOG = "/api/tasks/{name}/runs/{id}/log"
ROUTES = (
    Route(
        method="GET",
        path=LOG,
        handler=page,
        summary="A page of the log of a run.",
        query=PageQuery,
        result=LogPage,
        refusals=(404, 503),
    ),
    Route(
        method="GET",
        path=f"{LOG}/raw",
        handler=raw,
        summary="The text of the log as it lies on disk, all that is kept, or the bytes of a Range.",
        result=str,
        media=text.MEDIA,
        refusals=(404, 416, 503),
        other_statuses=(206,),
    ),
    Route(
        method="GET",
        path=f"{LOG}/stream",
        handler=stream,
        summary="The log of a run, then what comes: `line`, once it is finished, its number for an id; "
        "`rotated` with `first_available`, when old lines were dropped from the log; `dropped` with the "
        "`count` of lines that are left out, as they are gone or the reader does not keep up; `done` with "
        "the run, when it has ended and nothing comes any more.",
        query=StreamQuery,
        result=LineRecord,
        media=events.MEDIA,
        refusals=(404, 503),
    ),
    Route(
        method="GET",
        path="/api/tasks/{name}/log/search",
        handler=search,
        summary="Search the logs of a task's runs, as far as a second allows.",
        query=SearchQuery,
        result=SearchPage,
        refusals=(404, 503),
    ),
)
