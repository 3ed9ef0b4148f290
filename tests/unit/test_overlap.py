"""What a firing does when its task is already running."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.overlap import Decision, decide
from runwisp.task import OnOverlap
from tests.unit.history import a_task


@pytest.mark.parametrize("policy", OnOverlap)
def test_with_a_free_slot_and_nobody_before_it_a_run_starts(policy: OnOverlap) -> None:
    assert decide(a_task(on_overlap=policy, parallelism=2), busy=1, waiting=0) is Decision.START


@pytest.mark.parametrize(
    ("policy", "decision"),
    [
        (OnOverlap.QUEUE, Decision.WAIT),
        (OnOverlap.SKIP, Decision.SKIP),
        (OnOverlap.TERMINATE, Decision.REPLACE),
    ],
)
def test_at_the_limit_the_policy_decides(policy: OnOverlap, decision: Decision) -> None:
    assert decide(a_task(on_overlap=policy, parallelism=2), busy=2, waiting=0) is decision


@pytest.mark.parametrize(("waiting", "decision"), [(2, Decision.WAIT), (3, Decision.QUEUE_FULL)])
def test_queue_max_bounds_the_queue(waiting: int, decision: Decision) -> None:
    assert decide(a_task(queue_max=3), busy=1, waiting=waiting) is decision


@given(st.sampled_from(OnOverlap), st.integers(1, 5), st.integers(0, 5), st.integers(0, 8), st.integers(0, 8))
def test_nothing_starts_at_the_limit_or_before_one_that_waits(
    policy: OnOverlap, parallelism: int, queue_max: int, busy: int, waiting: int
) -> None:
    task = a_task(on_overlap=policy, parallelism=parallelism, queue_max=queue_max)
    is_start = decide(task, busy, waiting) is Decision.START
    assert is_start == (busy < parallelism and waiting == 0)
