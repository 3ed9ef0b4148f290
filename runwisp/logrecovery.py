"""Where a log stands that another pump was writing when it died.

Reads the files of one run and says what a writer needs to go on in them; changes nothing. Called by
``logwriter``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from runwisp.frozen import frozen
from runwisp.logfile import LOG, PREV, LogFiles
from runwisp.logindex import IndexWriter, placed
from runwisp.logline import Record, Stream
from runwisp.logmeta import Counts, read_note


@dataclass(slots=True)
class Segment:
    """One file of the log, from ``start`` of the log's bytes; ``lines`` of the run itself begin in it."""

    start: int = 0
    first_line: int = 1
    size: int = 0
    lines: int = 0
    index_bytes: int = 0
    inode: int = 0

    @property
    def end(self) -> int:
        return self.start + self.size


@frozen
class Recovered:
    previous: Segment
    segment: Segment
    counts: Counts
    next_line: int
    is_amid_line: bool
    has_log: bool
    is_whole: bool


def recovered(files: LogFiles, run_id: str, index: IndexWriter) -> Recovered | None:
    """None when this run left nothing to go on in; otherwise ``index`` is open. Bytes written since the last
    note are counted as they lie in the file, prefixes and all.

    Raises: OSError.
    """
    note = read_note(files, run_id)
    header = index.resume() if note else None
    if not note or not header:
        return None
    log, prev = _status(files, LOG), _status(files, PREV)
    where = placed(header, log, prev) or header
    previous, segment = Segment(where.prev_start), Segment(where.log_start)
    if prev and where.prev_start < where.log_start:
        previous.size, previous.inode = prev.st_size, prev.st_ino
    if log:
        segment.size, segment.inode = log.st_size, log.st_ino
    records = index.between(where.prev_start, segment.end)
    next_line, is_amid_line = note.next_line, False
    if records:
        is_in_log = records[-1].offset >= where.log_start
        at = records[-1].offset - (where.log_start if is_in_log else where.prev_start)
        tail = _tail(files, LOG if is_in_log else PREV, at)
        is_unfinished = bool(tail) and not tail.endswith(b"\n")
        next_line = records[-1].line + tail.count(b"\n") + is_unfinished
        is_amid_line = is_unfinished and segment.size > 0
    counts = replace(note.counts, bytes=note.counts.bytes + max(0, segment.end - note.offset))
    for record, lines in _regions(records, next_line):
        place = segment if record.offset >= segment.start else previous
        place.first_line = min(place.first_line, record.line) if place.lines else record.line
        place.lines += len(lines)
        counts.lines += len(range(max(lines.start, note.next_line), lines.stop))
    if not segment.lines:
        segment.first_line = next_line
    return Recovered(previous, segment, counts, next_line, is_amid_line, log is not None, note.is_whole)


def _regions(records: list[Record], next_line: int) -> Iterator[tuple[Record, range]]:
    """Every record of the run's own output with the numbers of the lines that begin in its region."""
    ends = [*(record.line for record in records[1:]), next_line]
    for record, end in zip(records, ends, strict=True):
        if record.stream is not Stream.SYSTEM:
            yield record, range(record.line, end)


def _status(files: LogFiles, suffix: str) -> os.stat_result | None:
    try:
        fd = files.open(suffix, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _tail(files: LogFiles, suffix: str, at: int) -> bytes:
    """The bytes of the last region."""
    with os.fdopen(files.open(suffix, os.O_RDONLY), "rb") as file:
        file.seek(at)
        return file.read()
