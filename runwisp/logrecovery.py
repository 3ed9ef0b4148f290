"""Where a log stands that another pump was writing when it died.

Reads the files of one run and says what a writer needs to go on in them; changes nothing. Called by
``logwriter``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from runwisp.clock import Wall
from runwisp.frozen import frozen
from runwisp.logfile import LOG, PREV, LogFiles
from runwisp.logindex import RECORD, Header, IndexWriter, Records, placed
from runwisp.logline import Record, Stream
from runwisp.logmeta import Counts, Note, read_note

PIECE = 1024 * 1024


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
    is_index_right: bool
    is_full: bool
    is_whole: bool


def recovered(files: LogFiles, run_id: str, index: IndexWriter) -> Recovered | None:
    """None when this run left nothing to go on in, or an index that does not tell of its files; otherwise
    ``index`` is open. Bytes written since the last note are counted as they lie in the file, prefixes and
    all.

    Raises: OSError.
    """
    note = read_note(files, run_id)
    header = index.resume() if note else None
    if not note or not header:
        return None
    try:
        return _told(files, note, header, index.records())
    except (ValueError, IndexError, OverflowError):
        index.close()
        return None


def _told(files: LogFiles, note: Note, header: Header, records: Records) -> Recovered:
    """Raises: ValueError when the records are not those of the files; OSError."""
    log, prev = _status(files, LOG), _status(files, PREV)
    where = placed(header, log, prev)
    start, log_start = (where or header).prev_start, (where or header).log_start
    previous, segment = _segment(start, prev if start < log_start else None), _segment(log_start, log)
    older, newer = (records.between(place.start, place.end) for place in (previous, segment))
    # A machine that went down may have kept a new log and not its records.
    is_untold = bool(segment.size and older and not newer)
    _check(previous, older)
    if not is_untold:
        _check(segment, newer)
    end, is_unfinished = _count_lines(files, previous, older, segment, newer, next_line=note.next_line)
    previous.index_bytes, segment.index_bytes = (len(own) * RECORD.size for own in (older, newer))
    since = _own_lines(older, previous.first_line, segment.first_line, note.next_line)
    since += _own_lines(newer, segment.first_line, end, note.next_line)
    # Records beyond what is there tell of lines that somebody cut off: their numbers are not given again.
    next_line = max(end, note.next_line, records[-1].line if records else 1)
    counts = replace(
        note.counts,
        lines=note.counts.lines + since + len(range(max(end, note.next_line), next_line)),
        dropped=note.counts.dropped + next_line - end,
        bytes=note.counts.bytes + max(0, segment.end - note.offset),
    )
    return Recovered(
        previous,
        segment,
        counts,
        next_line,
        is_amid_line=is_unfinished and segment.size > 0,
        has_log=log is not None,
        is_index_right=log is not None and where == header and not is_untold,
        is_full=note.is_full,
        is_whole=note.is_whole,
    )


def _check(place: Segment, own: Records) -> None:
    """Raises: ValueError."""
    if place.size and (not own or own[0].offset != place.start):
        raise ValueError("the first line of a file has no record")


def _segment(start: int, file: os.stat_result | None) -> Segment:
    return Segment(start, size=file.st_size, inode=file.st_ino) if file else Segment(start)


def _count_lines(
    files: LogFiles, previous: Segment, older: Records, segment: Segment, newer: Records, *, next_line: int
) -> tuple[int, bool]:
    """Notes in both files their first line and their lines; gives the number of the line after the last, and
    whether that one is unfinished."""
    end, is_unfinished = next_line, False
    if older:
        end, is_unfinished = _end(files, PREV, older[-1], previous)
    segment.first_line = newer[0].line if newer else end
    if segment.size:
        last = newer[-1] if newer else Record(end, segment.start, Wall(0), Stream.STDOUT)
        end, is_unfinished = _end(files, LOG, last, segment)
    previous.first_line = older[0].line if older else segment.first_line
    previous.lines = _own_lines(older, previous.first_line, segment.first_line)
    segment.lines = _own_lines(newer, segment.first_line, end)
    return end, is_unfinished


def _own_lines(records: Records, begin: int, end: int, first: int = 1) -> int:
    """How many lines of the run itself, from number ``first`` on, are in a file that begins with the line
    ``begin``; ``end`` is the number of the line after its last. Where no record tells, all are."""
    lines = len(range(max(first, begin), end))
    for nth in records.of(Stream.SYSTEM):
        following = records[nth + 1].line if nth + 1 < len(records) else end
        lines -= len(range(max(first, records[nth].line), following))
    return lines


def _status(files: LogFiles, suffix: str) -> os.stat_result | None:
    try:
        fd = files.open(suffix, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _end(files: LogFiles, suffix: str, last: Record, place: Segment) -> tuple[int, bool]:
    """The number of the line after those of the last region, and whether it leaves one unfinished."""
    newlines, tail = 0, b"\n"
    with os.fdopen(files.open(suffix, os.O_RDONLY), "rb", buffering=0) as file:
        file.seek(last.offset - place.start)
        while piece := file.read(PIECE):
            newlines += piece.count(b"\n")
            tail = piece
    is_unfinished = not tail.endswith(b"\n")
    return last.line + newlines + is_unfinished, is_unfinished
