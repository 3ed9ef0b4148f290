"""The one thread that owns the links of web, and all responses that go on without a worker.

Speaks with the daemon (questions out, answers and news in), with the pump (who is told when a log grew), and
hands sockets to ``connections``. Handlers call ``ask``, ``admit`` and ``adopt`` from worker threads; whatever
else is here happens on the hub's own thread. It ends when the daemon closes the link.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runwisp import errors, host
from runwisp.daemonlog import Log
from runwisp.errors import DaemonSilent, LinkClosed, TooManyStreams
from runwisp.link import Link
from runwisp.login import origin
from runwisp.loop import READ, Loop
from runwisp.looplink import LoopLink
from runwisp.timers import TimerKind
from runwisp.web.connections import BEAT_TIMER, Connections
from runwisp.web.feed import Feed
from runwisp.web.growth import Growth
from runwisp.webwire import Answer, FromWeb, Pump, Question, Refusal, Serving, ToWeb

PATIENCE = 10
"""Seconds that a question waits for its answer."""

MOST_STREAMS = 512
MOST_OF_AN_ADDRESS = 64

Listener = Callable[[ToWeb], None]


class _Pending:
    def __init__(self) -> None:
        self.is_answered = threading.Event()
        self.answer: Answer | Refusal | None = None


class Hub:
    """``early``: what came over the link beside the welcome."""

    def __init__(self, link: Link[ToWeb], log: Log, early: Sequence[tuple[ToWeb, list[int]]] = ()) -> None:
        self._early = early
        self._loop = Loop()
        self._link = LoopLink(self._loop, link)
        self._listeners: list[Listener] = []
        self._pending: dict[int, _Pending] = {}
        self._last_ticket = 0
        self._lock = threading.Lock()
        """Guards what worker threads touch: these three and ``_pending``."""
        self._outgoing: list[FromWeb] = [Serving()]
        self._newcomers: list[tuple[socket.socket, str, Feed]] = []
        self._taken: Counter[str] = Counter()
        self._bell_r, self._bell_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._connections = Connections(self._loop, log, self.give_back)
        self.growth = Growth(self._loop)

    def listen(self, callback: Listener) -> None:
        """Hears every message of the daemon, on the hub's thread. Before ``run``."""
        self._listeners.append(callback)

    def ask(self, make: Callable[[int], Question]) -> Mapping[str, Any]:
        """Asks the daemon and waits. ``make`` gives the question with a ticket.

        Raises: DaemonSilent, and whatever the daemon refuses with.
        """
        pending = _Pending()
        with self._lock:
            self._last_ticket += 1
            question = make(self._last_ticket)
            self._pending[question.ticket] = pending
            self._outgoing.append(question)
        self._ring()
        pending.is_answered.wait(PATIENCE)
        with self._lock:
            del self._pending[question.ticket]
        match pending.answer:
            case Answer(value=value):
                return value
            case Refusal() as refusal:
                raise errors.told(refusal.code, refusal.message, refusal.hint, refusal.retry_after)
            case None:
                # Nothing takes back what it has not read yet.
                raise DaemonSilent(
                    "The daemon does not answer.",
                    "It may still do what was asked: look before you try again, and see its log.",
                )

    def admit(self, address: str) -> None:
        """Takes a slot for one stream, to be used by ``adopt`` or given back.

        Raises: TooManyStreams.
        """
        taker = origin(address)
        with self._lock:
            is_crowded = self._taken[taker] >= MOST_OF_AN_ADDRESS
            if is_crowded or self._taken.total() >= MOST_STREAMS:
                most = f"{MOST_OF_AN_ADDRESS} from one address" if is_crowded else f"{MOST_STREAMS} in all"
                raise TooManyStreams(
                    f"Too many live streams are open: {most} at most.", "Close some, or wait."
                )
            self._taken[taker] += 1

    def give_back(self, address: str) -> None:
        taker = origin(address)
        with self._lock:
            self._taken[taker] -= 1
            if not self._taken[taker]:
                del self._taken[taker]

    def adopt(self, sock: socket.socket, address: str, feed: Feed) -> None:
        """Takes over a socket that was admitted, on which the head of the response was written."""
        with self._lock:
            self._newcomers.append((sock, address, feed))
        self._ring()

    def run(self) -> None:
        """Until the daemon closes the link."""
        self._loop.watch(self._bell_r, READ, lambda: os.read(self._bell_r, 4096))
        self._hear(self._early)
        while True:
            self._take_over()
            now = host.now()
            self._loop.wait(now, now.mono if self._connections.is_busy else None)
            try:
                self._hear(self._link.received())
            except LinkClosed:
                return
            self._take_timers()
            self.growth.tell()
            self._connections.work()

    def _ring(self) -> None:
        try:
            os.write(self._bell_w, b"!")
        except BlockingIOError:
            return  # it rings already

    def _take_over(self) -> None:
        """What worker threads left for us."""
        with self._lock:
            outgoing, self._outgoing = self._outgoing, []
            newcomers, self._newcomers = self._newcomers, []
        for message in outgoing:
            self._link.send(message)
        for sock, address, feed in newcomers:
            self._connections.add(sock, address, feed, host.now())

    def _take_timers(self) -> None:
        now = host.now()
        for timer in self._loop.timers.due(now.mono):
            if timer == BEAT_TIMER:
                self._connections.beat(now.mono)
            elif timer.kind is TimerKind.FOLLOW:
                self.growth.due(timer.key)

    def _hear(self, received: Sequence[tuple[ToWeb, list[int]]]) -> None:
        for message, fds in received:
            match message:
                case Pump():
                    self.growth.attach(socket.socket(fileno=fds[0]))
                case Answer() | Refusal():
                    with self._lock:
                        pending = self._pending.get(message.ticket)
                    if pending:
                        pending.answer = message
                        pending.is_answered.set()
            for listener in self._listeners:
                listener(message)
