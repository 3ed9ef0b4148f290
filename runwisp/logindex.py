"""The sparse index of a log: where lines are, when they came, and from which stream.

Owns the format of the .log.idx file: a header, then records of one size.

Invariant: records are written before the bytes they tell of, so every byte in a log has its record; one that
lies past the end of the log tells of a write that failed, and the next record takes its place. Written by
``logwriter`` alone, read by ``logreader``.

The header ties offsets to files by inode, so that a reader who comes in the middle of a rotation still knows
which file holds what. It is written over in place when the log rotates; records of dropped output stay for a
while, until a new index takes the place of the old one.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import overload

from runwisp.clock import Wall
from runwisp.frozen import frozen
from runwisp.logfile import INDEX, LogFiles, write_all
from runwisp.logline import Record, Stream

HEADER = struct.Struct("<8sQQQQ24x")
RECORD = struct.Struct("<QQQBB6x")
STREAM_AT = struct.calcsize("<QQQ")
RECORDS_AT_ONCE = 8192
STALE_BYTES = 4096
MAGIC = b"rwidx\x00\x00\x01"


@frozen
class Header:
    """``log_start`` and ``prev_start``: the offset of the first byte of each file; no .prev: both equal."""

    prev_start: int = 0
    log_start: int = 0
    prev_inode: int = 0
    log_inode: int = 0

    def packed(self) -> bytes:
        return HEADER.pack(MAGIC, self.prev_start, self.log_start, self.prev_inode, self.log_inode)


def placed(header: Header, log: os.stat_result | None, prev: os.stat_result | None) -> Header | None:
    """The header as it is true of the files found, None for one that is missing. None: they are not those of
    the header; they were rotated meanwhile, or are copies, or the log was removed.

    A rotation renames the log, makes a new one and then writes the header; who comes in between finds the log
    of the header under the other name. Who opened it before the renaming finds it under both.
    """
    if log and prev and log.st_ino == prev.st_ino:
        return None
    if prev and prev.st_ino == header.log_inode:
        end = header.log_start + prev.st_size
        return Header(header.log_start, end, prev.st_ino, log.st_ino if log else 0)
    is_log = log is not None and log.st_ino == header.log_inode
    is_prev = not prev or prev.st_ino == header.prev_inode
    return header if is_log and is_prev else None


def packed(record: Record) -> bytes:
    return RECORD.pack(record.line, record.offset, record.at, record.stream, record.flags)


def unpacked_header(content: bytes) -> Header:
    """Raises: ValueError."""
    if len(content) < HEADER.size or content[: len(MAGIC)] != MAGIC:
        raise ValueError("not an index of a log")
    _, prev_start, log_start, prev_inode, log_inode = HEADER.unpack_from(content)
    return Header(prev_start, log_start, prev_inode, log_inode)


def unpacked_record(content: bytes, at: int = 0) -> Record:
    line, offset, ms, stream, flags = RECORD.unpack_from(content, at)
    return Record(line, offset, Wall(ms), Stream(stream), flags)


def _whole_records(size: int) -> int:
    return max(0, (size - HEADER.size) // RECORD.size)


class Records(Sequence[Record]):
    """The records of an open index file, read as they are asked for: those there are at the moment, or a
    ``stretch`` of them."""

    def __init__(self, fd: int, stretch: range | None = None) -> None:
        self._fd = fd
        self._stretch = range(_whole_records(os.fstat(fd).st_size)) if stretch is None else stretch

    def __len__(self) -> int:
        return len(self._stretch)

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> list[Record]: ...
    def __getitem__(self, at: int | slice) -> Record | list[Record]:
        if isinstance(at, int):
            nth = self._stretch[at]
            return self._read(range(nth, nth + 1))[0]
        start, stop, _ = at.indices(len(self))
        return self._read(self._stretch[start:stop])

    def before_line(self, line: int) -> int:
        """Which record's region holds the line; -1 for a line before the first."""
        return bisect_right(self, line, key=lambda record: record.line) - 1

    def from_offset(self, offset: int) -> int:
        """The first record at or past the offset."""
        return bisect_left(self, offset, key=lambda record: record.offset)

    def from_time(self, at: Wall) -> int:
        """The first record of that time or later. (A clock that was set back makes it one of several.)"""
        return bisect_left(self, at, key=lambda record: record.at)

    def between(self, start: int, end: int) -> Records:
        """Those of the bytes from one offset to another."""
        return Records(self._fd, self._stretch[self.from_offset(start) : self.from_offset(end)])

    def of(self, stream: Stream) -> Iterator[int]:
        """Where those of a stream are. Makes nothing of the others: a log may have millions."""
        for first in range(0, len(self), RECORDS_AT_ONCE):
            streams = self._content(self._stretch[first : first + RECORDS_AT_ONCE])[STREAM_AT :: RECORD.size]
            nth = streams.find(stream)
            while nth >= 0:
                yield first + nth
                nth = streams.find(stream, nth + 1)

    def packed(self) -> bytes:
        return self._content(self._stretch)

    def _read(self, stretch: range) -> list[Record]:
        content = self._content(stretch)
        whole = len(content) // RECORD.size
        return [unpacked_record(content, nth * RECORD.size) for nth in range(whole)]

    def _content(self, stretch: range) -> bytes:
        return os.pread(self._fd, len(stretch) * RECORD.size, HEADER.size + stretch.start * RECORD.size)


class IndexWriter:
    """The index of a log that is being written. Every method raises OSError where the disk does."""

    def __init__(self, files: LogFiles) -> None:
        self._files = files
        self._fd = -1
        self._size = 0

    def is_intact(self) -> bool:
        """Cuts off what a failed write left behind. False when the index is not open, or somebody removed or
        shortened the file."""
        if self._fd < 0:
            return False
        status = os.fstat(self._fd)
        if status.st_size > self._size:
            os.ftruncate(self._fd, self._size)
        return status.st_nlink > 0 and status.st_size >= self._size

    def append(self, records: Sequence[Record]) -> None:
        if records:
            content = b"".join(packed(record) for record in records)
            write_all(self._fd, content, self._size)
            self._size += len(content)

    def retract(self, records: Sequence[Record]) -> None:
        """The bytes that these tell of did not come; the next ``is_intact`` cuts the records off."""
        self._size -= len(records) * RECORD.size

    def start(self, header: Header, records: bytes) -> None:
        """Puts a new index in the place of whatever is there, and goes on with it."""
        content = header.packed() + records
        fd = self._files.replace(INDEX, content)
        self.close()
        self._fd = fd
        self._size = len(content)

    def rotate(self, header: Header) -> bool:
        """Goes on below another header, in the same file: False when too many records in it are of no use any
        more, so that it is to be started anew."""
        stale = self.records().from_offset(header.prev_start) * RECORD.size
        if stale > max(STALE_BYTES, self._size - stale):
            return False
        write_all(self._fd, header.packed(), 0)
        return True

    def resume(self) -> Header | None:
        """Goes on with the index that is there; None where there is none that can be read. A record that was
        cut in the writing is cut off by the next, and so are the zeros that a machine that went down leaves
        in the place of the last ones."""
        self.close()
        try:
            self._fd = self._files.open(INDEX, os.O_RDWR)
            header = unpacked_header(os.pread(self._fd, HEADER.size, 0))
            records = Records(self._fd)
            count = len(records)
            while count and not records[count - 1].line:
                count -= 1
        except (FileNotFoundError, ValueError):
            self.close()
            return None
        self._size = HEADER.size + count * RECORD.size
        return header

    def cut(self, end: int) -> None:
        """Forgets the records of bytes past this offset, which did not come."""
        records = self.records()
        if records and records[-1].offset >= end:
            self._size = HEADER.size + records.from_offset(end) * RECORD.size

    def records(self) -> Records:
        """None without a file."""
        if self._fd < 0:
            return Records(self._fd, range(0))
        size = min(self._size, os.fstat(self._fd).st_size)
        return Records(self._fd, range(_whole_records(size)))

    def close(self) -> None:
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        with suppress(OSError):  # records that were not written are missed where the file is opened again
            os.close(fd)
