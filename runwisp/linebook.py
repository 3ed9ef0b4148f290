"""The lines of a log that is being written: their numbers, and the records of the index.

Pure. Decides, for bytes that are to be appended, how many of them go where there is room for so much, and
which records tell of them. Called by ``logwriter``, which does the writing and then takes the plan.

A line is *open* while its newline has not come: the next bytes of its stream belong to it. The file is
*amid a line* also after a cut, where the next bytes of that stream begin another line on the same line.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from runwisp.clock import SECOND, Wall
from runwisp.frozen import frozen
from runwisp.logline import BARE, CONTINUED, CUT, LINE_MAX, Record, Stream, lines_begun, stretches

REGION_BYTES = 64 * 1024


@frozen
class Plan:
    """Bytes up to ``stop`` go into the file, where ``begun`` lines begin; ``left`` is as in ``stretches``."""

    stream: Stream
    stop: int
    records: tuple[Record, ...]
    begun: int
    left: int


@dataclass(slots=True)
class LineBook:
    """``next_line`` is the number of the line to begin next."""

    line_max: int = LINE_MAX
    next_line: int = 1
    open_stream: Stream | None = None
    open_length: int = 0
    is_amid_line: bool = False
    _last: Record | None = None
    _flags: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))
    _lost_length: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))

    def goes_on(self, stream: Stream) -> bool:
        """Whether the stream's next bytes carry on without a prefix."""
        return self.open_stream is stream or bool(self._flags[stream] & BARE)

    def needs_newline(self, stream: Stream) -> bool:
        """Whether a newline has to be put in before this stream's bytes."""
        return self.is_amid_line and not self.goes_on(stream)

    def plan(
        self,
        stream: Stream,
        data: bytes | bytearray,
        start: int,
        end: int,
        *,
        room: int,
        offset: int,
        now: Wall,
    ) -> Plan:
        """For ``data[start:end]`` at ``offset`` of the log: as many whole lines as there is room for; a line
        that is unfinished at ``end`` itself goes along."""
        records: list[Record] = []
        begun = 0
        stop = start
        is_open = self.open_stream is stream
        left = self.open_length if is_open else 0
        flags, last = self._flags[stream], self._last
        found = stretches(data, start, min(end, start + room), self.line_max, left)
        for stretch_stop, newlines, stretch_left in found:
            if stretch_left > 0 and stretch_stop < end:
                break
            if not is_open:
                record = Record(self.next_line + begun, offset + stop - start, now, stream, flags)
                if _is_due(record, last, stretch_stop - stop):
                    records.append(record)
                    last = record
            begun += newlines + (stretch_left != 0) - is_open
            stop, left, is_open = stretch_stop, stretch_left, stretch_left > 0
            flags = CONTINUED | BARE if left == CUT else 0
        return Plan(stream, stop, tuple(records), begun, left)

    def take(self, plan: Plan) -> None:
        """The bytes of the plan are in the file."""
        self.next_line += plan.begun
        self.open_stream = plan.stream if plan.left > 0 else None
        self.open_length = max(plan.left, 0)
        self.is_amid_line = plan.left != 0
        self._flags[plan.stream] = CONTINUED | BARE if plan.left == CUT else 0
        self._lost_length[plan.stream] = 0
        if plan.records:
            self._last = plan.records[-1]

    def interrupt(self) -> None:
        """A newline was put in: what was amid a line goes on as another one."""
        if self.open_stream is not None:
            self._flags[self.open_stream] |= CONTINUED
        self._flags = {stream: flags & ~BARE for stream, flags in self._flags.items()}
        self.open_stream = None
        self.is_amid_line = False

    def begin_file(self) -> None:
        """The next bytes go into a new file, which begins with a record."""
        if self.open_stream is not None:
            self._flags[self.open_stream] = CONTINUED | BARE
        self.open_stream = None
        self.is_amid_line = False
        self._last = None

    def lose(self, stream: Stream, data: bytes | bytearray, start: int, end: int) -> int:
        """Bytes that are not kept; gives how many lines began in them."""
        length = self._lost_length[stream]
        if self.open_stream is stream:
            length, self.open_stream = self.open_length, None
        lines, length = lines_begun(data, start, end, self.line_max, length)
        self._lost_length[stream] = length
        self._flags[stream] = CONTINUED if length else 0
        return lines


def _is_due(record: Record, last: Record | None, size: int) -> bool:
    return (
        last is None
        or record.stream is not last.stream
        or record.flags != 0
        or record.offset + size - last.offset > REGION_BYTES
        or not 0 <= record.at - last.at < SECOND
    )
