"""A firing goes in front of a crowd, but not of what happened to its own task."""

from __future__ import annotations

import pytest

from runwisp.clock import Wall
from runwisp.daemon.inputs import Asked, Due, Exited, Input, StopDaemon, StopRun, StopTask, TriggerTask
from runwisp.daemon.precedence import in_order
from runwisp.firing import Anchored, Cause, ClockStepped, Firing, Mark, Ticked
from runwisp.run import Trigger
from runwisp.timers import Timer, TimerKind
from runwisp.wire import Drained

TASKS = {"run-of-a": "a", "run-of-b": "b"}
STOP = StopDaemon("SIGTERM")
STEPPED = ClockStepped(1)


def firing(task: str, at: int = 0) -> Firing:
    return Firing(Wall(at), Cause.ON_TIME, Mark(task, "", Wall(0)))


def exited(task: str) -> Exited:
    return Exited(f"run-of-{task}", 0, "", None, has_left=False)


def drained(task: str) -> Drained:
    return Drained(f"run-of-{task}", 0, 0, 0, 0, is_held=False)


def retry(task: str) -> Due:
    return Due(Timer(TimerKind.START, f"run-of-{task}", task))


def order(waiting: list[Input], *ticked: Ticked) -> list[Input]:
    return in_order(waiting, ticked, lambda run_id: TASKS.get(run_id, ""))


def test_a_firing_overtakes_what_concerns_other_tasks() -> None:
    waiting: list[Input] = [exited("b"), firing("b"), retry("b"), drained("b")]
    assert order(waiting, firing("a")) == [firing("a"), *waiting]


def test_a_firing_overtakes_nothing_of_its_own_task() -> None:
    waiting: list[Input] = [exited("b"), exited("a"), drained("b"), drained("a"), firing("a", 1)]
    expected = [exited("a"), drained("a"), firing("a", 1), firing("a", 2), exited("b"), drained("b")]
    assert order(waiting, firing("a", 2)) == expected


def test_what_may_concern_any_task_is_not_overtaken() -> None:
    waiting: list[Input] = [exited("b"), STOP, STEPPED, drained("b")]
    assert order(waiting, firing("a")) == [exited("b"), STOP, STEPPED, firing("a"), drained("b")]


@pytest.mark.parametrize(
    "later",
    [
        Due(Timer(TimerKind.TIMEOUT, "run-of-b")),
        Asked(TriggerTask("b", Trigger.API), 1),
        Asked(StopTask("b"), 1),
        Asked(StopRun("run-of-b"), 1),
    ],
)
def test_that_a_run_has_ended_is_known_before_what_came_later_for_its_task(later: Input) -> None:
    """Else it timed out though it was in time, or kept its successor out."""
    waiting: list[Input] = [exited("b"), later]
    assert order(waiting, firing("a")) == [firing("a"), *waiting]
    assert order([*waiting, STOP], firing("a")) == [*waiting, STOP, firing("a")]


def test_that_a_waiting_run_is_stopped_comes_before_a_firing_that_may_be_its_task_s() -> None:
    stopped = Asked(StopRun("waiting-run"), 1)
    assert order([stopped], firing("a")) == [stopped, firing("a")]


def test_what_is_left_of_a_run_that_has_ended_waits() -> None:
    gone = Drained("run-of-nobody", 0, 0, 0, 0, is_held=False)
    assert order([gone], firing("a")) == [firing("a"), gone]


def test_a_clock_that_was_set_comes_before_the_schedules_anchored_anew() -> None:
    anchored = Anchored(Mark("a", "", Wall(0)))
    assert order([exited("b"), exited("a")], STEPPED, anchored) == [
        *(exited("a"), STEPPED, anchored),
        exited("b"),
    ]


def test_without_a_firing_everything_keeps_its_place() -> None:
    waiting: list[Input] = [exited("b"), STOP, exited("a")]
    assert order(waiting) == waiting
