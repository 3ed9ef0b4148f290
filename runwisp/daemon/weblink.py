"""What web is told, in order, and no faster than it takes it.

Holds the newest state of each thing that web has not heard of yet: what changes again meanwhile takes the
place of what it was. So a web that is slow costs little, and one that hangs costs a bounded amount: then it
is given up. Must never wait for web.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from runwisp.link import Link
from runwisp.run import Run
from runwisp.runmeta import row_of
from runwisp.webwire import FromWeb, Pump, RunSaved, ToWeb, Welcome

Key = tuple[str, object]
"""What a message is about: its kind and which of that kind."""


@dataclass(slots=True)
class WebLink:
    """``give_up`` is called when more than ``most_waiting`` messages wait. While there is no web nothing is
    kept: the briefing of the next one says it all."""

    most_waiting: int
    give_up: Callable[[], None]
    _link: Link[FromWeb] | None = None
    _waiting: OrderedDict[Key, Run | ToWeb] = field(default_factory=OrderedDict)
    _lent: list[int] = field(default_factory=list)
    _count: int = 0

    @property
    def is_up(self) -> bool:
        return self._link is not None

    def attach(self, link: Link[FromWeb], listening_fd: int, briefing: Iterable[bytes]) -> None:
        memory = os.memfd_create("briefing", os.MFD_CLOEXEC)
        with os.fdopen(os.dup(memory), "wb") as file:
            file.writelines(briefing)
        os.lseek(memory, 0, os.SEEK_SET)
        self._link = link
        self._lent.append(memory)
        link.send(Welcome(), (listening_fd, memory))

    def detach(self, _link: Link[FromWeb]) -> None:
        self._link = None
        self._waiting.clear()
        self.welcomed()

    def introduce(self, fd: int) -> None:
        """Web's end of a link with the pump; the caller's to close."""
        if self._link:
            self._link.send(Pump(), (fd,))

    def welcomed(self) -> None:
        """Web has what came with the first word."""
        while self._lent:
            os.close(self._lent.pop())

    def saved(self, run: Run) -> None:
        if self._link:
            self._waiting["run", run.id] = run

    def tell(self, message: ToWeb, about: object = None) -> None:
        """Only the last message of its kind ``about`` one thing is sent; one about nothing is always sent."""
        if not self._link:
            return
        if about is None:
            self._count += 1
            about = self._count
        self._waiting[type(message).__name__, about] = message

    def flush(self) -> None:
        """Once a turn, and whenever web may have taken something."""
        link, waiting = self._link, self._waiting
        while link and waiting and not link.wants_write:
            message = waiting.popitem(last=False)[1]
            link.send(RunSaved(row_of(message)) if isinstance(message, Run) else message)
        if len(waiting) > self.most_waiting:
            self._waiting.clear()
            self._link = None
            self.give_up()
