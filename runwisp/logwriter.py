"""The log of one run, being written: output in, files and index out, caps held, losses counted and marked.

Owns the run's files while it runs, and never raises for what a disk does: output that cannot be kept is
counted, and a line in the log says so as soon as one can be written. Called by the pump.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from enum import StrEnum

from runwisp.clock import Wall
from runwisp.linebook import LineBook
from runwisp.logcap import LogOnFull, LogTotals
from runwisp.logfile import LogFiles
from runwisp.logline import LINE_MAX, Record, Stream, prefixed, system_line
from runwisp.logmeta import Counts, Note, read_note, write_note
from runwisp.logrecovery import Segment
from runwisp.logsegments import Segments
from runwisp.states import moved

LEAST_CAP = 1024
"""A cap below this counts as this much: there must be room for the line that tells of it."""
SYSTEM_ROOM = 4096
"""Of each file at most, kept free for the daemon's own lines."""
DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
DISK_LOW = "disk space critically low"
INTERRUPTED = "Log capture was interrupted: up to a block of output may be missing here"


class LogState(StrEnum):
    OPEN = "open"
    FULL = "full"
    STOPPED = "stopped"
    CLOSED = "closed"


MOVES = {
    LogState.OPEN: frozenset({LogState.FULL, LogState.STOPPED, LogState.CLOSED}),
    LogState.FULL: frozenset({LogState.CLOSED}),
    LogState.STOPPED: frozenset({LogState.OPEN, LogState.FULL, LogState.CLOSED}),
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
        self.state = LogState.OPEN
        self.counts = Counts()
        self.stopped_by = ""
        """Why the log is or was last STOPPED, or was given up."""
        self._run_id = run_id
        self._on_full = on_full
        self._meta = meta
        self._cap = max(cap, LEAST_CAP) if cap else 0
        self._segment_max = self._cap // 2 if on_full is LogOnFull.DROP_OLD else self._cap
        self._output_max = self._segment_max - min(SYSTEM_ROOM, self._segment_max // 4)
        self._book = LineBook(min(line_max, self._segment_max // 2) if cap else line_max)
        self._segments = Segments(files, run_id)
        self._noted_generation = 0
        self._noted_dropped = 0
        self._owed = ""
        """A line that tells of a loss, still to be written."""
        self._is_behind = False
        """What a former writer left is still to be taken up."""
        self._is_live = False
        self._has_gap = False
        """A loss is to be told of even if nothing follows it."""
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
        return self._segments.is_parked

    @property
    def has_unnoted_losses(self) -> bool:
        """Whether lines were dropped of which the files do not tell, so that only a note does."""
        return self.counts.dropped != self._noted_dropped and self._segments.has_name

    @property
    def last_line(self) -> int:
        """The number of the last line that is finished."""
        return self._book.next_line - 1 - self._book.is_amid_line

    @property
    def files(self) -> LogFiles:
        """Below a longer stem than was asked for, once that proved to be taken."""
        return self._segments.files

    @property
    def _segment(self) -> Segment:
        return self._segments.current

    def write(self, stream: Stream, data: bytes | bytearray, start: int, end: int, now: Wall) -> None:
        """Takes ``data[start:end]`` as the run printed it; bytes after its last newline leave a line open."""
        size = end - start
        try:
            if self.state is LogState.OPEN:
                self._pay(now)
                self._begin(stream, now)
            if stream is not Stream.STDOUT:
                data = prefixed(stream, bytes(memoryview(data)[start:end]), not self._book.goes_on(stream))
                start, end = 0, len(data)
            while start < end and self.state is LogState.OPEN:
                start = self._write_some(stream, data, start, end, now)
        finally:
            lines = self._book.lose(stream, data, start, end) if start < end else 0
            self.counts.lines += lines
            self.counts.dropped += lines
            self.counts.bytes += size
        if start < end:
            self._pay(now)
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
            self._halt(DISK_LOW)
            self._pay(now)

    def resume(self, now: Wall) -> None:
        """Goes on after a stop, if the disk takes the line that says so."""
        if self.state is not LogState.STOPPED:
            return
        self._pay(now)  # which may have taken up a log that is full
        is_stopped = self.state is LogState.STOPPED
        if (
            is_stopped
            and not self._owed
            and self._say(f"Log output resumed: {self._lost()} lines were dropped", now)
        ):
            self._move(LogState.OPEN)
            self._note()

    def is_taken(self) -> bool:
        """Whether another pump still writes this log."""
        try:
            return self._segments.is_taken()
        except OSError:
            return False  # taking it up will meet and tell the same error

    def take_up(self, now: Wall, *, is_live: bool = False) -> None:
        """Before anything else: goes on in the files that a former writer of this run left. Of one that lives
        that writer may have held output that is nowhere, even if it left no file and nothing more comes."""
        self._is_behind, self._is_live = True, is_live
        if self._catch_up() and self._segments.has_name:
            self._pay(now)

    def totals_found(self) -> LogTotals:
        """How the log stands that is left to the pump which still writes it."""
        try:
            found = self._segments.take_up()
            with self.files.folder(is_made=False) as folder:
                disk_bytes = sum(self.files.sizes(folder).values())
        except OSError:
            return LogTotals()
        finally:
            self.park()
        return found.counts.totals(disk_bytes) if found else LogTotals()

    def final_totals(self) -> LogTotals | None:
        """The totals of a log that a former writer of this run finished."""
        try:
            note = read_note(self.files, self._run_id)
        except OSError:
            return None  # taking it up will meet and tell the same error
        return note.totals if note and note.is_final else None

    def note(self) -> None:
        """For the next pump, should this one be killed."""
        self._note()

    def leave(self) -> None:
        """Stops where it is; whoever takes the log up misses nothing."""
        if self._segments.has_name and self.state is not LogState.CLOSED:
            self._note(is_whole=True)
        self.park()

    def give_up(self, why: str) -> None:
        """Closes before its time: what comes from here on is counted, and nothing is written but the end."""
        self._move(LogState.CLOSED)
        self.stopped_by = why
        self._owed = ""
        self.park()

    def park(self) -> None:
        """Gives the descriptors back, and with them the lock: who waits for the log may take it up."""
        self._segments.park()

    def finish(self, meta: str, now: Wall) -> LogTotals:
        """The run is over: says what was lost in all, completes .log.meta and closes."""
        self._meta = meta
        words = self._last_words()
        if words or self._has_gap:
            self._pay(now)
        if words:
            self._say(words, now)
        if self.state is not LogState.CLOSED:
            self._move(LogState.CLOSED)
        totals = self._note(is_final=True) if self._segments.has_name else self.counts.totals(0)
        self.park()
        if failure := self._segments.failure:  # there is no next opening that would tell of it
            self.stopped_by = failure.strerror or str(failure)
        return totals

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
        try:
            self._segments.put(records, block)
        except OSError as error:
            self._fail(error)
            return False
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
        self._note()

    def _rotate(self) -> bool:
        try:
            gone = self._segments.rotate(self._book.next_line)
        except OSError as error:
            self._fail(error)
            return False
        self._book.begin_file()
        self.counts.dropped += gone.lines
        self.counts.outdated += gone.lines
        self.counts.rotations += 1
        if self.counts.outdated:
            self._owed = f"{self._cap_reached()}: the oldest {self.counts.outdated} lines were dropped so far"
        return True

    def _is_ready(self, now: Wall) -> bool:
        """Has the files open, and true to what was written so far."""
        if self.state is LogState.CLOSED or (self._is_behind and not self._catch_up()):
            return False
        try:
            lost = self._segments.ready(self._book.next_line, now)
        except OSError as error:
            self._fail(error)
            return False
        if lost:
            self._book.begin_file()
            self.counts.dropped += lost.lines
            self._owed = (
                f"The log file was removed or cut short by somebody else: {lost.lines} lines were lost"
            )
        if self._segments.generation != self._noted_generation:
            self._note()
        return True

    def _catch_up(self) -> bool:
        """Takes up what there is. Where it cannot be seen now that is tried again before anything is written,
        as to begin anew would be to leave it behind."""
        try:
            found = self._segments.take_up()
        except OSError as error:
            self._fail(error)
            return False
        self._is_behind = False
        if not found or not found.is_whole:
            self._owed = self._owed or INTERRUPTED
            self._has_gap = self._is_live
        if found:
            counted, self.counts = self.counts, found.counts
            self.counts.lines += counted.lines
            self.counts.bytes += counted.bytes
            self.counts.dropped += counted.dropped
            self._dropped_before += self.counts.dropped - counted.dropped
            self._book.next_line, self._book.is_amid_line = found.next_line, found.is_amid_line
            self._counted_to = found.segment.end
            if found.is_full and self.state in (LogState.OPEN, LogState.STOPPED):
                self._move(LogState.FULL)
                self._dropped_before = 0
        return True

    def _note(self, *, is_final: bool = False, is_whole: bool = False) -> LogTotals:
        note = Note(
            counts=self.counts,
            next_line=self._book.next_line,
            offset=self._counted_to,
            is_full=self.state is LogState.FULL,
            is_whole=is_whole or is_final,
            is_final=is_final,
        )
        disk_bytes, is_noted = write_note(self.files, self._meta, note)
        if is_noted:
            self._noted_generation = self._segments.generation
            self._noted_dropped = self.counts.dropped
        return self.counts.totals(disk_bytes)

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
            self._halt(DISK_LOW if error.errno in DISK_TROUBLE else error.strerror or str(error))

    def _halt(self, why: str) -> None:
        self._move(LogState.STOPPED)
        self.stopped_by = why
        self._dropped_before = self.counts.dropped
        self._owed = f"Log output stopped: {why}"

    def _move(self, state: LogState) -> None:
        self.state = moved(MOVES, self.state, state, "a log")
