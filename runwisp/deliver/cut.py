"""Texts cut to what a channel takes, with a mark where something is left out."""

from __future__ import annotations

from runwisp.frozen import frozen
from runwisp.message import MARK


@frozen
class Unit:
    """What a service counts: ``width`` bytes of ``encoding``."""

    encoding: str
    width: int

    def size(self, text: str) -> int:
        return len(text.encode(self.encoding)) // self.width

    def cut(self, text: str, limit: int) -> str:
        """At most ``limit`` of these, never through a character."""
        data = text.encode(self.encoding)
        if len(data) <= limit * self.width:
            return text
        kept = max(0, limit - len(MARK)) * self.width
        return data[:kept].decode(self.encoding, errors="ignore") + MARK[: max(0, limit)]


BYTES = Unit("utf-8", 1)
UTF16 = Unit("utf-16-le", 2)
CHARACTERS = Unit("utf-32-le", 4)
