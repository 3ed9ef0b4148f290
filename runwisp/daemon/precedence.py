"""What is handled first of all that waits: a schedule is on time, whatever crowd of other tasks ends.

Pure. Never changes the order of what concerns one task, so that whether it still runs is known when it fires.
Called by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runwisp.daemon.inputs import Asked, Due, Input, StopDaemon, StopRun
from runwisp.firing import Anchored, ClockStepped, Firing, Missed, Ticked
from runwisp.timers import Timer


def in_order(
    waiting: Sequence[Input], ticked: Sequence[Ticked], task_of_run: Callable[[str], str]
) -> list[Input]:
    """``waiting`` with ``ticked`` in front of what concerns other tasks only."""
    if not ticked:
        return [*waiting]
    fired = {_task_of(each, task_of_run) for each in ticked}
    tasks = [_task_of(each, task_of_run) for each in waiting]
    fixed = max((place for place, task in enumerate(tasks, 1) if task is None), default=0)
    before = [*waiting[:fixed]]
    behind: list[Input] = []
    for each, task in zip(waiting[fixed:], tasks[fixed:], strict=True):
        (before if task in fired else behind).append(each)
    return [*before, *ticked, *behind]


def _task_of(happened: Input, task_of_run: Callable[[str], str]) -> str | None:
    """None for what may concern any task; nothing is moved past that."""
    match happened:
        case Firing() | Missed() | Anchored():
            return happened.mark.task_name
        case Due(Timer(key=run_id, task_name=task_name)):
            return task_name or (task_of_run(run_id) if run_id else None)
        case Asked(wish):
            return (task_of_run(wish.run_id) or None) if isinstance(wish, StopRun) else wish.name
        case ClockStepped() | StopDaemon():
            return None
        case _:
            return task_of_run(happened.run_id)
