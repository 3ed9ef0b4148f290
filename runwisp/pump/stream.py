"""The output of one run in the pump: its pipes, its log, and how far it is.

Never waits and knows nothing of links or selectors: it is told when a pipe is readable and when a deadline
has come, and answers with messages for the daemon. Called by ``pump.main``.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from fcntl import F_GETPIPE_SZ, F_SETPIPE_SZ, fcntl, ioctl
from itertools import zip_longest
from termios import FIONREAD

from runwisp.clock import SECOND, Millis, Mono, Now, after
from runwisp.diskguard import DiskGuard
from runwisp.frozen import frozen
from runwisp.logcap import LogOnFull, LogTotals
from runwisp.logfile import LogFiles
from runwisp.logline import LINE_MAX, Stream
from runwisp.logwriter import LogWriter
from runwisp.pump.copy import Copy
from runwisp.states import moved
from runwisp.wire import Closed, Drained, FromPump, Open, Overflowed, Pressure, Renamed

BLOCK = 256 * 1024
PIPE_FULL = 32 * 1024
"""What a pipe of the default 64 KiB holds at least when it is full: the rest of a page stays unused where the
next write does not fit into it (pipe(7), F_GETPIPE_SZ)."""
HOLD: Millis = 200
"""How long an unfinished line waits for its rest before it is written as it is."""
DRAIN: Millis = 2 * SECOND
NOTE: Millis = SECOND
"""How long the count of dropped lines may be nowhere but here."""
NEVER = Mono(0)
LOOK: Millis = 20
PATIENCE: Millis = 5 * SECOND
"""How often it is looked whether another pump has let go of a log, and how long a run that has ended waits
for that."""
HELD_OPEN = (
    "Output is still held open by what this run left behind; what comes from here on is counted, not kept"
)


class OutputState(StrEnum):
    WAITING = "waiting"
    """Another pump, whose daemon was killed, still writes this log."""
    READING = "reading"
    DRAINING = "draining"
    """The process has ended; what its pipes hold is read."""
    DRAINED = "drained"
    """The log is complete, or left to another pump; a pipe that something still holds is read and counted."""


MOVES = {
    OutputState.WAITING: frozenset({OutputState.READING, OutputState.DRAINED}),
    OutputState.READING: frozenset({OutputState.WAITING, OutputState.DRAINING}),
    OutputState.DRAINING: frozenset({OutputState.DRAINED}),
    OutputState.DRAINED: frozenset[OutputState](),
}


class Block:
    """The one buffer into which all pipes are read: a held line in front, then what a read brings."""

    def __init__(self) -> None:
        self.data = bytearray(LINE_MAX + BLOCK)
        self.view = memoryview(self.data)


@frozen
class Shared:
    """What all outputs have in common. ``unwatch`` is called before a pipe is closed: as the daemon holds it
    too, epoll would go on reporting it."""

    logs_dir: str
    guard: DiskGuard
    block: Block
    unwatch: Callable[[int], None]
    is_copy_raw: bool = False


@dataclass(slots=True, eq=False)
class Pipe:
    """One stream of a run. ``held`` is an unfinished line that is not written yet."""

    fd: int
    stream: Stream
    copy: Copy | None = None
    held: bytes = b""
    held_until: Mono | None = None
    backlog: int = 0
    """Bytes it had when the process ended, and that are still to be read."""
    is_enlarged: bool = False

    def read(self, block: Block) -> int:
        """Puts the held line and what is new into the block; gives where the new ends, 0 at the end.

        Raises: BlockingIOError when nothing is there.
        """
        start = len(self.held)
        block.view[:start] = self.held
        count = os.readv(self.fd, [block.view[start : start + BLOCK]])
        if count >= PIPE_FULL and not self.is_enlarged:
            self._enlarge()
        self.backlog -= count
        if self.copy and count:
            self.copy.write(block.view[start : start + count])
        return start + count if count else 0

    def count_backlog(self) -> None:
        waiting = array("i", [0])
        ioctl(self.fd, FIONREAD, waiting)
        self.backlog = waiting[0]

    def _enlarge(self) -> None:
        """It was full, so its writer waits for us; a user without privilege has 64 MiB of this (pipe(7)). One
        that the run itself made larger stays so."""
        self.is_enlarged = True
        with suppress(OSError):
            if fcntl(self.fd, F_GETPIPE_SZ) < BLOCK:
                fcntl(self.fd, F_SETPIPE_SZ, BLOCK)


@dataclass(slots=True, eq=False)
class Output:
    """The output of one run. ``messages`` are for the daemon, who is told in order."""

    opened: Open
    writer: LogWriter
    pipes: list[Pipe]
    shared: Shared
    state: OutputState = OutputState.READING
    totals: LogTotals = field(default_factory=LogTotals)
    messages: list[FromPump] = field(default_factory=list)
    _meta: str = ""
    _drain_by: Mono | None = None
    _note_by: Mono | None = None
    _wait_until: Mono = NEVER
    _look_at: Mono = NEVER
    _unsaid: list[str] = field(default_factory=list)
    _has_exited: bool = False
    _told: Drained | None = None
    _late_lines: int = 0
    _has_told_pressure: bool = False
    _has_told_overflow: bool = False
    _stem: str = ""

    @property
    def run_id(self) -> str:
        return self.opened.run_id

    @property
    def is_over(self) -> bool:
        return self._told is not None and not self.pipes

    def start(self, now: Now) -> None:
        self._stem = self.writer.files.stem
        if self.opened.is_drained:
            self.state = OutputState.DRAINED
            return
        if not self.opened.is_resumed:
            return
        totals = self.writer.final_totals()
        if totals and self.pipes:
            self.totals = totals
            self.state = OutputState.DRAINED
        elif not self.pipes and self.writer.is_taken():
            self._move(OutputState.WAITING)
            self._wait_until, self._look_at = after(now.mono, PATIENCE), after(now.mono, LOOK)
        else:
            self.writer.take_up(now.wall, is_live=bool(self.pipes))
            self._tell()

    def read(self, pipe: Pipe, now: Now) -> None:
        """One block at most, so that every run gets its turn."""
        try:
            end = pipe.read(self.shared.block)
        except BlockingIOError:
            return
        if self.state is OutputState.DRAINED:
            self._late_lines += self.shared.block.data.count(b"\n", 0, end)
        elif end:
            self._keep(pipe, end, now)
        else:
            self._flush(pipe, now)
        if not end:
            self._close(pipe)
        self._tell()

    def say(self, text: str, now: Now) -> None:
        if self.state is OutputState.WAITING:
            self._unsaid.append(text)
        elif self.state is not OutputState.DRAINED:
            self.writer.system(text, now.wall)
            self._tell()

    def exited(self, meta: str, now: Now) -> None:
        if self.state is OutputState.DRAINED:  # by a former pump that could not say so any more
            self._tell_drained()
            return
        self._meta = meta
        if self.state is OutputState.WAITING:
            self._has_exited = True
            return
        self._move(OutputState.DRAINING)
        self._drain_by = after(now.mono, DRAIN)
        for pipe in self.pipes:
            pipe.count_backlog()

    def settle(self, now: Now) -> None:
        """Does what is due: writes lines held too long, ends the draining."""
        if self.state is OutputState.WAITING:
            self._look(now)
        for pipe in self.pipes:
            if pipe.held_until is not None and pipe.held_until <= now.mono:
                self._flush(pipe, now)
        if self._note_by is not None and self._note_by <= now.mono:
            self._note_by = None
            self.writer.note()
        if self._drain_by is not None and self._drain_by <= now.mono:
            self._drain_by = None
        if self.state is OutputState.DRAINING and self._is_drained():
            self._finish(now)
        if self._told and self._told.is_held and not self.pipes:
            self.messages.append(Closed(self.run_id, self._late_lines))

    def next_at(self) -> Mono | None:
        """When ``settle`` is to be called at the latest."""
        if self.state is OutputState.WAITING:
            return self._look_at
        deadlines = [pipe.held_until for pipe in self.pipes if pipe.held_until is not None]
        deadlines += [at for at in (self._drain_by, self._note_by) if at is not None]
        return min(deadlines, default=None)

    def resume(self, now: Now) -> None:
        """The disk may have room again."""
        self.writer.resume(now.wall)
        self._tell()

    def give_up(self, error: Exception) -> None:
        """Nothing is kept any more, only counted, and the daemon is told why."""
        self.writer.give_up(f"{type(error).__name__}: {error}")
        self._tell()

    def leave(self) -> None:
        """The daemon is gone, and so is everything that printed: whoever takes up the log misses nothing."""
        self.writer.leave()

    def let_go(self) -> None:
        """Reads no more of what is held open."""
        for pipe in [*self.pipes]:
            self._close(pipe)

    def _look(self, now: Now) -> None:
        """Takes the log up when the other pump is done. One that is kept by what the run left behind may not
        be for long: then the log is left to it, and told as it stands."""
        if self.writer.is_taken():
            self._look_at = after(now.mono, LOOK)
            if self._has_exited and self._wait_until <= now.mono:
                self.totals = self.writer.totals_found()
                self._move(OutputState.DRAINED)
                self._tell_drained()
            return
        self._move(OutputState.READING)
        try:
            self.writer.take_up(now.wall)
            for text in self._unsaid:
                self.say(text, now)
        finally:
            if self._has_exited:
                self.exited(self._meta, now)

    def _keep(self, pipe: Pipe, end: int, now: Now) -> None:
        """Writes whole lines; holds the rest unless it is too long for a line."""
        data = self.shared.block.data
        cut = data.rfind(b"\n", len(pipe.held), end) + 1
        if end - cut >= LINE_MAX:
            cut = end
        if cut:
            self._write(pipe.stream, data, cut, now)
        pipe.held = bytes(self.shared.block.view[cut:end])
        pipe.held_until = after(now.mono, HOLD) if pipe.held else None

    def _flush(self, pipe: Pipe, now: Now) -> None:
        if pipe.held:
            self._write(pipe.stream, pipe.held, len(pipe.held), now)
            pipe.held, pipe.held_until = b"", None

    def _write(self, stream: Stream, data: bytes | bytearray, end: int, now: Now) -> None:
        self.shared.guard.spend(end, now.mono)
        if self.shared.guard.is_low:
            self.writer.stop(now.wall)
        self.writer.write(stream, data, 0, end, now.wall)
        if self._note_by is None and self.writer.has_unnoted_losses:
            self._note_by = after(now.mono, NOTE)

    def _close(self, pipe: Pipe) -> None:
        self.pipes.remove(pipe)
        self.shared.unwatch(pipe.fd)
        os.close(pipe.fd)
        if pipe.copy:
            pipe.copy.close()

    def _is_drained(self) -> bool:
        return not self.pipes or (self._drain_by is None and all(pipe.backlog <= 0 for pipe in self.pipes))

    def _finish(self, now: Now) -> None:
        for pipe in self.pipes:
            self._flush(pipe, now)
        if self.pipes:
            self.writer.system(HELD_OPEN, now.wall)
        self.totals = self.writer.finish(self._meta, now.wall)
        self._note_by = None
        self._move(OutputState.DRAINED)
        self._tell()
        self._tell_drained()

    def _tell_drained(self) -> None:
        totals = self.totals
        self._told = Drained(
            self.run_id,
            totals.log_lines,
            totals.log_bytes,
            totals.log_dropped_lines,
            totals.log_disk_bytes,
            is_held=bool(self.pipes),
        )
        self.messages.append(self._told)

    def _tell(self) -> None:
        """What happened to the log that the daemon has to know, each once."""
        writer = self.writer
        if writer.files.stem != self._stem:
            self._stem = writer.files.stem
            self.messages.append(Renamed(self.run_id, self._stem))
        if writer.stopped_by and not self._has_told_pressure:
            self._has_told_pressure = True
            guard = self.shared.guard
            if not guard.is_low:  # it is the disk itself that refused
                guard.measure()
            self.messages.append(
                Pressure(self.run_id, guard.free_bytes, guard.min_free_bytes, writer.stopped_by)
            )
        if writer.is_overflowed and not self._has_told_overflow:
            self._has_told_overflow = True
            self.messages.append(Overflowed(self.run_id))

    def _move(self, state: OutputState) -> None:
        self.state = moved(MOVES, self.state, state, "the output of a run")


def output_of(opened: Open, fds: list[int], shared: Shared) -> Output:
    """Takes over the fds: none, or stdout and stderr, or these and where a copy of each goes."""
    pipes = []
    for stream, fd, copy in zip_longest((Stream.STDOUT, Stream.STDERR), fds[:2], fds[2:]):
        if fd is not None:
            os.set_blocking(fd, False)
            shown = Copy(copy, is_raw=shared.is_copy_raw) if copy is not None else None
            pipes.append(Pipe(fd, stream, shown))
    writer = LogWriter(
        LogFiles(shared.logs_dir, opened.task_name, opened.log_stem),
        run_id=opened.run_id,
        cap=opened.log_max_size,
        on_full=LogOnFull(opened.log_on_full),
        meta=opened.meta,
    )
    return Output(opened, writer, pipes, shared)
