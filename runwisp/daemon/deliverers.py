"""The deliver processes: one for each message that is being sent, ended when it takes too long.

Decides nothing: what is sent when is ``deliveryqueue``'s. Must never wait for one. Called by the outbox.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from typing import BinaryIO

from runwisp import environment
from runwisp.clock import SECOND, Millis, Now, after
from runwisp.daemon.engine import Engine
from runwisp.delivery import Delivery, Order, Outcome, Verdict, order_json, outcome_from
from runwisp.errors import LaunchError
from runwisp.frozen import frozen
from runwisp.helper import start_once
from runwisp.notifier import Notifier, Secret, SecretSource
from runwisp.procfs import children_of, signal_group
from runwisp.route import split
from runwisp.timers import Timer, TimerKind

DELIVER = "runwisp.deliver.main"
LIMIT: Millis = 20 * SECOND
"""An attempt takes up to 15 s and knows itself when it is over."""
LONGEST_OUTCOME = 65_536
NICENESS = 5
"""A backlog of messages gives way to what is due. Much nicer, none would be in time on a busy machine."""


@frozen
class Origin:
    """Whose messages they are."""

    data_dir: str
    host: str
    fingerprint: str


@dataclass(slots=True)
class Deliverer:
    delivery: Delivery
    pid: int
    answer_fd: int
    is_late: bool = False


class Deliverers:
    """``done`` is called once for every delivery that was started."""

    def __init__(self, engine: Engine, origin: Origin, done: Callable[[Delivery, Outcome], None]) -> None:
        self._engine = engine
        self._config = config = engine.born.config
        self._origin = origin
        self._done = done
        self._busy: dict[str, Deliverer] = {}
        self._inherited = environment.inherited(os.environ, config.secret_variables)

    def start(self, delivery: Delivery, now: Now) -> None:
        channel, target = split(delivery.address)
        notifier = self._config.notifiers.get(channel)
        if notifier is None:
            self._done(delivery, Outcome(Verdict.GAVE_UP, f"no notifier is called {channel} any more"))
            return
        try:
            deliverer = self._started(delivery, notifier, target)
        except (LaunchError, OSError) as error:
            self._done(delivery, Outcome(Verdict.AGAIN, f"deliver could not be started: {error}"))
            return
        self._busy[delivery.id] = deliverer
        self._engine.await_end(deliverer.pid, lambda how: self._ended(delivery.id, how))
        self._engine.loop.timers.arm(_limit_timer(delivery.id), after(now.mono, LIMIT))

    def overdue(self, delivery_id: str) -> None:
        """Its time is up."""
        deliverer = self._busy[delivery_id]
        deliverer.is_late = True
        _kill(deliverer)

    def end(self) -> None:
        """Of the daemon; what was not answered is delivered in the next life."""
        for deliverer in self._busy.values():
            _kill(deliverer)

    def _started(self, delivery: Delivery, notifier: Notifier, target: str | None) -> Deliverer:
        """Raises: LaunchError, OSError."""
        order = self._order(delivery, notifier, target)
        with _memory(order_json(order)) as order_file:
            answer_fd, write_fd = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(answer_fd, False)
            try:
                pid = start_once(DELIVER, order_file.fileno(), write_fd, self._env(notifier))
            except BaseException:
                os.close(answer_fd)
                raise
            finally:
                os.close(write_fd)
        with suppress(PermissionError):  # where a sandbox forbids it; a message goes out all the same
            os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
        return Deliverer(delivery, pid, answer_fd)

    def _order(self, delivery: Delivery, notifier: Notifier, target: str | None) -> Order:
        return Order(
            delivery_id=delivery.id,
            notifier=notifier,
            target=target,
            data_dir=self._origin.data_dir,
            external_url=self._config.external_url,
            host=self._origin.host,
            fingerprint=self._origin.fingerprint,
            event=delivery.event,
            run=delivery.run,
            count=delivery.count,
            since=delivery.since,
            is_summary=delivery.is_summary,
        )

    def _env(self, notifier: Notifier) -> dict[str, str]:
        """Only the secrets of this notifier are in it."""
        values = (getattr(notifier, each.name) for each in fields(notifier))
        names = [each.text for each in values if isinstance(each, Secret) and each.source is SecretSource.ENV]
        return self._inherited | {name: os.environ[name] for name in names if name in os.environ}

    def _ended(self, delivery_id: str, how: str) -> None:
        deliverer = self._busy.pop(delivery_id)
        self._engine.loop.timers.disarm(_limit_timer(delivery_id))
        self._done(deliverer.delivery, _outcome(deliverer, how))


@contextmanager
def _memory(content: bytes) -> Iterator[BinaryIO]:
    """A file in memory, to be read from its beginning. Unlike a pipe it takes all at once."""
    with os.fdopen(os.memfd_create("order", os.MFD_CLOEXEC), "w+b", buffering=0) as file:
        file.write(content)
        file.seek(0)
        yield file


def _limit_timer(delivery_id: str) -> Timer:
    return Timer(TimerKind.OUTBOX, delivery_id)


def _outcome(deliverer: Deliverer, how: str) -> Outcome:
    """What it said; what became of it when that was nothing."""
    with os.fdopen(deliverer.answer_fd, "rb", buffering=0) as answer:
        line = answer.read(LONGEST_OUTCOME) or b""
    try:
        return outcome_from(line)
    except ValueError:
        why = f"was ended after {LIMIT // SECOND}s" if deliverer.is_late else how
        return Outcome(Verdict.AGAIN, f"deliver {why} and did not say what became of the message")


def _kill(deliverer: Deliverer) -> None:
    """With the program that it started, which leads a group of its own. Stopped first, it can neither start
    another nor reap this one, and as it is not reaped yet, its own number is nobody else's."""
    signal_group(deliverer.pid, signal.SIGSTOP)
    for child in children_of(deliverer.pid):
        signal_group(child, signal.SIGKILL)
    signal_group(deliverer.pid, signal.SIGKILL)
