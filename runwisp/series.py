"""A series: the same thing happening again and again, told to one address the first time, then every so
often, and once more when its window closes.

Pure. Owns the series that are open. Called by the daemon's outbox with every event; keeping the rows is
others'.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runwisp.clock import Wall
from runwisp.delivery import Delivery
from runwisp.event import Event, EventKind
from runwisp.frozen import frozen
from runwisp.ids import UlidMaker
from runwisp.notifier import NotifySettings
from runwisp.run import EndReason, Run

Key = tuple[str, str | None, EventKind, EndReason | None]


@frozen(kw_only=True)
class Series:
    """``count`` is how often it happened since ``opened_at``, and ``told`` the count that the address knows
    of or is about to; 0 when the last attempt to tell it failed. ``event`` and ``run`` are the last ones."""

    address: str
    opened_at: Wall
    event: Event
    run: Run | None
    count: int = 1
    told: int = 1
    is_over: bool = False

    @property
    def key(self) -> Key:
        """One address has one open series of it."""
        return key_of(self.address, self.event, self.run)


Told = list[Delivery | Series]
"""What has changed: how series stand, and then the deliveries to be made, of which one may yet ``fail``."""


class Coalescing:
    """``former`` are the series that a former life left open."""

    def __init__(self, settings: NotifySettings, ids: UlidMaker, former: Iterable[Series] = ()) -> None:
        self._window = settings.coalesce_window if settings.coalesce_outbound else 0
        self._ring = settings.occurrence_ring
        self._ids = ids
        self._open = {series.key: series for series in former}

    @property
    def open(self) -> Iterable[Series]:
        """The one that was opened first in front."""
        return self._open.values()

    def happened(self, address: str, event: Event, run: Run | None) -> Told:
        if not self._window or event.kind is EventKind.NOTIFY_DELIVERY_FAILED:
            return [self._delivery(address, event, run)]
        closed = self.close_old(event.at)
        former = self._open.get(key_of(address, event, run))
        if former is None:
            series = Series(address=address, opened_at=event.at, event=event, run=run)
            deliveries = [self._delivery(address, event, run)]
        else:
            series = self._repeated(former, event, run)
            deliveries = [self._telling(series, event.at)] if series.told == series.count else []
        self._open[series.key] = series
        return [*closed, series, *deliveries]

    def failed(self, delivery: Delivery) -> Told:
        """The address does not know of it: the next time is told at once."""
        series = self._open.get(key_of(delivery.address, delivery.event, delivery.run))
        if series is None or delivery.is_summary:
            return []
        self._open[series.key] = series = replace(series, told=0)
        return [series]

    def close_old(self, now: Wall) -> Told:
        """Ends those whose window is over, each with a summary if it happened more than once; also those that
        a clock set back put far ahead."""
        told: Told = []
        while (series := self._oldest) and not 0 <= now - series.opened_at < self._window:
            del self._open[series.key]
            if series.count > 1:
                told.append(replace(self._telling(series, now), is_summary=True))
            told.append(replace(series, is_over=True))
        return told

    def next_at(self) -> Wall | None:
        """When the first window closes."""
        return Wall(self._oldest.opened_at + self._window) if self._oldest else None

    @property
    def _oldest(self) -> Series | None:
        return next(iter(self._open.values()), None)

    def _repeated(self, former: Series, event: Event, run: Run | None) -> Series:
        count = former.count + 1
        is_told = not former.told or count % self._ring == 0
        return replace(former, event=event, run=run, count=count, told=count if is_told else former.told)

    def _telling(self, series: Series, at: Wall) -> Delivery:
        delivery = self._delivery(series.address, series.event, series.run, at)
        return replace(delivery, count=series.count, since=series.opened_at)

    def _delivery(self, address: str, event: Event, run: Run | None, at: Wall | None = None) -> Delivery:
        return Delivery(id=self._ids.next(at or event.at), address=address, event=event, run=run)


def key_of(address: str, event: Event, run: Run | None) -> Key:
    return address, event.task_name, event.kind, run.end_reason if run else None
