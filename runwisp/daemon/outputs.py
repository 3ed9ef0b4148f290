"""The daemon's side of the log pump: which runs it reads, and what it must be told again when it is replaced.

Holds a duplicate of every pipe until the pump has read it to its end, so that a pump can die without a task
noticing. Never reads a byte of output itself.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace

from runwisp.frozen import frozen
from runwisp.link import Link
from runwisp.logcap import LogOnFull
from runwisp.run import Run
from runwisp.runmeta import meta_of
from runwisp.task import AnyTask
from runwisp.wire import (
    Closed,
    Drained,
    Exited,
    Followers,
    FromPump,
    Hello,
    Open,
    Remove,
    Removed,
    Renamed,
    SystemLine,
)

WITHOUT_CAP = 0


@dataclass(slots=True)
class Stream:
    """``fds`` are ours to close; ``unsaid`` are lines from a time without a pump; ``exited`` is what it is to
    know of the end. ``opened`` is resumed for all pumps but the first that is told.
    """

    opened: Open
    fds: tuple[int, ...]
    unsaid: list[SystemLine] = field(default_factory=list)
    exited: Exited | None = None


@frozen
class Copy:
    """Where an `exec` wants the output to go besides the log; ``is_raw``: all of it also to a terminal."""

    stdout_fd: int
    stderr_fd: int
    is_raw: bool


class Outputs:
    def __init__(self, hello: Hello, copy: Copy | None = None) -> None:
        self._hello = hello
        self._copy = copy
        self._link: Link[FromPump] | None = None
        self._streams: dict[str, Stream] = {}
        self._removals: dict[int, Remove] = {}

    def attach(self, link: Link[FromPump]) -> None:
        """A new pump: tell it everything that the former one did not finish."""
        self._link = link
        link.send(self._hello)
        for stream in self._streams.values():
            self._send_open(stream, link)
            while stream.unsaid:
                link.send(stream.unsaid.pop(0))
            if stream.exited:
                link.send(stream.exited)
        for removal in self._removals.values():
            link.send(removal)

    def detach(self, _link: Link[FromPump]) -> None:
        """The pump is gone; until the next one everything is only noted."""
        self._link = None

    def open(
        self, run: Run, definition: AnyTask | None, fds: tuple[int, ...], *, is_resumed: bool = False
    ) -> None:
        """Takes over the fds. ``definition`` is None for a run of a former life whose task is gone."""
        opened = Open(
            run_id=run.id,
            task_name=run.task_name,
            log_stem=run.log_stem,
            log_max_size=definition.log_max_size if definition else WITHOUT_CAP,
            log_on_full=definition.log_on_full if definition else LogOnFull.DROP_OLD,
            is_resumed=is_resumed,
            meta=json.dumps(meta_of(run)),
        )
        stream = self._streams[run.id] = Stream(opened, fds)
        if self._link:
            self._send_open(stream, self._link)

    def say(self, run_id: str, text: str) -> None:
        """A line for the log of a run, if that is still open."""
        stream, line = self._streams.get(run_id), SystemLine(run_id, text)
        if stream and self._link:
            self._link.send(line)
        elif stream:
            stream.unsaid.append(line)

    def end(self, run: Run) -> None:
        stream = self._streams[run.id]
        stream.exited = Exited(run.id, json.dumps(meta_of(run)))
        if self._link:
            self._link.send(stream.exited)

    def remove(self, removal: Remove) -> None:
        """Files go when the pump gets to it; asked again of the next pump until it has answered."""
        self._removals[removal.ticket] = removal
        if self._link:
            self._link.send(removal)

    def introduce(self, fd: int) -> None:
        """The pump's end of a link with web; the caller's to close."""
        if self._link:
            self._link.send(Followers(), (fd,))

    def heard(self, message: FromPump) -> bool:
        """Keeps the books; False when the message repeats what a former pump has told."""
        match message:
            case Renamed(run_id, log_stem):
                stream = self._streams[run_id]
                stream.opened = replace(stream.opened, log_stem=log_stem)
            case Drained(run_id):
                stream = self._streams[run_id]
                is_news = not stream.opened.is_drained
                stream.opened = replace(stream.opened, is_drained=True)
                if not message.is_held:
                    self._let_go(run_id)
                return is_news
            case Closed(run_id):
                self._let_go(run_id)
            case Removed(ticket):
                self._removals.pop(ticket, None)
            case _:
                pass
        return True

    def fds_of(self, run_id: str) -> tuple[int, ...]:
        return self._streams[run_id].fds

    def close(self) -> None:
        for run_id in list(self._streams):
            self._let_go(run_id)

    def _send_open(self, stream: Stream, link: Link[FromPump]) -> None:
        copies = (self._copy.stdout_fd, self._copy.stderr_fd) if self._copy and stream.fds else ()
        link.send(stream.opened, (*stream.fds, *copies))
        stream.opened = replace(stream.opened, is_resumed=True)

    def _let_go(self, run_id: str) -> None:
        for fd in self._streams.pop(run_id).fds:
            os.close(fd)
