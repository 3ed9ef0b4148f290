"""The outbox: every event on its way to those who are to know of it, until it is there or given up.

Puts together who is told, what is a repetition, and whose turn it is, and keeps the rows of all that. Must
never wait for a channel, and never let the number of messages grow without bound. Called by the daemon's
main.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from runwisp import host
from runwisp.audience import Audience
from runwisp.clock import MINUTE, Mono, Now, after
from runwisp.daemon.deliverers import Deliverers, Origin
from runwisp.daemon.engine import Engine
from runwisp.delivery import Delivery, Outcome, Verdict
from runwisp.deliveryqueue import DeliveryQueue, GivenUp
from runwisp.event import Event, EventKind
from runwisp.history import Tiding
from runwisp.ids import UlidMaker
from runwisp.notice import headline
from runwisp.notifier import INAPP
from runwisp.run import Run
from runwisp.series import Coalescing, Series
from runwisp.timers import Timer, TimerKind

OUTBOX_TIMER = Timer(TimerKind.OUTBOX)
GIVEN_UP_AT_ONCE = 20
"""A thousand that end in one moment are told of in parts, so that no firing waits for all of them."""
COMPLAINT_EVERY = MINUTE


class Outbox:
    """``begin`` once, ``tidings`` for every event, ``turned`` after every turn, ``due`` for timers of its
    kind.

    ``tell`` publishes an event and saves its tidings together with what is given.
    """

    def __init__(
        self,
        engine: Engine,
        audience: Audience,
        fingerprint: str,
        tell: Callable[[Event, Sequence[Tiding]], None],
    ) -> None:
        self._engine = engine
        self._settings = settings = engine.born.config.notify
        self._audience = audience
        self._tell = tell
        self._ids = UlidMaker(host.random_bytes)
        self._queue = DeliveryQueue(settings.queue_size, settings.default_timeout, host.chance)
        self._coalescing = Coalescing(settings, self._ids)
        origin = Origin(engine.born.data.absolute, host.name(), fingerprint)
        self._deliverers = Deliverers(engine, origin, self._done)
        self._is_open = False
        self._is_touched = False
        self._complained_at: Mono | None = None
        self._complained_of = 0

    @property
    def counts(self) -> tuple[int, int]:
        """How many are on their way, and how many were dropped in this life."""
        return len(self._queue), self._queue.dropped

    @property
    def rows(self) -> list[Tiding]:
        """All that is to be kept, for a history that starts anew."""
        return [*self._queue, *self._coalescing.open]

    def restore(self, deliveries: Sequence[Delivery], series: Sequence[Series], now: Now) -> None:
        """What a former life left."""
        self._queue.restore(deliveries, now)
        self._coalescing = Coalescing(self._settings, self._ids, series)

    def begin(self, now: Now) -> None:
        """From now on messages are sent."""
        self._is_open = self._is_touched = True
        self.turned(now)

    def tidings(self, event: Event, run: Run | None) -> list[Tiding]:
        """What is to be saved with the event."""
        outward = [address for address in self._audience.of(event) if address != INAPP]
        told = (each for address in outward for each in self._coalescing.happened(address, event, run))
        return self._taken(told)

    def due(self, timer: Timer, now: Now) -> None:
        if timer != OUTBOX_TIMER:
            self._deliverers.overdue(timer.key)
            return
        self._is_touched = True
        if tidings := self._taken(self._coalescing.close_old(now.wall)):
            self._engine.recorder.save((), tidings=tidings)

    def turned(self, now: Now) -> None:
        """Starts whose turn it is and gives up what is hopeless, if anything has changed."""
        if not (self._is_touched and self._is_open):
            return
        self._is_touched = False
        for given_up in self._queue.give_up(now.mono, GIVEN_UP_AT_ONCE):
            self._give_up(given_up, now)
        for delivery in self._queue.start(now.mono):
            self._deliverers.start(delivery, now)
        self._arm(now)

    def close(self) -> None:
        """Nothing more is sent in this life; what is being sent may still be answered."""
        self._is_open = False

    def end(self) -> None:
        """What was not answered by now is delivered in the next life."""
        self._deliverers.end()
        self._tell_dropped()

    def _taken(self, told: Iterable[Delivery | Series]) -> list[Tiding]:
        """Without those that the queue has no room for; of these the series knows."""
        tidings: list[Tiding] = []
        for each in told:
            if isinstance(each, Series) or self._queue.add(each, host.now()):
                tidings.append(each)
            else:
                tidings += self._coalescing.failed(each)
        self._is_touched |= bool(tidings)
        self._complain()
        return tidings

    def _done(self, delivery: Delivery, outcome: Outcome) -> None:
        if not self._is_open and outcome.verdict is not Verdict.SENT:
            return
        now = host.now()
        self._is_touched = True
        match self._queue.done(delivery, outcome, now):
            case GivenUp() as given_up:
                self._give_up(given_up, now)
            case Delivery() as changed:
                self._engine.recorder.save((), tidings=[changed])

    def _give_up(self, given_up: GivenUp, now: Now) -> None:
        delivery, subject = given_up.delivery, given_up.delivery.event
        fields = {
            "channel": delivery.channel,
            "event": subject.kind.value,
            "reason": given_up.reason,
        }
        event = Event(
            EventKind.NOTIFY_DELIVERY_FAILED,
            now.wall,
            f"{delivery.channel} did not deliver: {headline(subject)}",
            subject.task_name,
            subject.run_id,
            fields,
        )
        # One that is refused would be refused again: then all that repeats itself fills the bell.
        series = [] if given_up.is_refused else self._coalescing.failed(delivery)
        self._tell(event, [delivery, *series])

    def _complain(self) -> None:
        """Of what was dropped, once a minute at most."""
        now = host.now().mono
        if self._complained_at is None or now - self._complained_at >= COMPLAINT_EVERY:
            self._complained_at = now if self._tell_dropped() else self._complained_at

    def _tell_dropped(self) -> bool:
        """Whether there was something to tell."""
        dropped = self._queue.dropped - self._complained_of
        self._complained_of += dropped
        if dropped:
            self._engine.log.error(
                "notifications are dropped, as queue_size of them wait already: see which channel fails",
                dropped=dropped,
                waiting=len(self._queue),
            )
        return bool(dropped)

    def _arm(self, now: Now) -> None:
        """For what comes without anything happening before."""
        closes_at = self._coalescing.next_at()
        wakes = [
            self._queue.next_at(now.mono),
            None if closes_at is None else after(now.mono, max(0, closes_at - now.wall)),
            now.mono if self._is_touched else None,
        ]
        known = [at for at in wakes if at is not None]
        if known:
            self._engine.loop.timers.arm(OUTBOX_TIMER, min(known))
        else:
            self._engine.loop.timers.disarm(OUTBOX_TIMER)
