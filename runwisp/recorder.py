"""Keeps what could not be written to the history until it can be: the daemon goes on meanwhile.

Owns the rows in waiting, a bounded number of them. Must never raise for a database that cannot be written,
nor lose the order of one run's states. Called by the daemon's ``perform``, and by its timer to try again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import islice

from runwisp.errors import HistoryError, HistoryMalformed, HistoryUnwritable
from runwisp.firing import Mark
from runwisp.history import History
from runwisp.run import Run

MOST_WAITING = 10_000
BATCH = 500


class Recorder:
    """``dropped`` counts the runs whose newest state was given up, oldest first, for want of room."""

    def __init__(self, history: History) -> None:
        self.dropped = 0
        self._history = history
        self._trouble: HistoryError | None = None
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._marks: dict[str, Mark] = {}

    @property
    def is_degraded(self) -> bool:
        return self._trouble is not None

    @property
    def is_malformed(self) -> bool:
        """Trying again is in vain: the database has to be set aside and ``go_on`` called with a new one."""
        return isinstance(self._trouble, HistoryMalformed)

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

    def save(self, runs: Sequence[Run], marks: Sequence[Mark] = ()) -> bool:
        """True when it is in the database. While degraded nothing is tried: that is ``retry``'s."""
        if not self._trouble:
            try:
                self._history.save(runs, marks)
                return True
            except (HistoryUnwritable, HistoryMalformed) as error:
                self._trouble = error
        self._keep(runs, marks)
        return False

    def amend(self, run: Run) -> bool:
        """Saves a run that had ended once more, unless it was deleted meanwhile."""
        try:
            if not self._trouble and self._history.run(run.id) is None:
                return True
        except (HistoryUnwritable, HistoryMalformed) as error:
            self._trouble = error
        return self.save([run])

    def retry(self) -> bool:
        """Writes what waits, a bounded part of it a call; True when nothing is left waiting.

        Marks come last: one that is written says that the rows of all firings up to it are.
        """
        batch = list(islice(self._runs.values(), BATCH))
        is_last = len(batch) == len(self._runs)
        try:
            self._history.save(batch, self._marks.values() if is_last else ())
        except (HistoryUnwritable, HistoryMalformed) as error:
            self._trouble = error
            return False
        for run in batch:
            del self._runs[run.id]
        if is_last:
            self._marks.clear()
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

    def _keep(self, runs: Iterable[Run], marks: Iterable[Mark]) -> None:
        self._marks.update((mark.task_name, mark) for mark in marks)
        for run in runs:
            self._runs[run.id] = run
            self._runs.move_to_end(run.id)
        while len(self._runs) > MOST_WAITING:
            self._runs.popitem(last=False)
            self.dropped += 1
