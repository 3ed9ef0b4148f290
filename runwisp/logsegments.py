"""The files of a log that is being written: the current one, the one before it, and their index.

Owns the descriptors, and sees to it that files and index are what was written and nothing else: what somebody
removed or cut is begun anew, what a failed write or somebody else left behind is cut off. Knows nothing of
caps, lines or losses: that is ``logwriter``, which calls it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock

from runwisp.clock import Wall
from runwisp.logfile import LOG, PREV, LogFiles, write_all
from runwisp.logindex import RECORD, Header, IndexWriter, packed
from runwisp.logline import Record, Stream
from runwisp.logrecovery import Recovered, Segment, recovered


class Segments:
    """``run_id`` makes the name longer where the stem of ``files`` is taken.

    ``generation`` grows whenever files or their index were begun or taken up. All methods raise OSError.
    """

    def __init__(self, files: LogFiles, run_id: str) -> None:
        self.files = files
        self.has_name = False
        self.previous = Segment()
        self.current = Segment()
        self.generation = 0
        self._run_id = run_id
        self._fd = -1
        self._has_file = False
        self._index = IndexWriter(files)
        self._is_index_stale = True
        self._is_header_stale = False
        self._lost: Segment | None = None
        self.failure: OSError | None = None
        """Of a file system that says only at the closing what it did not write (close(2))."""

    @property
    def is_parked(self) -> bool:
        return self._fd < 0

    def ready(self, next_line: int, now: Wall) -> Segment | None:
        """Opens and checks the files before something is written; gives the segment that is lost since
        somebody else removed or cut it. ``next_line`` is the first line of one that is begun."""
        if self.failure:
            failure, self.failure = self.failure, None
            raise failure
        if not self._open_log() or self._is_cut():
            self._lost = self.current
            self._begin(next_line)
            self._open_log()
        if self._is_index_stale or not self._index.is_intact():
            self._start_index(now)
        elif self._is_header_stale:
            self._rotate_index(now)
        lost, self._lost = self._lost, None
        return lost

    def put(self, records: Sequence[Record], block: bytes | memoryview) -> None:
        """Index first, then the log. What a failure leaves half written is cut off, at the latest by the next
        ``ready``; that also makes room on a full disk for the line that tells of it."""
        self._index.append(records)
        try:
            write_all(self._fd, block)
        except OSError:
            self._index.retract(records)
            with suppress(OSError):
                os.ftruncate(self._fd, self.current.size)
            raise
        self.current.size += len(block)
        self.current.index_bytes += len(records) * RECORD.size

    def rotate(self, next_line: int) -> Segment:
        """The current file becomes the previous one; gives the segment that is gone by this."""
        self.files.supersede(PREV, by=LOG)
        gone, self.previous = self.previous, self.current
        self._begin(next_line)
        return gone

    def is_taken(self) -> bool:
        """Whether another pump is still writing this log: one whose daemon was killed reads to the end."""
        try:
            fd = self.files.open(LOG, os.O_WRONLY)
        except FileNotFoundError:
            return False
        try:
            return not _locked(fd)
        finally:
            os.close(fd)

    def take_up(self) -> Recovered | None:
        """Goes on in what another pump left of this run, if there is something."""
        found = recovered(self.files, self._run_id, self._index)
        if found:
            self.has_name, self._has_file = True, found.has_log
            self.previous, self.current = found.previous, found.segment
            self._is_index_stale = not found.is_index_right
            self.generation += 1
        return found

    def park(self) -> None:
        """Gives the descriptors back until the next ``ready``."""
        self._close_log()
        self._index.close()

    def _begin(self, next_line: int) -> None:
        self._close_log()
        self._has_file = False
        self._is_header_stale = True
        self.current = Segment(start=self.current.end, first_line=next_line)

    def _open_log(self) -> bool:
        """False when a file that was there is gone."""
        if self._fd >= 0:
            return True
        if self._has_file:
            try:
                fd = self.files.open(LOG, os.O_WRONLY | os.O_APPEND)
            except FileNotFoundError:
                return False
        elif self.has_name:
            fd = self.files.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        else:
            fd = self._claimed()
        try:
            self._take(fd)
        except BaseException:
            os.close(fd)
            raise
        return True

    def _take(self, fd: int) -> None:
        """Makes an open file the current one, unless it is another pump's. With its index or not at all: one
        that is not open is begun anew."""
        if not _locked(fd):
            raise OSError(errno.EBUSY, "another process writes this log")
        if self._has_file:
            self._index.resume()
            self._index.cut(self.current.end)
        status = os.fstat(fd)
        if not self._has_file and status.st_size:
            os.ftruncate(fd, 0)
        self.current.inode = status.st_ino
        self._fd, self._has_file = fd, True

    def _claimed(self) -> int:
        """The first file, made below a longer stem where another run's is in the way."""
        for files in self.files.alternatives(self._run_id):
            try:
                fd = files.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                continue
            self.files, self._index, self.has_name = files, IndexWriter(files), True
            return fd
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.files.stem)

    def _is_cut(self) -> bool:
        status = os.fstat(self._fd)
        if status.st_size > self.current.size:
            os.ftruncate(self._fd, self.current.size)
        return status.st_nlink == 0 or status.st_size < self.current.size

    def _close_log(self) -> None:
        """The number is free whatever close(2) says; what that was, the next ``ready`` tells."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            os.close(fd)
        except OSError as error:
            self.failure = error

    def _start_index(self, now: Wall) -> None:
        """Writes the index anew, for the files as they are now."""
        kept = bytearray()
        for segment in (self.previous, self.current):
            if segment.size:
                records = self._index.records().between(segment.start, segment.end)
                if not records or records[0].offset != segment.start:
                    kept += packed(Record(segment.first_line, segment.start, now, Stream.STDOUT))
                kept += records.packed()
        self._index.start(self._header(), bytes(kept))
        self._is_index_stale = self._is_header_stale = False
        self.generation += 1

    def _rotate_index(self, now: Wall) -> None:
        if self._index.rotate(self._header()):
            self._is_header_stale = False
            self.generation += 1
        else:
            self._start_index(now)

    def _header(self) -> Header:
        start = self.previous.start if self.previous.size else self.current.start
        return Header(
            start, self.current.start, self.previous.inode if self.previous.size else 0, self.current.inode
        )


def _locked(fd: int) -> bool:
    """Takes the lock that tells other pumps of us, for as long as the file is open. A file system without
    locks has no other pump either that could be seen."""
    try:
        flock(fd, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
