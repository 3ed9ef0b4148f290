"""What is handled first of all that waits: a schedule is on time, whatever crowd of other tasks ends.

Pure. Never changes the order of what concerns one task, so that whether it still runs is known when it fires.
Called by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runwisp.daemon.inputs import Due, Input, OfARun
from runwisp.firing import Anchored, Firing, Missed, Ticked


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
    if isinstance(happened, OfARun):
        return task_of_run(happened.run_id)
    if isinstance(happened, Firing | Missed | Anchored):
        return happened.mark.task_name
    return happened.timer.task_name or None if isinstance(happened, Due) else None
