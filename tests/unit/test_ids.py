"""Ids of runs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import Wall
from runwisp.ids import ALPHABET, RANDOM_BITS, UlidMaker, created_at, spelled

instants = st.integers(0, 2**48 - 1).map(Wall)


def highest(count: int) -> bytes:
    return b"\xff" * count


def test_an_id_is_spelt_as_the_specification_spells_it() -> None:
    """The example of https://github.com/ulid/spec: 1469918176385 is 01ARYZ6S41."""
    assert UlidMaker(bytes).next(Wall(1469918176385)) == "01ARYZ6S41" + "0" * 16
    assert spelled(2**128 - 1) == "7" + "Z" * 25


def test_the_randomness_is_80_bits() -> None:
    assert UlidMaker(highest).next(Wall(1)) == "0" * 9 + "1" + "Z" * 16


def test_within_a_millisecond_ids_grow_by_one() -> None:
    maker = UlidMaker(bytes)
    assert [maker.next(Wall(5))[-2:] for _ in range(33)][-2:] == ["0Z", "10"]


@given(st.lists(instants, min_size=2), st.binary(min_size=10, max_size=10))
def test_ids_grow_strictly_also_when_the_clock_is_set_back(moments: list[Wall], noise: bytes) -> None:
    maker = UlidMaker(lambda _: noise)
    ids = [maker.next(at) for at in moments]
    assert all(former < latter for former, latter in pairwise(ids))
    assert all(len(each) == 26 and set(each) <= set(ALPHABET) for each in ids)


@given(instants)
def test_an_id_tells_when_it_was_made(at: Wall) -> None:
    assert created_at(UlidMaker(highest).next(at)) == at


@given(st.integers(0, 2**128 - 1))
def test_ids_sort_as_their_numbers(number: int) -> None:
    assert created_at(spelled(number)) == number >> RANDOM_BITS


@pytest.mark.parametrize(
    "text", ["", "0" * 25, "0" * 27, "8" + "0" * 25, "0" * 25 + "U", "0" * 25 + "é", "01aryz6s41" + "0" * 16]
)
def test_what_is_not_an_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a ULID"):
        created_at(text)
