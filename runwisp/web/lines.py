"""Lines of logs as the API shows them.

Pure. Called by the routes of logs and by ``feeds.tail``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal

from runwisp.clock import Wall, rfc3339
from runwisp.frozen import frozen
from runwisp.logline import Stream
from runwisp.logreader import Line, Page

StreamName = Literal["stdout", "stderr", "system"]
NAMES: dict[Stream, StreamName] = {
    Stream.STDOUT: "stdout",
    Stream.STDERR: "stderr",
    Stream.SYSTEM: "system",
}
STREAMS = {name: stream for stream, name in NAMES.items()}


@frozen(kw_only=True)
class LineRecord:
    """A line of a log. What is no UTF-8 in `text` is replaced. `continued`: it goes on with the one before of
    its stream. `open`, where it is there: its end has not come yet.
    """

    n: int
    ts: Wall
    stream: StreamName
    text: str
    continued: bool
    open: bool | None = None


@frozen(kw_only=True)
class LogPage:
    """`first_available` is the oldest line that is kept, `total_lines` the number of the last. `truncated`:
    fewer lines than asked for, as they are long; go on after the last. `finalized`: the log is complete.
    """

    lines: tuple[LineRecord, ...]
    first_available: int
    total_lines: int
    truncated: bool
    finalized: bool


EMPTY = Page((), 1, 0, is_truncated=False, is_finalized=False)


def line_record(line: Line) -> LineRecord:
    return LineRecord(
        n=line.n,
        ts=line.at,
        stream=NAMES[line.stream],
        text=line.text,
        continued=line.is_continued,
        open=line.is_open or None,
    )


def line_events(lines: Iterable[Line]) -> list[bytes]:
    """Each as a server-sent event ``line`` with its number for an id. The JSON of its record is made by hand,
    as there may be a hundred thousand in a second."""
    spelled = json.encoder.encode_basestring
    ends = {
        stream: (f'","stream":"{name}","text":', ',"continued":false}\n\n', ',"continued":true}\n\n')
        for stream, name in NAMES.items()
    }
    at, ts = None, ""
    events = []
    for line in lines:
        if line.at != at:
            at, ts = line.at, rfc3339(line.at)
        middle, whole, continued = ends[line.stream]
        tail = continued if line.is_continued else whole
        text = f'id: {line.n}\nevent: line\ndata: {{"n":{line.n},"ts":"{ts}{middle}{spelled(line.text)}{tail}'
        events.append(text.encode())
    return events
