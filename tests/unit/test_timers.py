"""Deadlines: armed, moved, taken away, due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import Mono
from runwisp.timers import Timer, TimerKind, Timers

A, B, C = (Timer(TimerKind.KILL, key) for key in "abc")


def test_the_earliest_is_due_first_and_each_only_once() -> None:
    timers = Timers()
    for timer, at in ((A, 30), (B, 10), (C, 20)):
        timers.arm(timer, Mono(at))
    assert timers.next_at() == 10
    assert timers.due(Mono(9)) == []
    assert timers.due(Mono(25)) == [B, C]
    assert timers.due(Mono(30)) == [A]
    assert timers.next_at() is None


def test_those_of_one_moment_are_due_in_the_order_they_were_armed() -> None:
    timers = Timers()
    for timer in (C, A, B):
        timers.arm(timer, Mono(10))
    assert timers.due(Mono(10)) == [C, A, B]


def test_arming_again_moves_a_deadline_either_way() -> None:
    timers = Timers()
    timers.arm(A, Mono(10))
    timers.arm(A, Mono(30))
    timers.arm(B, Mono(30))
    timers.arm(B, Mono(20))
    assert timers.due(Mono(29)) == [B]
    assert timers.due(Mono(30)) == [A]


def test_arming_again_for_the_same_moment_makes_it_due_once() -> None:
    timers = Timers()
    timers.arm(A, Mono(10))
    timers.arm(A, Mono(10))
    assert timers.due(Mono(10)) == [A]


def test_one_that_was_disarmed_is_never_due_and_wakes_nobody() -> None:
    timers = Timers()
    timers.arm(A, Mono(10))
    timers.disarm(A)
    timers.disarm(B)
    assert timers.next_at() is None
    assert timers.due(Mono(99)) == []


def test_a_year_of_short_runs_with_long_timeouts_costs_no_memory() -> None:
    timers = Timers()
    for nth in range(10_000):
        timer = Timer(TimerKind.TIMEOUT, str(nth))
        timers.arm(timer, Mono(10**9))
        timers.disarm(timer)
    assert len(timers._heap) < 200


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.none() | st.integers(0, 50)), max_size=300))
def test_timers_behave_as_a_plain_table_of_deadlines(moves: list[tuple[Timer, int | None]]) -> None:
    timers, table = Timers(), dict[Timer, int]()
    for timer, at in moves:
        if at is None:
            timers.disarm(timer)
            table.pop(timer, None)
        else:
            timers.arm(timer, Mono(at))
            table[timer] = at
        assert timers.next_at() == min(table.values(), default=None)
    due = timers.due(Mono(25))
    assert set(due) == {timer for timer, at in table.items() if at <= 25}
    assert [table[timer] for timer in due] == sorted(table[timer] for timer in due)
