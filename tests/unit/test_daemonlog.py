"""How a record of the daemon's log is written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import Wall
from runwisp.daemonlog import Level, as_json, as_text

NEW_YEAR = Wall(1_767_225_600_000)


def test_a_record_is_its_message_and_its_fields() -> None:
    assert as_text("a run failed", {"task": "backup", "code": 3}) == "a run failed task=backup code=3"


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ("two words", '"two words"'),
        ("", '""'),
        ('say "hi"', r'"say \"hi\""'),
        ("back\\slash", r'"back\\slash"'),
        ("line\nbreak", r'"line\nbreak"'),
        ("a=b", '"a=b"'),
        (None, "None"),
    ],
)
def test_a_value_that_could_be_misread_is_quoted(value: str | None, spelled: str) -> None:
    assert as_text("m", {"k": value}) == f"m k={spelled}"


def test_json_names_the_time_and_no_field_forges_what_is_the_records_own() -> None:
    record = as_json(NEW_YEAR, Level.WARN, "disk\nfull", {"level": "info", "free": 12})
    assert json.loads(record) == {
        "time": "2026-01-01T00:00:00.000Z",
        "level": "warn",
        "message": "disk\nfull",
        "free": 12,
    }


@given(st.text(), st.text())
def test_a_record_is_one_line_without_control_characters(message: str, value: str) -> None:
    for record in (as_text(message, {"k": value}), as_json(NEW_YEAR, Level.INFO, message, {"k": value})):
        assert record.isprintable()
