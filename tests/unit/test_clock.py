"""Instants and lengths of time, and how they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import DAY, HOUR, MINUTE, SECOND, Mono, Wall, after, length, rfc3339, spell, utc, wall_of

instants = st.integers(0, 8_000_000_000_000).map(Wall)
"""To the year 2223."""


@given(instants)
def test_an_instant_survives_being_a_datetime(at: Wall) -> None:
    assert wall_of(utc(at)) == at


@given(instants)
def test_an_instant_is_written_so_that_it_can_be_read_back(at: Wall) -> None:
    assert wall_of(datetime.fromisoformat(rfc3339(at))) == at


def test_an_instant_is_written_in_utc_with_milliseconds() -> None:
    assert rfc3339(Wall(1_767_225_600_007)) == "2026-01-01T00:00:00.007Z"
    assert rfc3339(Wall(1_767_225_600_000)) == "2026-01-01T00:00:00.000Z"


def test_a_datetime_is_cut_to_the_millisecond() -> None:
    assert wall_of(datetime(1970, 1, 1, 0, 0, 1, 999_999, tzinfo=UTC)) == 1_999


def test_a_datetime_counts_in_its_own_zone_and_fold() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1))
    assert wall_of(second) - wall_of(first) == HOUR
    assert wall_of(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == 0


def test_a_deadline_is_a_start_and_a_length() -> None:
    assert after(Mono(5), 7) == 12


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (300, "300ms"),
        (5 * SECOND, "5s"),
        (90 * MINUTE, "1h30m"),
        (DAY + HOUR + MINUTE + SECOND + 1, "1d1h1m1s1ms"),
    ],
)
def test_a_length_is_spelt_as_a_person_writes_it(milliseconds: int, text: str) -> None:
    assert spell(milliseconds) == text


@given(st.integers(0, 10**12))
def test_what_is_spelt_is_read_back_the_same(milliseconds: int) -> None:
    assert length(spell(milliseconds)) == milliseconds
