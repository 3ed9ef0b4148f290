"""Keeps what could not be written to the history until it can be: the daemon goes on meanwhile.

Owns the rows in waiting, a bounded number of them. Must never raise for a database that cannot be written,
nor lose the order of one run's states. Called by the daemon's ``perform``, and by its timer to try again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from itertools import islice

from runwisp.delivery import Delivery
from runwisp.errors import HistoryError, HistoryMalformed, HistoryUnwritable, Obstacle
from runwisp.firing import Mark
from runwisp.history import History, Tiding
from runwisp.notice import Notice
from runwisp.run import Run
from runwisp.series import Series

MOST_WAITING = 10_000
MOST_NOTICES = 1000
BATCH = 500


class Recorder:
    """``dropped`` counts the runs whose newest state was given up, oldest first, for want of room."""

    def __init__(self, history: History) -> None:
        self.dropped = 0
        self._history = history
        self._trouble: HistoryError | None = None
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._marks: dict[str, Mark] = {}
        self._notices: OrderedDict[str, Notice] = OrderedDict()
        self._outbox: OrderedDict[object, Delivery | Series] = OrderedDict()
        self._unwritten: set[str] = set()

    @property
    def is_degraded(self) -> bool:
        return self._trouble is not None

    @property
    def is_malformed(self) -> bool:
        """Trying again is in vain: the database has to be set aside and ``go_on`` called with a new one."""
        return isinstance(self._trouble, HistoryMalformed)

    @property
    def _is_full(self) -> bool:
        return isinstance(self._trouble, HistoryUnwritable) and self._trouble.obstacle is Obstacle.FULL

    @property
    def reason(self) -> str:
        return self._trouble.message if self._trouble else ""

    @property
    def hint(self) -> str:
        """What a person can do about it."""
        return self._trouble.hint if self._trouble else ""

    @property
    def waiting(self) -> int:
        return len(self._runs)

    @property
    def unsent(self) -> int:
        """Messages that wait and are not in the database as they stand."""
        return len(
            [each for each in self._outbox.values() if isinstance(each, Delivery) and not each.is_over]
        )

    def save(self, runs: Sequence[Run], marks: Sequence[Mark] = (), tidings: Collection[Tiding] = ()) -> bool:
        """True when it is in the database. While degraded nothing is tried: that is ``retry``'s."""
        if not self._trouble:
            try:
                self._write(runs, marks, tidings)
                return True
            except (HistoryUnwritable, HistoryMalformed) as error:
                self._trouble = error
        self._keep(runs, marks, tidings)
        return False

    def amend(self, run: Run) -> bool:
        """Saves a run that had ended once more; False when it was deleted meanwhile."""
        try:
            if not self._trouble and self._history.run(run.id) is None:
                return False
        except (HistoryUnwritable, HistoryMalformed) as error:
            self._trouble = error
        self.save([run])
        return True

    def found_malformed(self, trouble: HistoryMalformed) -> None:
        """Somebody else found the database so, in a part of it that no save touches."""
        self._trouble = trouble

    def retry(self) -> bool:
        """Writes what waits, a bounded part of it a call; True when nothing is left waiting.

        Marks come last: one that is written says that the rows of all firings up to it are. Messages on their
        way come first: better one that tells of a run that is not in the history than none. On a disk that
        was full the first room goes to the database, not to the -wal, which would only fill it again.
        """
        batch = list(islice(self._runs.values(), BATCH))
        is_last = len(batch) == len(self._runs)
        try:
            if self._is_full:
                self._history.make_room()
            if is_last:
                tidings = [*self._outbox.values(), *self._notices.values()]
                self._write(batch, [*self._marks.values()], tidings)
            else:
                self._write(batch, (), [*self._outbox.values()])
        except (HistoryUnwritable, HistoryMalformed) as error:
            self._trouble = error
            return False
        self._outbox.clear()
        self._unwritten.clear()
        for run in batch:
            del self._runs[run.id]
        if is_last:
            self._marks.clear()
            self._notices.clear()
            self._trouble = None
        return is_last

    def finish(self) -> bool:
        """The end of this process, and so the last try; False when something is not in the database."""
        while self._trouble:
            left = self.waiting
            if not self.retry() and self.waiting == left:
                return False
        return True

    def go_on(self, history: History) -> None:
        """With another database, in the place of a malformed one: what waits goes there."""
        self._history = history
        if self._trouble:
            self._trouble = HistoryError(self._trouble.message, self._trouble.hint)

    def _write(self, runs: Sequence[Run], marks: Sequence[Mark], tidings: Collection[Tiding]) -> None:
        """Raises: HistoryUnwritable, HistoryMalformed."""
        try:
            self._history.save(runs, marks, tidings)
        except HistoryUnwritable as error:
            if error.obstacle is not Obstacle.FULL:
                raise
            self._history.make_room()
            self._history.save(runs, marks, tidings)

    def _keep(self, runs: Iterable[Run], marks: Iterable[Mark], tidings: Iterable[Tiding]) -> None:
        self._marks.update((mark.task_name, mark) for mark in marks)
        for tiding in tidings:
            self._keep_tiding(tiding)
        while len(self._notices) > MOST_NOTICES:
            self._notices.popitem(last=False)
        for run in runs:
            self._runs[run.id] = run
            self._runs.move_to_end(run.id)
        while len(self._runs) > MOST_WAITING:
            self._runs.popitem(last=False)
            self.dropped += 1

    def _keep_tiding(self, tiding: Tiding) -> None:
        match tiding:
            case Notice():
                self._notices[tiding.id] = tiding
            case Delivery():
                self._keep_delivery(tiding)
            case Series():
                self._outbox.pop(tiding.key, None)
                self._outbox[tiding.key] = tiding

    def _keep_delivery(self, delivery: Delivery) -> None:
        """One that came and went meanwhile leaves nothing, so that no more wait than the queue holds
        twice."""
        if delivery.is_over and delivery.id in self._unwritten:
            self._unwritten.remove(delivery.id)
            self._outbox.pop(delivery.id)
            return
        if delivery.is_new:
            self._unwritten.add(delivery.id)
        self._outbox[delivery.id] = delivery
