"""What a schedule gives the supervisor: firings, ticks that were missed, and the mark it goes on from."""

from __future__ import annotations

from enum import StrEnum

from runwisp.clock import Millis, Wall
from runwisp.frozen import frozen


class Cause(StrEnum):
    ON_TIME = "on_time"
    CATCH_UP = "catch_up"
    DST_SKIPPED = "dst_skipped"


@frozen
class Mark:
    """Where one task's schedule stands; kept apart from the history, so that retention never touches it.

    ``schedule`` is the cron expression and zone it belongs to: another text is another schedule, anchored
    anew at ``anchored_at``. ``last_fired_at`` is the latest tick that was fired, skipped or counted missed.
    """

    task_name: str
    schedule: str
    anchored_at: Wall
    last_fired_at: Wall | None = None


@frozen
class Firing:
    """A tick that happened. ``mark`` is saved together with the row it leads to."""

    scheduled_for: Wall
    cause: Cause
    mark: Mark


@frozen
class Missed:
    """Ticks that passed while the daemon was down (or the clock jumped) and are not caught up."""

    count: int
    first: Wall
    last: Wall
    mark: Mark


@frozen
class Anchored:
    """A schedule seen for the first time, or anchored anew."""

    mark: Mark


@frozen
class ClockStepped:
    """The wall clock moved against the monotonic one by ``step`` (negative: set back) and every schedule was
    anchored anew."""

    step: Millis


Ticked = Firing | Missed | Anchored | ClockStepped
