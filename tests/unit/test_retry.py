"""Waits before attempts of tasks and starts of services."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import MINUTE, SECOND
from runwisp.retry import RESTART_CAP, RETRY_CAP, grown, on_failure_wait, restart_wait, retry_wait
from runwisp.task import Backoff
from tests.unit.history import a_service, a_task


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (Backoff.CONSTANT, [40, 40, 40, 40, 40]),
        (Backoff.LINEAR, [40, 80, 120, 160, 200]),
        (Backoff.EXPONENTIAL, [40, 80, 160, 300, 300]),
    ],
)
def test_a_retry_waits_as_its_backoff_says_and_five_minutes_at_most(
    backoff: Backoff, waits: list[int]
) -> None:
    task = a_task(retry_delay=40 * SECOND, retry_backoff=backoff)
    assert [retry_wait(task, attempt) // SECOND for attempt in range(1, 6)] == waits


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (Backoff.CONSTANT, [9, 9, 9, 9, 9]),
        (Backoff.LINEAR, [9, 18, 27, 36, 45]),
        (Backoff.EXPONENTIAL, [9, 18, 36, 60, 60]),
    ],
)
def test_a_restart_waits_as_its_backoff_says_and_a_minute_at_most(backoff: Backoff, waits: list[int]) -> None:
    service = a_service(restart_delay=9 * SECOND, restart_backoff=backoff)
    assert [restart_wait(service, nth, lived=MINUTE) // SECOND for nth in range(1, 6)] == waits


@pytest.mark.parametrize(("delay", "lived", "wait"), [(0, 99, 100), (0, 100, 0), (30, 5, 100), (500, 5, 500)])
def test_one_that_lived_under_100_ms_waits_100_ms_at_least(delay: int, lived: int, wait: int) -> None:
    assert restart_wait(a_service(restart_delay=delay), 1, lived) == wait


def test_on_failure_has_the_default_curve_of_services() -> None:
    assert [on_failure_wait(nth) for nth in range(1, 9)] == [
        restart_wait(a_service(), nth, lived=MINUTE) for nth in range(1, 9)
    ]


@given(
    st.integers(0, 10 * MINUTE),
    st.sampled_from(Backoff),
    st.integers(1, 10**6),
    st.sampled_from([RETRY_CAP, RESTART_CAP]),
)
def test_waits_never_shrink_and_never_pass_the_cap(delay: int, backoff: Backoff, nth: int, cap: int) -> None:
    assert 0 <= grown(delay, backoff, nth, cap) <= grown(delay, backoff, nth + 1, cap) <= cap
