"""What happens, told to everybody who listens, in order and each once.

The last of it is kept, so that who comes back after a moment misses nothing; who was away for longer,
listened to a former web, or does not keep up is told so. It becomes JSON when the first one listens, once.
Called by ``live``, on the hub thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from runwisp.frozen import frozen
from runwisp.web.feed import NOTHING, Flow, Wake
from runwisp.web.feeds.events import COMMENT, HEADERS, MEDIA, event

RELOAD = "reload"
"""The kind of event that says: forget all that was heard, it begins anew here."""

PIECE = 64 * 1024
"""Bytes after which no further event goes into the same piece."""


@dataclass(slots=True)
class _Entry:
    kind: str
    make: Callable[[], bytes]
    spelled: bytes = b""


@dataclass(slots=True, eq=False)
class Broadcast:
    """``life`` tells this web from others.

    ``gap`` makes the event for who missed so many. ``replay``: how many of the last a newcomer gets.
    ``greeting`` is the event, if any, that a newcomer gets first and all get now and then: it makes known
    where the stream is.
    """

    life: str
    gap: Callable[[int], tuple[str, bytes]]
    keep: int = 1000
    replay: int = 0
    greeting: str = ""
    next: int = 1
    _entries: deque[_Entry] = field(default_factory=deque)
    _flows: dict[BroadcastFlow, Wake] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """The number of the oldest event that is kept."""
        return self.next - len(self._entries)

    def say(self, kind: str, make: Callable[[], bytes]) -> None:
        """``make`` gives the JSON, if anybody listens."""
        self._entries.append(_Entry(kind, make))
        self.next += 1
        if len(self._entries) > self.keep:
            self._entries.popleft()
        for wake in self._flows.values():
            wake()

    def feed(self, last_event_id: str) -> BroadcastFeed:
        return BroadcastFeed(self, last_event_id)

    def begin(self, last_event_id: str, wake: Wake) -> BroadcastFlow:
        start, opening = self._after(last_event_id), b""
        if start is None:
            start = max(self.first, self.next - self.replay)
            opening = event(RELOAD, b"{}", self.id_of(start - 1)) if last_event_id else self.greet()
        flow = BroadcastFlow(self, start, opening)
        self._flows[flow] = wake
        return flow

    def leave(self, flow: BroadcastFlow) -> None:
        del self._flows[flow]

    def piece(self, start: int) -> tuple[bytes, int]:
        """Events from number ``start`` on, and the number of the one after them."""
        found = []
        size = 0
        for number, entry in enumerate(islice(self._entries, start - self.first, None), start):
            entry.spelled = entry.spelled or event(entry.kind, entry.make(), self.id_of(number))
            found.append(entry.spelled)
            size += len(entry.spelled)
            if size >= PIECE:
                break
        return b"".join(found), start + len(found)

    def missed(self, start: int) -> bytes:
        """For who would go on with number ``start`` and cannot: from here on it is complete again."""
        kind, data = self.gap(self.next - start)
        return event(kind, data, self.id_of(self.next - 1))

    def greet(self) -> bytes:
        return event(self.greeting, b"{}", self.id_of(self.next - 1)) if self.greeting else b""

    def id_of(self, number: int) -> str:
        return f"{self.life}-{number}"

    def _after(self, last_event_id: str) -> int | None:
        """The number of the first event for somebody who got as far as this; None where this is not ours."""
        life, _, number = last_event_id.rpartition("-")
        if life == self.life and number.isdecimal() and len(number) < 18:
            return min(int(number) + 1, self.next)
        return None


@frozen
class BroadcastFeed:
    source: Broadcast
    last_event_id: str
    media: str = MEDIA
    headers: tuple[tuple[str, str], ...] = HEADERS

    def begin(self, wake: Wake) -> Flow:
        return self.source.begin(self.last_event_id, wake)


@dataclass(slots=True, eq=False)
class BroadcastFlow:
    """``at``: the number of the next event for this listener."""

    source: Broadcast
    at: int
    opening: bytes
    is_bulk: bool = False

    def more(self) -> bytes:
        if self.opening:
            opening, self.opening = self.opening, b""
            return opening
        if self.at == self.source.next:
            return NOTHING
        if self.at < self.source.first:
            told = self.source.missed(self.at)
            self.at = self.source.next
            return told
        piece, self.at = self.source.piece(self.at)
        return piece

    def beat(self) -> bytes:
        return COMMENT + self.source.greet()

    def close(self) -> None:
        self.source.leave(self)
