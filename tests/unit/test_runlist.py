"""Cursors continue the list they are of and nothing else; words of filters mean what the user guide says."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import Wall
from runwisp.errors import UnknownCursor
from runwisp.run import EndReason, Phase
from runwisp.runlist import (
    KEY_TYPES,
    MOST_SKIPPED,
    Cursor,
    Order,
    Query,
    RunStatus,
    SortField,
    read,
    spelled,
    words,
)

numbers = st.integers(0, 2**63 - 1)
skips = st.integers(0, MOST_SKIPPED)


@st.composite
def continued(draw: st.DrawFn) -> tuple[Query, Cursor]:
    field = draw(st.sampled_from(SortField))
    query = Query(
        sort_field=field,
        is_ascending=draw(st.booleans()),
        created_after=draw(st.none() | st.just(Wall(0))),
    )
    values = {str: st.text(max_size=100), float: st.floats(-1, 1e9), int: st.integers(-1, 2**53)}
    first = () if query.order is Order.RECORDED else (draw(values[KEY_TYPES.get(field, int)]),)
    return query, Cursor((*first, draw(numbers)), draw(skips))


@given(given=continued())
def test_a_cursor_comes_back_as_it_was(given: tuple[Query, Cursor]) -> None:
    query, cursor = given
    assert read(spelled(cursor, query), query) == cursor


@given(one=continued(), other=continued())
def test_a_cursor_of_another_order_is_refused(one: tuple[Query, Cursor], other: tuple[Query, Cursor]) -> None:
    text = spelled(one[1], one[0])
    kinds = {(query.order, query.sort_field, query.is_ascending) for query, _ in (one, other)}
    if len(kinds) == 1:
        assert read(text, other[0]) == one[1]
    else:
        with pytest.raises(UnknownCursor):
            read(text, other[0])


@given(
    text=st.text(max_size=60)
    | st.binary(max_size=60).map(lambda content: urlsafe_b64encode(content).decode())
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(UnknownCursor):
        read(text, Query())


@pytest.mark.parametrize(
    "content",
    [
        '["recorded:created_at:desc",0]',
        '["recorded:created_at:desc",0,1,2]',
        '["recorded:created_at:desc",0,-1]',
        '["recorded:created_at:desc",0,9223372036854775808]',
        '["recorded:created_at:desc",0,true]',
        '["recorded:created_at:desc",-1,1]',
        '["recorded:created_at:desc",10001,1]',
        '["recorded:created_at:desc",9223372036854775807,1]',
        '["value:task_name:desc",0,1,1]',
        '["value:task_name:desc",0,"\\ud800",1]',
        '["value:duration:desc",0,"a",1]',
        '["value:cpu_seconds:desc",0,NaN,1]',
        '["value:cpu_seconds:desc",0,Infinity,1]',
        '["value:duration:desc",0,1e400,1]',
        '"text"',
        "{}",
        "[]",
        "[" * 100_000,
    ],
)
def test_a_forged_cursor_reaches_no_database(content: str) -> None:
    text = urlsafe_b64encode(content.encode()).decode().rstrip("=")
    field = next((field for field in SortField if f":{field}:" in content), SortField.CREATED_AT)
    with pytest.raises(UnknownCursor):
        read(text, Query(sort_field=field))


def test_failed_is_everything_that_is_listed_as_failed() -> None:
    assert words([RunStatus.FAILED]) == {
        "failed",
        "timeout",
        "log_overflow",
        "crashed",
        "skipped",
        "queue_full",
        "missed",
    }


def test_a_phase_is_itself_and_ended_is_every_reason() -> None:
    assert words([RunStatus.RUNNING]) == {"running"}
    assert words([RunStatus.ENDED]) == set(EndReason)
    assert words([RunStatus.STOPPED, RunStatus.PENDING]) == {"stopped", "pending"}
    assert words([]) == frozenset()


def test_the_words_of_a_status_are_the_phases_and_the_end_reasons() -> None:
    assert {status.value for status in RunStatus} == {*Phase, *EndReason}


def test_a_range_of_time_is_listed_by_time() -> None:
    query = Query()
    assert query.order is Order.RECORDED
    assert replace(query, created_before=Wall(0)).order is Order.AGE
    assert replace(query, sort_field=SortField.DURATION, created_after=Wall(0)).order is Order.VALUE
