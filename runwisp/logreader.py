"""The log of one run, read back through its index: pages by line number, and what is new since a line.

Reads only, while the pump writes, rotates or removes the files; never from the start of a log, and never more
than a page into memory. Called by the command line and the web.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from runwisp.clock import Wall
from runwisp.errors import LogUnavailable
from runwisp.frozen import frozen
from runwisp.logfile import INDEX, LOG, META, PREV, LogFiles
from runwisp.logindex import HEADER, Header, Records, placed, unpacked_header
from runwisp.logline import BARE, CONTINUED, PREFIXES, Record, Stream

PAGE_BYTES = 4 * 1024 * 1024
RECORDS_AT_ONCE = 128
ATTEMPTS = 100
"""How often files that are rotated while they are opened are opened again."""


@frozen
class Line:
    """``text`` is decoded with replacement, without prefix and newline. ``is_open``: its end has not come."""

    n: int
    at: Wall
    stream: Stream
    text: str
    is_continued: bool
    is_open: bool


@frozen
class Page:
    """``is_truncated``: fewer lines than asked for, as they are long: go on after the last."""

    lines: tuple[Line, ...]
    first_available: int
    total_lines: int
    is_truncated: bool
    is_finalized: bool


@frozen
class Region:
    """One stretch of the log, all of one stream."""

    record: Record
    data: bytes
    is_last: bool

    def lines(self, first: int = 1, is_wanted: Callable[[str], object] | None = None) -> Iterator[Line]:
        """The lines from number ``first`` on, all or those whose text is wanted."""
        record, prefix = self.record, PREFIXES[self.record.stream].decode()
        skipped = max(0, first - record.line)
        pieces = self.data.split(b"\n", skipped)
        texts = pieces[-1].decode(errors="replace").split("\n") if len(pieces) > skipped else [""]
        is_unfinished = bool(texts[-1])
        if not is_unfinished:
            texts.pop()
        for nth, text in enumerate(texts, skipped):
            is_bare = nth == 0 and bool(record.flags & BARE)
            own = text if is_bare or not prefix else text.removeprefix(prefix)
            if is_wanted is None or is_wanted(own):
                yield Line(
                    record.line + nth,
                    record.at,
                    record.stream,
                    own,
                    is_continued=nth == 0 and bool(record.flags & CONTINUED),
                    is_open=self.is_last and is_unfinished and nth == skipped + len(texts) - 1,
                )


@contextmanager
def _available() -> Iterator[None]:
    """Files that are gone, cut or not what they should be are all the same to whoever reads."""
    try:
        yield
    except (OSError, ValueError, IndexError) as error:
        raise LogUnavailable("log no longer available", str(error)) from error


class LogReader:
    """Holds the files open until ``close``; every call sees the log as it is then.

    Raises: LogUnavailable, here and from every method, when the files are gone or not readable: then it is of
    no more use.
    """

    def __init__(self, files: LogFiles) -> None:
        self._files = files
        self._fds: list[int] = []
        self._seen: tuple[Header, int, int] | None = None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> LogReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        while self._fds:
            os.close(self._fds.pop())

    @property
    @_available()
    def first_available(self) -> int:
        """The number of the first line that is still there; 1 where there is none."""
        at = self._records.from_offset(self._start)
        return self._records[at].line if at < self._count() else 1

    @property
    @_available()
    def total_lines(self) -> int:
        """The number of the last line."""
        line, data = self._last()
        return line - 1 + data.count(b"\n") + (data[-1:] not in (b"", b"\n"))

    @property
    @_available()
    def finished_lines(self) -> int:
        """The number of the last line whose end has come, as the log is now."""
        self._refresh()
        line, data = self._last()
        return line - 1 + data.count(b"\n")

    @property
    def start(self) -> int:
        """How many bytes were dropped before the first that is there."""
        return self._start

    def segments(self) -> list[tuple[int, int]]:
        """The files of the log, the oldest first: an open descriptor, which stays the reader's, and how many
        bytes there are now."""
        prev_size = self._prev.st_size if self._prev else 0  # less than there was, if somebody cut it
        sizes = [(self._prev_fd, min(prev_size, self._header.log_start - self._start))]
        sizes.append((self._log_fd, self._end - self._header.log_start))
        return [(fd, size) for fd, size in sizes if fd is not None and size > 0]

    @property
    def is_finalized(self) -> bool:
        with suppress(OSError, ValueError, LookupError, TypeError):
            return bool(json.loads(self._files.read(META))["finalized"])
        return False

    def page(self, first: int, limit: int, page_bytes: int = PAGE_BYTES) -> Page:
        """Lines from number ``first`` on; negative: the last ``-first``. ``page_bytes`` bounds their text."""
        is_finalized = self.is_finalized
        self._refresh()
        total = self.total_lines
        if first < 0:
            first = max(1, total + 1 + first)
        lines: list[Line] = []
        size = 0
        for line in self.lines(first):
            if len(lines) == limit or size > page_bytes:
                break
            lines.append(line)
            size += len(line.text)
        is_truncated = len(lines) < limit and bool(lines) and lines[-1].n < total
        return Page(tuple(lines), self.first_available, total, is_truncated, is_finalized)

    def since(
        self, line: int, limit: int, page_bytes: int = PAGE_BYTES, *, is_over: bool = False
    ) -> tuple[list[Line], int]:
        """The finished lines after number ``line``, and how many in between are gone; they end where others
        are gone. ``page_bytes`` bounds their text. ``is_over``: nothing comes any more, so that every line is
        finished."""
        is_over = is_over or self.is_finalized
        self._refresh()
        lines: list[Line] = []
        size = 0
        for found in self.lines(line + 1):
            if (found.is_open and not is_over) or len(lines) == limit or size > page_bytes:
                break
            if lines and found.n != lines[-1].n + 1:
                break
            lines.append(found)
            size += len(found.text)
        return lines, lines[0].n - line - 1 if lines else 0

    def lines(self, first: int) -> Iterator[Line]:
        for region in self.regions(first):
            yield from region.lines(first)

    def regions(self, first: int, stream: Stream | None = None) -> Iterator[Region]:
        """The regions from the one that holds the line on. If a stream is given, those of the others come
        without their data, so that whoever looks for what is rare can stop on the way to it."""
        with _available():
            at = max(self._records.before_line(first), self._records.from_offset(self._start), 0)
            yield from self._regions(at, stream)

    def _regions(self, at: int, stream: Stream | None) -> Iterator[Region]:
        count = self._count()
        while at < count:
            stop = min(count, at + RECORDS_AT_ONCE)
            records = self._records[at : stop + 1]
            for nth in range(stop - at):
                record = records[nth]
                end = records[nth + 1].offset if at + nth + 1 < count else self._end
                data = self._read(record.offset, end) if stream in (None, record.stream) else b""
                yield Region(record, data, is_last=end == self._end)
            at = stop

    def _last(self) -> tuple[int, bytes]:
        """The number of the line with which the last region begins, and what there is of it."""
        count = self._count()
        if not count:
            return 1, b""
        record = self._records[count - 1]
        return record.line, self._read(record.offset, self._end)

    def _count(self) -> int:
        """How many records tell of bytes that are there."""
        return self._records.from_offset(self._end)

    def _read(self, start: int, end: int) -> bytes:
        """The bytes from one offset of the log to another, as far as they are there."""
        fd, file_start = (
            (self._log_fd, self._header.log_start)
            if start >= self._header.log_start
            else (self._prev_fd, self._header.prev_start)
        )
        if fd is None or end <= start:
            return b""
        return os.pread(fd, min(end, self._end) - start, start - file_start)

    @_available()
    def _refresh(self) -> None:
        if os.fstat(self._index_fd).st_nlink == 0 or not self._look():
            self._open()

    @_available()
    def _open(self) -> None:
        """Opens files that belong together: a rotation in the midst of it means to begin again."""
        for _ in range(ATTEMPTS):
            self.close()
            self._index_fd = self._opened(INDEX)
            self._log_fd = self._opened_if_there(LOG)
            self._prev_fd = self._opened_if_there(PREV)
            if self._look() and os.fstat(self._index_fd).st_nlink:
                break
        if self._log is None and self._prev is None:
            raise LogUnavailable("log no longer available")

    def _look(self) -> bool:
        """How the files are now; False when they are not those of the index (any more). Who finds the same
        twice does not find a rotation: they are copies, or the log was removed.

        Lengths before records: whatever lies within the lengths has its record already.
        """
        self._log = os.fstat(self._log_fd) if self._log_fd is not None else None
        self._prev = os.fstat(self._prev_fd) if self._prev_fd is not None else None
        self._records = Records(self._index_fd)
        told = unpacked_header(os.pread(self._index_fd, HEADER.size, 0))
        header = placed(told, self._log, self._prev)
        former, self._seen = self._seen, (told, _inode(self._log), _inode(self._prev))
        self._header: Header = header or told
        has_prev = self._prev is not None and self._header.prev_start < self._header.log_start
        self._start = self._header.prev_start if has_prev else self._header.log_start
        self._end = self._header.log_start + (self._log.st_size if self._log else 0)
        return header is not None or self._seen == former

    def _opened(self, suffix: str) -> int:
        fd = self._files.open(suffix, os.O_RDONLY)
        self._fds.append(fd)
        return fd

    def _opened_if_there(self, suffix: str) -> int | None:
        try:
            return self._opened(suffix)
        except FileNotFoundError:
            return None


def _inode(status: os.stat_result | None) -> int:
    return status.st_ino if status else 0
