"""A response that goes on without a worker thread: what the hub needs to know of one.

A handler makes a Feed; once the head is written, the hub begins it and from then on pulls from its Flow, on
the hub thread alone. A flow holds next to nothing: it makes the next piece when the one before is sent, so
that whoever does not read costs what the kernel buffers and one piece. Called by ``hub`` and ``app``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

Wake = Callable[[], None]
"""Tells the hub that a flow which had nothing has something now, or is over. On the hub thread."""

NOTHING = b""


class Flow(Protocol):
    @property
    def is_bulk(self) -> bool:
        """Whether ``more`` has work to do, such as reading a file: others go first, and it gets its turns."""

    def more(self) -> bytes | None:
        """The next piece; NOTHING for now (``wake`` will tell), None when it is over.

        Raises: RunWispError, OSError: it cannot go on, and the connection is closed.
        """

    def beat(self) -> bytes:
        """What keeps the connection alive between two pieces."""

    def close(self) -> None: ...


@runtime_checkable
class Feed(Protocol):
    """``headers`` are sent beside those that every response has."""

    @property
    def media(self) -> str: ...

    @property
    def headers(self) -> tuple[tuple[str, str], ...]: ...

    def begin(self, wake: Wake) -> Flow:
        """Raises: RunWispError, OSError."""
