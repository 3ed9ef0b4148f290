"""When retention gets its turn: at start, every hour, and as runs end; never when a firing is near.

Deleting from a large history may wait for the disk, and whatever waits for the disk must not hold up a start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runwisp.clock import HOUR, SECOND, Millis, Mono, Now, after
from runwisp.daemon.retention import Retention
from runwisp.daemonlog import Log
from runwisp.errors import HistoryMalformed, HistoryUnwritable
from runwisp.run import Phase, Run
from runwisp.timers import Timer, TimerKind, Timers
from runwisp.wire import Remove, Removed

SWEEP_TIMER = Timer(TimerKind.SWEEP)
STEP_TIMER = Timer(TimerKind.SWEEP, "step")
SWEEP_EVERY: Millis = HOUR
BETWEEN_STEPS: Millis = 10
CLEARANCE: Millis = 150
"""So long before a firing no step is begun; at a million runs one in a hundred takes over 50 ms."""
MOST_PUT_OFF: Millis = SECOND
"""Where a firing is always near, a step is taken all the same, or there would be none."""


@dataclass(slots=True)
class Sweeper:
    """``next_firing`` tells when a schedule is due next; ``remove`` has the pump delete files; ``malformed``
    hears that the history turned out to be."""

    retention: Retention
    timers: Timers
    log: Log
    next_firing: Callable[[Now], Mono | None]
    remove: Callable[[Remove], None]
    malformed: Callable[[HistoryMalformed], None]
    _is_armed: bool = False
    _put_off_since: Mono | None = None

    def begin(self, now: Now) -> None:
        self.retention.begin(now.wall)
        self._arm_step(now, BETWEEN_STEPS)
        self.timers.arm(SWEEP_TIMER, after(now.mono, SWEEP_EVERY))

    def due(self, timer: Timer, now: Now) -> None:
        if timer == SWEEP_TIMER:
            self.begin(now)
            return
        self._is_armed = False
        if self._is_put_off(now):
            self._arm_step(now, CLEARANCE)
        else:
            self._put_off_since = None
            self._step(now)

    def saved(self, run: Run, now: Now) -> None:
        """A run went into the history; when it has ended, its task may have more than is to be kept."""
        if run.phase is Phase.ENDED:
            self.retention.run_ended(run.task_name)
            self._arm_step(now, BETWEEN_STEPS)

    def delete(self, run_id: str, now: Now) -> None:
        """Raises: as ``Retention.delete``."""
        self.retention.delete(run_id)
        self._arm_step(now, BETWEEN_STEPS)

    def removed(self, removed: Removed, now: Now) -> None:
        if removed.failure:
            self.log.error("old logs could not be deleted; the next sweep tries again", why=removed.failure)
            self.retention.not_removed(removed.ticket)
        else:
            self.retention.removed(removed.ticket)
        self._arm_step(now, BETWEEN_STEPS)

    def _is_put_off(self, now: Now) -> bool:
        firing = self.next_firing(now)
        if firing is None or firing - now.mono >= CLEARANCE:
            return False
        if self._put_off_since is None:
            self._put_off_since = now.mono
        return now.mono - self._put_off_since < MOST_PUT_OFF

    def _step(self, now: Now) -> None:
        try:
            for removal in self.retention.step(now.wall):
                self.remove(removal)
        except HistoryMalformed as error:
            self.malformed(error)
            return
        except HistoryUnwritable as error:
            self.log.error("old runs could not be deleted; the next sweep tries again", why=error.message)
            return
        self._arm_step(now, BETWEEN_STEPS)

    def _arm_step(self, now: Now, wait: Millis) -> None:
        if self.retention.wants_step and not self._is_armed:
            self._is_armed = True
            self.timers.arm(STEP_TIMER, after(now.mono, wait))
