"""The log pump: one process that takes the output of all runs.

Reads their pipes, writes their logs, keeps caps and the disk guard, removes logs. Never handles single lines
where output is hot, never touches the database or a process. Started by the daemon with their link as
descriptor 3; ends when the daemon closes it, after the last byte that runs still write. What a finished run
left behind does not keep it: with the daemon gone nobody would count that output.
"""

from __future__ import annotations

import heapq
import resource
import socket
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import ParamSpec, assert_never

from runwisp import host
from runwisp.clock import SECOND, Millis, Mono, Now, after
from runwisp.diskguard import DiskGuard
from runwisp.errors import LinkClosed
from runwisp.link import Link
from runwisp.logfile import LogFiles
from runwisp.logwriter import LogState
from runwisp.loop import READ, WRITE, Loop
from runwisp.pump.followers import Followers
from runwisp.pump.stream import Block, Output, OutputState, Pipe, Shared, output_of
from runwisp.wire import TO_PUMP, Exited, Hello, Open, Remove, Removed, SystemLine, ToPump
from runwisp.wire import Followers as FollowersLink

RETRY: Millis = SECOND
"""How often a stopped log tries whether the disk has room again."""
SPARE_FDS = 64
P = ParamSpec("P")


class Agenda:
    """Which outputs are to be settled when. A deadline that moves on is looked at once in vain."""

    def __init__(self) -> None:
        self._heap: list[tuple[Mono, int, Output]] = []
        self._armed: dict[Output, Mono] = {}
        self._order = count()

    def arm(self, output: Output, at: Mono) -> None:
        armed = self._armed.get(output)
        if armed is None or at < armed:
            self._armed[output] = at
            heapq.heappush(self._heap, (at, next(self._order), output))

    def drop(self, output: Output) -> None:
        self._armed.pop(output, None)

    def next_at(self) -> Mono | None:
        return self._heap[0][0] if self._heap else None

    def due(self, now: Mono) -> list[Output]:
        found = []
        while self._heap and self._heap[0][0] <= now:
            at, _, output = heapq.heappop(self._heap)
            if self._armed.get(output) == at:
                del self._armed[output]
                found.append(output)
        return found


class Pump:
    def __init__(self, link: Link[ToPump]) -> None:
        self._loop = Loop()
        self._link: Link[ToPump] | None = link
        self._link_events = READ
        self._is_link_ready = False
        self._shared: Shared | None = None
        self._outputs: dict[str, Output] = {}
        self._ready: list[tuple[Output, Pipe]] = []
        self._agenda = Agenda()
        self._writing: dict[Output, None] = {}
        """Those whose logs are open, the longest first."""
        self._stopped: dict[Output, None] = {}
        self._retry_at: Mono | None = None
        self._followers = Followers(self._loop, self._last_line)
        self._open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._loop.watch(link.fileno(), READ, self._note_link)

    def run(self) -> None:
        """Until the daemon is gone and every run is read to its end."""
        now = host.now()
        while self._link or self._outputs:
            self._loop.wait(now, self._next_at())
            now = host.now()
            self._turn(now)
        self._loop.close()

    def _turn(self, now: Now) -> None:
        if self._is_link_ready:
            self._is_link_ready = False
            self._receive(now)
        self._followers.turn()
        for output, pipe in self._ready:
            if pipe in output.pipes:
                self._do(output, output.read, pipe, now)
                if output.state is OutputState.DRAINING or not output.pipes:
                    self._do(output, output.settle, now)
                self._after(output)
        self._ready.clear()
        for output in self._agenda.due(now.mono):
            self._settle(output, now)
        if self._retry_at is not None and self._retry_at <= now.mono:
            self._retry(now)
        self._watch_link()

    def _next_at(self) -> Mono | None:
        deadlines = [at for at in (self._agenda.next_at(), self._retry_at) if at is not None]
        return min(deadlines, default=None)

    def _note_link(self) -> None:
        self._is_link_ready = True

    def _receive(self, now: Now) -> None:
        assert self._link
        self._link.flush()
        try:
            received = self._link.receive()
        except LinkClosed:
            self._daemon_is_gone()
            return
        for message, fds in received:
            self._handle(message, fds, now)

    def _handle(self, message: ToPump, fds: list[int], now: Now) -> None:
        match message:
            case Hello():
                self._hello(message)
            case Open():
                self._open(message, fds, now)
            case SystemLine(run_id, text):
                if output := self._outputs.get(run_id):  # else its log was completed as this was sent
                    self._do(output, output.say, text, now)
                    self._after(output)
            case Exited(run_id, meta):
                output = self._outputs[run_id]
                self._do(output, output.exited, meta, now)
                self._settle(output, now)
            case Remove():
                self._remove(message)
            case FollowersLink():
                self._followers.attach(fds[0])
            case _:
                assert_never(message)

    def _hello(self, hello: Hello) -> None:
        guard = DiskGuard(hello.logs_dir, hello.min_free_space)
        self._shared = Shared(hello.logs_dir, guard, Block(), self._loop.unwatch, hello.is_copy_raw)

    def _open(self, message: Open, fds: list[int], now: Now) -> None:
        assert self._shared
        output = output_of(message, fds, self._shared)
        self._outputs[message.run_id] = output
        for pipe in output.pipes:
            self._loop.watch(pipe.fd, READ, partial(self._ready.append, (output, pipe)))
        self._do(output, output.start, now)
        self._after(output)

    def _remove(self, message: Remove) -> None:
        """One that cannot be removed keeps none of the others."""
        assert self._shared
        failure = ""
        for log in message.logs:
            task_name, _, stem = log.partition("/")
            try:
                LogFiles(self._shared.logs_dir, task_name, stem).remove()
            except OSError as error:
                failure = f"{log}: {error.strerror}"
        if self._link:
            self._link.send(Removed(message.ticket, failure))

    def _last_line(self, run_id: str) -> int | None:
        output = self._outputs.get(run_id)
        return output.writer.last_line if output else None

    def _settle(self, output: Output, now: Now) -> None:
        self._do(output, output.settle, now)
        self._after(output)

    def _do(self, output: Output, act: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """What nobody has thought of ends the log of one run and is shown, but not the pump: all other runs
        need it, and its successor would meet the same."""
        try:
            act(*args, **kwargs)
        except Exception as error:
            if output.writer.state is LogState.CLOSED:
                raise
            sys.excepthook(type(error), error, error.__traceback__)
            output.give_up(error)
            self._agenda.arm(output, host.now().mono)

    def _after(self, output: Output) -> None:
        """Passes on what an output has to say, and keeps the books about it."""
        self._followers.grown(output.run_id)
        messages, output.messages = output.messages, []
        if self._link:
            for message in messages:
                self._link.send(message)
        elif output.state is OutputState.DRAINED:
            output.let_go()  # what still comes is counted for nobody
        if output.is_over or (not self._link and not output.pipes):
            self._forget(output)
            return
        at = output.next_at()
        if at is not None:
            self._agenda.arm(output, at)
        if output.writer.state is LogState.STOPPED:
            self._stopped[output] = None
            if self._retry_at is None:
                self._retry_at = after(host.now().mono, RETRY)
        if not output.writer.is_parked and output not in self._writing:
            self._writing[output] = None
            self._park_some()

    def _park_some(self) -> None:
        """Closes the logs opened longest ago while too many are: pipes must never want for descriptors."""
        most = max(8, (self._open_files - SPARE_FDS - 2 * len(self._outputs)) // 2)
        while len(self._writing) > most:
            oldest = next(iter(self._writing))
            del self._writing[oldest]
            self._do(oldest, oldest.writer.park)

    def _retry(self, now: Now) -> None:
        """The disk may have room again, for all or for some of the stopped logs."""
        assert self._shared
        guard = self._shared.guard
        guard.check(now.mono)
        for output in [*self._stopped]:
            if not guard.is_low:
                self._do(output, output.resume, now)
            if output.writer.state is not LogState.STOPPED:
                del self._stopped[output]
            self._after(output)
        self._retry_at = after(now.mono, RETRY) if self._stopped else None

    def _forget(self, output: Output) -> None:
        if output.state is not OutputState.DRAINED:
            self._do(output, output.leave)
        self._outputs.pop(output.run_id)
        self._agenda.drop(output)
        self._stopped.pop(output, None)
        self._writing.pop(output, None)

    def _daemon_is_gone(self) -> None:
        assert self._link
        self._loop.unwatch(self._link.fileno())
        self._link.close()
        self._link = None
        for output in [*self._outputs.values()]:
            self._after(output)

    def _watch_link(self) -> None:
        if self._link:
            events = READ | WRITE if self._link.wants_write else READ
            if events != self._link_events:
                self._link_events = events
                self._loop.watch(self._link.fileno(), events, self._note_link)


def main(fd: int) -> None:
    host.take_command_name()
    Pump(Link(socket.socket(fileno=fd), TO_PUMP)).run()


if __name__ == "__main__":
    main(3)
