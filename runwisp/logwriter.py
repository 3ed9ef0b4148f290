"""The log of one run, being written: output in, files and index out, caps held, losses counted and marked.

Owns the run's files while it runs, and never raises for what a disk does: output that cannot be kept is
counted, and a line in the log says so as soon as one can be written. Called by the pump.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from enum import StrEnum

from runwisp.clock import Wall
from runwisp.errors import IllegalMove
from runwisp.linebook import LineBook
from runwisp.logfile import LOG, PREV, LogFiles, write_all
from runwisp.logindex import RECORD, Header, IndexWriter
from runwisp.logline import LINE_MAX, Record, Stream, prefixed, system_line
from runwisp.logmeta import Counts, Note, read_note, write_note
from runwisp.logrecovery import Segment, recovered
from runwisp.run import LogTotals
from runwisp.task import LogOnFull

LEAST_CAP = 1024
"""A cap below this counts as this much: there must be room for the line that tells of it."""
SYSTEM_ROOM = 4096
"""Of each file at most, kept free for the daemon's own lines."""
DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
DISK_LOW = "Log output stopped: disk space critically low"


class LogState(StrEnum):
    OPEN = "open"
    FULL = "full"
    STOPPED = "stopped"
    CLOSED = "closed"


MOVES = {
    LogState.OPEN: frozenset({LogState.FULL, LogState.STOPPED, LogState.CLOSED}),
    LogState.FULL: frozenset({LogState.CLOSED}),
    LogState.STOPPED: frozenset({LogState.OPEN, LogState.CLOSED}),
    LogState.CLOSED: frozenset[LogState](),
}


class LogWriter:
    """``run_id`` makes the name longer where the ``stem`` is taken. ``meta``: the JSON object for .log.meta.

    ``cap``: bytes of both files together, 0 for none. The index stays below that as well; it is 0.05 % as a
    rule, and grows where the streams alternate line by line.
    """

    def __init__(
        self,
        files: LogFiles,
        *,
        run_id: str,
        cap: int,
        on_full: LogOnFull,
        meta: str,
        line_max: int = LINE_MAX,
    ) -> None:
        self.files = files
        self.state = LogState.OPEN
        self.counts = Counts()
        self.is_disk_low = False
        """Whether it is for want of disk that the log is or was last STOPPED."""
        self._run_id = run_id
        self._on_full = on_full
        self._meta = meta
        self._cap = max(cap, LEAST_CAP) if cap else 0
        self._segment_max = self._cap // 2 if on_full is LogOnFull.DROP_OLD else self._cap
        self._output_max = self._segment_max - min(SYSTEM_ROOM, self._segment_max // 4)
        self._book = LineBook(min(line_max, self._segment_max // 2) if cap else line_max)
        self._fd = -1
        self._index = IndexWriter(files)
        self._previous = Segment()
        self._segment = Segment()
        self._has_name = False
        self._has_file = False
        self._is_index_stale = True
        self._is_header_stale = False
        self._owed = ""
        """A line that tells of a loss, still to be written."""
        self._dropped_before = 0
        self._counted_to = 0
        """The offset up to which ``counts.bytes`` are counted."""

    @property
    def is_overflowed(self) -> bool:
        """Whether the cap was reached that ends the run."""
        return self.state is LogState.FULL and self._on_full is LogOnFull.KILL_TASK

    @property
    def is_parked(self) -> bool:
        """Whether no descriptors are held; the next write opens them."""
        return self._fd < 0

    def write(self, stream: Stream, data: bytes | bytearray, start: int, end: int, now: Wall) -> None:
        """Takes ``data[start:end]`` as the run printed it; bytes after its last newline leave a line open."""
        size = end - start
        if self.state is LogState.OPEN:
            self._pay(now)
            self._begin(stream, now)
        if stream is not Stream.STDOUT:
            data = prefixed(stream, bytes(memoryview(data)[start:end]), not self._book.goes_on(stream))
            start, end = 0, len(data)
        while start < end and self.state is LogState.OPEN:
            start = self._write_some(stream, data, start, end, now)
        if start < end:
            lines = self._book.lose(stream, data, start, end)
            self.counts.lines += lines
            self.counts.dropped += lines
            self._pay(now)
        self.counts.bytes += size
        self._counted_to = self._segment.end

    def system(self, text: str, now: Wall) -> None:
        """A line of the daemon's own; one that cannot be written is counted as dropped."""
        self._pay(now)
        if not self._say(text, now):
            self.counts.lines += 1
            self.counts.dropped += 1
            self._pay(now)

    def stop(self, now: Wall) -> None:
        """The disk is nearly full: from here on output is counted and not kept."""
        if self.state is LogState.OPEN:
            self._halt(DISK_LOW, is_disk_low=True)
            self._pay(now)

    def resume(self, now: Wall) -> None:
        """Goes on after a stop, if the disk takes the line that says so."""
        if self.state is not LogState.STOPPED:
            return
        self._pay(now)
        if not self._owed and self._say(f"Log output resumed: {self._lost()} lines were dropped", now):
            self._move(LogState.OPEN)
            self._note()

    def take_up(self, now: Wall) -> None:
        """Before anything else: goes on in the files that a former writer of this run left."""
        try:
            found = recovered(self.files, self._run_id, self._index)
        except OSError as error:
            self._fail(error)
            return
        if not found or not found.is_whole:
            self._owed = "Log capture was interrupted: up to a block of output may be missing here"
        if found:
            self._has_name, self._has_file = True, found.has_log
            self._previous, self._segment, self.counts = found.previous, found.segment, found.counts
            self._book.next_line, self._book.is_amid_line = found.next_line, found.is_amid_line
            self._counted_to = found.segment.end
            self._pay(now)

    def final_totals(self) -> LogTotals | None:
        """The totals of a log that a former writer of this run finished."""
        note = read_note(self.files, self._run_id)
        return note.totals if note and note.is_final else None

    def leave(self) -> None:
        """Stops where it is; whoever takes the log up misses nothing."""
        self.park()
        if self._has_name:
            self._note(is_whole=True)

    def park(self) -> None:
        """Gives the descriptors back."""
        self._close_log()
        self._index.close()

    def finish(self, meta: str, now: Wall) -> LogTotals:
        """The run is over: says what was lost in all, completes .log.meta and closes."""
        self._meta = meta
        if words := self._last_words():
            self._pay(now)
            self._say(words, now)
        self.park()
        self._move(LogState.CLOSED)
        return self._note(is_final=True) if self._has_name else self.counts.totals(0)

    def _write_some(self, stream: Stream, data: bytes | bytearray, start: int, end: int, now: Wall) -> int:
        """Writes what goes into the present file, or makes room; gives where it got to."""
        if not self._is_ready(now):
            return start
        self._pay(now)
        room = self._room() if self._cap else end - start
        plan = self._book.plan(stream, data, start, end, room=room, offset=self._segment.end, now=now)
        if plan.stop == start:
            self._overflow()
        elif self._put(plan.records, memoryview(data)[start : plan.stop]):
            self._book.take(plan)
            self.counts.lines += plan.begun
            self._segment.lines += plan.begun
        else:
            return start
        return plan.stop

    def _room(self) -> int:
        if self._segment.index_bytes >= self._segment_max:
            return 0
        return max(0, self._output_max - self._segment.size)

    def _say(self, text: str, now: Wall) -> bool:
        """Writes a system line whatever the state; False when it cannot be."""
        line = system_line(text)
        if self._cap and len(line) > self._segment_max // 2:
            line = line[: self._segment_max // 2] + b"\n"
        if not self._begin(Stream.SYSTEM, now):
            return False
        if self._cap and self._segment.size + len(line) > self._segment_max:
            if self._on_full is not LogOnFull.DROP_OLD:
                return False
            if not self._rotate() or not self._is_ready(now):
                return False
        size = len(line)
        plan = self._book.plan(Stream.SYSTEM, line, 0, size, room=size, offset=self._segment.end, now=now)
        if not self._put(plan.records, line):
            return False
        self._book.take(plan)
        return True

    def _pay(self, now: Wall) -> None:
        """Writes the line that is owed, if that can be done now."""
        if self._owed:
            owed, self._owed = self._owed, ""
            if not self._say(owed, now):
                self._owed = self._owed or owed

    def _begin(self, stream: Stream, now: Wall) -> bool:
        """Sees to it that bytes of this stream may come next."""
        if not self._is_ready(now):
            return False
        if self._book.needs_newline(stream):
            if not self._put((), b"\n"):
                return False
            self._book.interrupt()
        return True

    def _put(self, records: Sequence[Record], block: bytes | memoryview) -> bool:
        """Index first, then the log. What a failure leaves half written is cut off by the next one."""
        try:
            self._index.append(records)
            try:
                write_all(self._fd, block)
            except OSError:
                self._index.retract(records)
                raise
        except OSError as error:
            self._fail(error)
            return False
        self._segment.size += len(block)
        self._segment.index_bytes += len(records) * RECORD.size
        return True

    def _overflow(self) -> None:
        match self._on_full:
            case LogOnFull.DROP_OLD:
                self._rotate()
            case LogOnFull.DROP_NEW:
                self._fill("further output is counted and not kept")
            case LogOnFull.KILL_TASK:
                self._fill("the task is stopped, further output is not kept")

    def _fill(self, consequence: str) -> None:
        self._move(LogState.FULL)
        self._dropped_before = self.counts.dropped
        self._owed = f"{self._cap_reached()}: {consequence}"

    def _rotate(self) -> bool:
        try:
            self.files.supersede(PREV, by=LOG)
        except OSError as error:
            self._fail(error)
            return False
        self.counts.dropped += self._previous.lines
        self.counts.outdated += self._previous.lines
        self.counts.rotations += 1
        self._previous = self._segment
        self._begin_segment()
        if self.counts.outdated:
            self._owed = f"{self._cap_reached()}: the oldest {self.counts.outdated} lines were dropped so far"
        return True

    def _lose_segment(self) -> None:
        """The file was removed or cut short by somebody else: goes on in a new one."""
        lost = self._segment.lines
        self.counts.dropped += lost
        self._owed = f"The log file was removed or cut short by somebody else: {lost} lines were lost"
        self._begin_segment()

    def _begin_segment(self) -> None:
        self._close_log()
        self._has_file = False
        self._is_header_stale = True
        self._segment = Segment(start=self._segment.end, first_line=self._book.next_line)
        self._book.begin_file()

    def _is_ready(self, now: Wall) -> bool:
        """Has the files open, and true to what was written so far."""
        try:
            if self._fd < 0:
                self._open_log()
            status = os.fstat(self._fd)
            if status.st_nlink == 0 or status.st_size < self._segment.size:
                self._lose_segment()
                self._open_log()
            elif status.st_size > self._segment.size:
                os.ftruncate(self._fd, self._segment.size)
            if self._is_index_stale or not self._index.is_intact():
                self._start_index(now)
            elif self._is_header_stale:
                self._rotate_index(now)
        except OSError as error:
            self._fail(error)
            return False
        return True

    def _open_log(self) -> None:
        if self._has_file:
            try:
                self._fd = self.files.open(LOG, os.O_WRONLY | os.O_APPEND)
            except FileNotFoundError:
                self._lose_segment()
            else:
                self._index.resume()
                return
        if self._has_name:
            self._fd = self.files.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC)
        else:
            self._claim_name()
        self._has_file = True
        self._segment.inode = os.fstat(self._fd).st_ino

    def _claim_name(self) -> None:
        """Makes the first file, below a longer stem where another run's is in the way."""
        for files in self.files.alternatives(self._run_id):
            try:
                self._fd = files.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                continue
            self.files, self._index, self._has_name = files, IndexWriter(files), True
            self._note()
            return
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.files.stem)

    def _close_log(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _start_index(self, now: Wall) -> None:
        """Writes the index anew, for the files as they are now."""
        kept: list[Record] = []
        for segment in (self._previous, self._segment):
            if segment.size:
                records = self._index.between(segment.start, segment.end)
                if not records or records[0].offset != segment.start:
                    records.insert(0, Record(segment.first_line, segment.start, now, Stream.STDOUT))
                kept += records
        self._index.start(self._header(), kept)
        self._is_index_stale = self._is_header_stale = False
        self._note()

    def _rotate_index(self, now: Wall) -> None:
        if not self._index.rotate(self._header()):
            self._start_index(now)
        self._is_header_stale = False
        self._note()

    def _header(self) -> Header:
        previous, segment = self._previous, self._segment
        start = previous.start if previous.size else segment.start
        return Header(start, segment.start, previous.inode if previous.size else 0, segment.inode)

    def _note(self, *, is_final: bool = False, is_whole: bool = False) -> LogTotals:
        note = Note(
            counts=self.counts,
            next_line=self._book.next_line,
            offset=self._counted_to,
            is_whole=is_whole or is_final,
            is_final=is_final,
        )
        return write_note(self.files, self._meta, note)

    def _lost(self) -> int:
        """Lines dropped since the log stopped or was full."""
        return self.counts.dropped - self._dropped_before

    def _last_words(self) -> str:
        match self.state:
            case LogState.FULL:
                return f"{self._cap_reached()}: {self._lost()} lines were dropped in all"
            case LogState.STOPPED:
                return f"Log output ended: {self._lost()} lines were dropped"
        if self.counts.outdated:
            return f"{self._cap_reached()}: the oldest {self.counts.outdated} lines were dropped in all"
        return ""

    def _cap_reached(self) -> str:
        return f"Log cap of {self._cap} bytes reached (log_max_size)"

    def _fail(self, error: OSError) -> None:
        if self.state is LogState.OPEN:
            is_disk_low = error.errno in DISK_TROUBLE
            reason = DISK_LOW if is_disk_low else f"Log output stopped: {error.strerror}"
            self._halt(reason, is_disk_low=is_disk_low)

    def _halt(self, reason: str, *, is_disk_low: bool) -> None:
        self._move(LogState.STOPPED)
        self.is_disk_low = is_disk_low
        self._dropped_before = self.counts.dropped
        self._owed = reason

    def _move(self, state: LogState) -> None:
        if state not in MOVES[self.state]:
            raise IllegalMove(f"a log cannot go from {self.state} to {state}")
        self.state = state
