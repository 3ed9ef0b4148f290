"""Search in the logs of runs, one after the other, as far as time allows.

Reads only, region by region, so that memory stays small whatever the size of a log. Called by the command
line and the web.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import dropwhile

from runwisp.errors import LogUnavailable, UsageError
from runwisp.frozen import frozen
from runwisp.logfile import LogFiles
from runwisp.logline import Stream
from runwisp.logreader import Line, LogReader, Region

BYTES_A_LOOK = 1024 * 1024
"""Between two looks at the clock."""
BYTES_A_REGION = 512
"""What a region counts beside its bytes, also one of a stream that is not searched."""


@frozen
class Query:
    """``stream`` None: all of them. Case counts unless ``is_case_ignored``."""

    pattern: str
    is_regex: bool = False
    is_case_ignored: bool = False
    stream: Stream | None = None


@frozen
class Place:
    """Where a search stands: in which run, and the first line that is not searched yet."""

    run_id: str
    line: int


@frozen
class Hit:
    run_id: str
    line: Line


@frozen
class Found:
    """``cursor`` is where to go on, None when everything was searched."""

    hits: tuple[Hit, ...]
    cursor: Place | None
    scanned_runs: int


def search(
    runs: Sequence[tuple[str, LogFiles]],
    query: Query,
    *,
    limit: int,
    is_late: Callable[[], bool],
    cursor: Place | None = None,
) -> Found:
    """``runs`` in the order of the search, newest first; within a run from its first line on.

    Ends at ``limit`` hits, or when ``is_late`` says so; it is asked about once a megabyte. Runs whose logs
    are gone are passed over. A cursor whose run is not among them any more has nothing left.

    Raises: UsageError for a pattern that is no regular expression.
    """
    matcher = Matcher(query)
    hits: list[Hit] = []
    scanned = 0
    for run_id, files in _from(runs, cursor):
        if scanned and is_late():
            return Found(tuple(hits), Place(run_id, 1), scanned)
        first = cursor.line if cursor and cursor.run_id == run_id else 1
        scanned += 1
        for found in _walk(files, matcher, first):
            if isinstance(found, Line):
                hits.append(Hit(run_id, found))
                if len(hits) == limit:
                    return Found(tuple(hits), Place(run_id, found.n + 1), scanned)
            elif is_late():
                return Found(tuple(hits), Place(run_id, found), scanned)
    return Found(tuple(hits), None, scanned)


class Matcher:
    """Says which lines a query means, and cheaply of most regions that they hold none."""

    def __init__(self, query: Query) -> None:
        self.stream = query.stream
        text = query.pattern if query.is_regex else re.escape(query.pattern)
        try:
            self._expression = re.compile(text, re.IGNORECASE if query.is_case_ignored else 0)
        except re.error as error:
            raise UsageError(
                f"not a regular expression: {error}", "Search for plain text instead."
            ) from error
        is_plain = not query.is_regex and not query.is_case_ignored and "\ufffd" not in query.pattern
        self._needle = query.pattern.encode(errors="replace") if is_plain else b""

    def lines(self, region: Region, first: int) -> Iterator[Line]:
        """The lines that are meant, from number ``first`` on."""
        if region.data and self._needle in region.data:
            yield from region.lines(first, self._expression.search)


def _from(runs: Sequence[tuple[str, LogFiles]], cursor: Place | None) -> Iterator[tuple[str, LogFiles]]:
    if cursor is None:
        yield from runs
    else:
        yield from dropwhile(lambda run: run[0] != cursor.run_id, runs)


def _walk(files: LogFiles, matcher: Matcher, first: int) -> Iterator[Line | int]:
    """Hits, and now and then the number of the line from which on nothing is searched yet."""
    with suppress(LogUnavailable), LogReader(files) as reader:
        left = BYTES_A_LOOK
        for region in reader.regions(first, matcher.stream):
            if left <= 0:
                yield max(first, region.record.line)
                left = BYTES_A_LOOK
            yield from matcher.lines(region, first)
            left -= BYTES_A_REGION + len(region.data)
