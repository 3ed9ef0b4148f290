"""A feed that ends with the session of who follows it: who logged out, or whose day is over, is told no more.

Ends at the next piece, or at the next beat if there is none. Called by ``app``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runwisp.frozen import frozen
from runwisp.web.feed import NOTHING, Feed, Flow, Wake


@frozen
class AdmittedFeed:
    feed: Feed
    is_over: Callable[[], bool]

    @property
    def media(self) -> str:
        return self.feed.media

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return self.feed.headers

    def begin(self, wake: Wake) -> Flow:
        return AdmittedFlow(self.feed.begin(wake), self.is_over, wake)


@dataclass(slots=True)
class AdmittedFlow:
    flow: Flow
    is_over: Callable[[], bool]
    wake: Wake

    @property
    def is_bulk(self) -> bool:
        return self.flow.is_bulk

    def more(self) -> bytes | None:
        return None if self.is_over() else self.flow.more()

    def beat(self) -> bytes:
        if self.is_over():
            self.wake()
            return NOTHING
        return self.flow.beat()

    def close(self) -> None:
        self.flow.close()
