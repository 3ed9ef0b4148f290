"""The log of a run as it grows: what it has, then what comes, each line once, until the run has ended.

One tail a run reads for all who follow it: the piece that comes after a line is read and spelled once, and
kept for a while. Nothing is kept for a follower but the number of its last line, so who is slow reads from
disk at its own pace, and costs the others nothing. Called by ``live``, on the hub thread.
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from runwisp import host
from runwisp.clock import SECOND, Millis, Mono
from runwisp.errors import LogUnavailable
from runwisp.frozen import frozen
from runwisp.logfile import LogFiles
from runwisp.logreader import LogReader
from runwisp.run import Phase, Run
from runwisp.web.feed import NOTHING, Wake
from runwisp.web.feeds.events import COMMENT, HEADERS, MEDIA, event
from runwisp.web.lines import line_events
from runwisp.web.records import run_record
from runwisp.web.schema import dumped

PAGE_LINES = 500
PAGE_BYTES = 64 * 1024
"""Of a piece, whichever comes first; a single line may have as much again."""

KEPT_BYTES = 256 * 1024
"""Of pieces a tail keeps; an older one is read from disk again."""

LAG: Millis = 30 * SECOND
"""Who has been up to date and falls so far behind goes on with the newest lines."""


@frozen
class Piece:
    """Events of lines up to number ``upto``."""

    data: bytes
    upto: int


@dataclass(slots=True)
class Heard:
    """``line`` is the last line that was heard of.

    Knows when, to a second. When a line came would not do: that is when it began, and it may have ended only
    now.
    """

    line: int = 0
    _former: int = 0
    _marks: deque[tuple[Mono, int]] = field(default_factory=deque)

    def note(self, line: int, now: Mono) -> None:
        self.line = line
        since = now
        if self._marks and now - self._marks[-1][0] < SECOND:
            since, _ = self._marks.pop()
        self._marks.append((since, line))
        self._forget(now)

    def had_more(self, line: int, now: Mono) -> bool:
        """Whether lines after this one were heard of LAG ago."""
        self._forget(now)
        return self._former > line

    def _forget(self, now: Mono) -> None:
        while self._marks and now - self._marks[0][0] > LAG:
            _, self._former = self._marks.popleft()


class Tail:
    """``left`` is called when nobody follows any more."""

    def __init__(self, run: Run, logs_dir: str, left: Callable[[str], None]) -> None:
        self.run = run
        self.first_available = 1
        self._logs_dir = logs_dir
        self._left = left
        self._reader: LogReader | None = None
        self._stem = ""
        self._heard = Heard()
        self._pieces: OrderedDict[int, Piece] = OrderedDict()
        self._kept = 0
        self._flows: dict[TailFlow, Wake] = {}
        self._find_end()

    @property
    def run_id(self) -> str:
        return self.run.id

    @property
    def line(self) -> int:
        """The last line it has heard of."""
        return self._heard.line

    @property
    def is_over(self) -> bool:
        return self.run.phase is Phase.ENDED

    def is_late(self, line: int) -> bool:
        """For who has got as far as this."""
        return self._heard.had_more(line, host.now().mono)

    def grew(self, line: int) -> None:
        """The pump says so."""
        if line > self.line:
            self._hear(line)
            self._wake()

    def saved(self, run: Run) -> None:
        """The daemon says how the run stands."""
        self.run = run
        if self.is_over:
            self._find_end()
            self._wake()

    def enter(self, flow: TailFlow, wake: Wake) -> None:
        self._flows[flow] = wake

    def leave(self, flow: TailFlow) -> None:
        del self._flows[flow]
        if not self._flows:
            self._close()
            self._left(self.run_id)

    def piece(self, line: int) -> Piece | None:
        """What comes after this line; None when nothing does, yet.

        Raises: LogUnavailable.
        """
        if line >= self.line:
            return None
        piece = self._pieces.get(line)
        if piece is None and (piece := self._read(line)):
            self._keep(line, piece)
        return piece

    def done(self) -> bytes:
        return event("done", dumped(run_record(self.run)))

    def _read(self, line: int) -> Piece | None:
        reader = self._opened()
        if reader is None:
            return None
        limit = PAGE_LINES - line % PAGE_LINES  # pages end at the same lines, whoever reads them
        try:
            lines, gone = reader.since(line, limit, PAGE_BYTES, is_over=self.is_over)
            first_available = reader.first_available
        except LogUnavailable:
            self._close()
            if self.is_over:
                raise
            return None  # somebody removed it; what comes now is in another
        if not lines:
            return None
        self.first_available = first_available
        events = [dropped(gone, line + gone)] if gone else []
        upto = lines[-1].n
        self._hear(upto)
        return Piece(b"".join(events + line_events(lines)), upto)

    def _keep(self, line: int, piece: Piece) -> None:
        self._pieces[line] = piece
        self._kept += len(piece.data)
        while self._kept > KEPT_BYTES:
            self._kept -= len(self._pieces.popitem(last=False)[1].data)

    def _find_end(self) -> None:
        """As far as it can be told: who reads on is told what is wrong with the log."""
        try:
            if reader := self._opened():
                finished = reader.finished_lines
                self._hear(reader.total_lines if self.is_over else finished)
                self.first_available = reader.first_available
        except LogUnavailable:
            self._close()

    def _hear(self, line: int) -> None:
        if line > self.line:
            self._heard.note(line, host.now().mono)

    def _opened(self) -> LogReader | None:
        """None while there is no log, or where there never was one.

        Raises: LogUnavailable.
        """
        if self._stem != self.run.log_stem:
            self._close()
        if self._reader is None:
            files = LogFiles(self._logs_dir, self.run.task_name, self.run.log_stem)
            self._reader = opened(self.run, files)
            self._stem = self.run.log_stem
        return self._reader

    def _close(self) -> None:
        if self._reader:
            self._reader.close()
            self._reader = None

    def _wake(self) -> None:
        for wake in self._flows.values():
            wake()


@dataclass(slots=True, eq=False)
class TailFlow:
    """One follower. ``line`` is the last one it has; ``is_live``: it has been up to date."""

    tail: Tail
    line: int
    opening: bytes = b""
    is_live: bool = False
    _first_told: int = field(init=False)
    _is_done: bool = False

    def __post_init__(self) -> None:
        self._first_told = self.tail.first_available

    @property
    def is_bulk(self) -> bool:
        return not self.is_live

    def more(self) -> bytes | None:
        if self.opening:
            opening, self.opening = self.opening, b""
            return opening
        piece = self.tail.piece(self.line)
        if self.tail.first_available != self._first_told:
            self._first_told = self.tail.first_available
            return event("rotated", json.dumps({"first_available": self._first_told}).encode())
        if piece is None:
            return self._end() if self.tail.is_over else self._wait()
        if self.is_live and self.tail.line > piece.upto and self.tail.is_late(self.line):
            missed, self.line = self.tail.line - self.line, self.tail.line
            return dropped(missed, self.line)
        self.line = piece.upto
        return piece.data

    def beat(self) -> bytes:
        return COMMENT

    def close(self) -> None:
        self.tail.leave(self)

    def _wait(self) -> bytes:
        self.is_live = True
        return NOTHING

    def _end(self) -> bytes | None:
        if self._is_done:
            return None
        self._is_done = True
        return self.tail.done()


@frozen
class Anchor:
    """From where on: after line ``after``, or from line ``first`` (negative: from the end) or the oldest that
    is kept; of what is there already, the last ``replay_limit`` lines at most."""

    first: int = 1
    after: int | None = None
    replay_limit: int | None = None


@frozen
class TailFeed:
    """``find`` gives the tail of the run."""

    find: Callable[[], Tail]
    anchor: Anchor
    media: str = MEDIA
    headers: tuple[tuple[str, str], ...] = HEADERS

    def begin(self, wake: Wake) -> TailFlow:
        tail = self.find()
        flow = anchored(tail, self.anchor)
        tail.enter(flow, wake)
        return flow


def anchored(tail: Tail, anchor: Anchor) -> TailFlow:
    if anchor.after is not None:
        return TailFlow(tail, anchor.after)
    line = anchor.first - 1 if anchor.first > 0 else tail.line + anchor.first
    line = max(line, tail.first_available - 1)
    if anchor.replay_limit is not None:
        line = max(line, min(tail.line, tail.line - anchor.replay_limit))
    return TailFlow(tail, line)


def dropped(count: int, line: int) -> bytes:
    """The id is that of the last line that is left out, so that whoever comes back goes on after it."""
    return event("dropped", json.dumps({"count": count}).encode(), str(line))


def opened(run: Run, files: LogFiles) -> LogReader | None:
    """The log of a run; None where there is none, as the run has not printed anything.

    Raises: LogUnavailable when there was one.
    """
    try:
        return LogReader(files)
    except LogUnavailable:
        if run.phase is Phase.ENDED and run.log_lines:
            raise
        return None
