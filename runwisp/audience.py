"""Who is told of an event: the addresses that defaults, tasks and routes add up to.

Pure. Called by the daemon with every event, once for the bell and once for all that leaves the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runwisp.configkeys import NOTIFIER_TYPES
from runwisp.event import FAILURES, Event, EventKind
from runwisp.notifier import INAPP, Notifier
from runwisp.route import Route, matches, split
from runwisp.task import AnyTask


class Audience:
    """``defaults`` are the ``default_notifiers``."""

    def __init__(
        self,
        defaults: Sequence[str],
        tasks: Mapping[str, AnyTask],
        routes: Iterable[Route],
        notifiers: Mapping[str, Notifier],
    ) -> None:
        self._defaults = defaults
        self._tasks = tasks
        self._routes = tuple(routes)
        self._notifiers = notifiers

    def of(self, event: Event) -> tuple[str, ...]:
        """Each address once, whatever it owes that to.

        That a channel failed goes into the bell and never through that channel; that even this could not be
        delivered goes nowhere else, so that two broken channels do not keep telling of each other.
        """
        asked = [address for addresses in self._asking(event) for address in addresses]
        if event.kind is not EventKind.NOTIFY_DELIVERY_FAILED:
            return self._each_once(asked)
        if event.fields["event"] == EventKind.NOTIFY_DELIVERY_FAILED:
            return (INAPP,)
        others = [address for address in asked if split(address)[0] != event.fields["channel"]]
        return self._each_once([INAPP, *others])

    def _asking(self, event: Event) -> Iterable[Sequence[str]]:
        task = self._tasks.get(event.task_name or "")
        if event.kind in FAILURES:
            yield self._defaults
            yield task.notify_on_failure if task else ()
        elif event.kind is EventKind.RUN_SUCCEEDED and task:
            yield task.notify_on_success
        yield from (route.notify for route in self._routes if matches(route.match, event))

    def _each_once(self, addresses: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(self._plain, addresses)))

    def _plain(self, address: str) -> str:
        """Without a target that the notifier has anyway."""
        channel, target = split(address)
        notifier = self._notifiers.get(channel)
        if target is None or notifier is None:
            return address
        own = getattr(notifier, NOTIFIER_TYPES[notifier.type].target)
        return channel if own in (target, (target,)) else address
