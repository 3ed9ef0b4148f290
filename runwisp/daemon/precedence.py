"""What is handled first of all that waits: a schedule is on time, whatever crowd of other tasks ends.

Pure. Never changes the order of what concerns one task, so that whether it still runs is known when it fires.
Called by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runwisp.daemon.inputs import Due, Exited, Input, LeftoversGone, Spawned, SpawnFailed
from runwisp.firing import Anchored, Firing, Missed, Ticked
from runwisp.wire import Closed, Drained, Overflowed, Pressure, Renamed


def in_order(
    waiting: Sequence[Input], ticked: Sequence[Ticked], task_of_run: Callable[[str], str]
) -> list[Input]:
    """``waiting`` with ``ticked`` in front of what concerns other tasks only."""
    if not ticked:
        return [*waiting]
    fired = {_task_of(each, task_of_run) for each in ticked}
    before: list[Input] = []
    behind: list[Input] = []
    for each in waiting:
        task = _task_of(each, task_of_run)
        (before if task is None or task in fired else behind).append(each)
    return [*before, *ticked, *behind]


def _task_of(happened: Input, task_of_run: Callable[[str], str]) -> str | None:
    """None for what may concern any task."""
    match happened:
        case Firing(mark=mark) | Missed(mark=mark) | Anchored(mark=mark):
            return mark.task_name
        case (
            Spawned(run_id)
            | SpawnFailed(run_id)
            | Exited(run_id)
            | LeftoversGone(run_id)
            | Renamed(run_id)
            | Drained(run_id)
            | Closed(run_id)
            | Overflowed(run_id)
            | Pressure(run_id)
        ):
            return task_of_run(run_id)
        case Due(timer):
            return timer.task_name or None
        case _:
            return None
