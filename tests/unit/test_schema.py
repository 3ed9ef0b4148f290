"""Records become the JSON that their schema describes, whatever is in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given

from runwisp.clock import Wall
from runwisp.frozen import frozen
from runwisp.run import Run
from runwisp.web.records import RunRecord, run_record
from runwisp.web.schema import Components, Length, Range, Text, described, description, dumped, is_optional
from tests.unit.anyrun import runs


class Colour(StrEnum):
    """What it looks like."""

    RED = "red"
    BLUE = "blue"


@frozen
class Part:
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Of ``parts``, and
    more.

    A second paragraph.
    """

    app: Literal["runwisp"] = "runwisp"
    at: Wall
    took: Length
    colour: Colour | None = None
    parts: tuple[Part, ...] = ()
    names: Mapping[str, str]
    count: Annotated[int, Range(1, 5)] = 1
    word: Annotated[str | None, Text(1, 9, "a+")] = None


WHOLE = Whole(at=Wall(1), took=Length(2), colour=Colour.RED, parts=(Part(3),), names={"a": "b"})


def test_a_record_is_its_fields_with_times_in_words_and_lengths_in_nanoseconds() -> None:
    assert json.loads(dumped(WHOLE)) == {
        "app": "runwisp",
        "at": "1970-01-01T00:00:00.001Z",
        "took": 2_000_000,
        "colour": "red",
        "parts": [{"size": 3}],
        "names": {"a": "b"},
        "count": 1,
    }


def test_what_is_none_is_left_out_and_what_is_empty_or_false_is_not() -> None:
    assert json.loads(dumped((Part(0),))) == [{"size": 0}]
    assert b"colour" not in dumped(Whole(at=Wall(0), took=Length(0), names={}))
    assert b'"parts":[],"names":{}' in dumped(Whole(at=Wall(0), took=Length(0), names={}))


def test_text_that_is_no_text_is_still_json() -> None:
    assert json.loads(dumped(Whole(at=Wall(0), took=Length(0), names={"é": "\udc80"}))) | {} == {
        "app": "runwisp",
        "at": "1970-01-01T00:00:00.000Z",
        "took": 0,
        "parts": [],
        "names": {"é": "\udc80"},
        "count": 1,
    }


def test_a_schema_is_closed_and_names_what_is_always_there() -> None:
    components: Components = {}
    assert described(Whole, components) == {"$ref": "#/components/schemas/Whole"}
    assert components[Whole] == {
        "description": "Of `parts`, and more.\n\nA second paragraph.",
        "type": "object",
        "properties": {
            "app": {"enum": ["runwisp"]},
            "at": {"type": "string", "format": "date-time"},
            "took": {"type": "integer", "format": "int64", "description": "Nanoseconds."},
            "colour": {"$ref": "#/components/schemas/Colour"},
            "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
            "names": {"type": "object", "additionalProperties": {"type": "string"}},
            "count": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 5},
            "word": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^(?:a+)$"},
        },
        "required": ["app", "at", "took", "parts", "names", "count"],
        "additionalProperties": False,
    }
    assert components[Colour] == {
        "description": "What it looks like.",
        "type": "string",
        "enum": ["red", "blue"],
    }


def test_what_has_no_docstring_is_not_described() -> None:
    assert description(Part) == ""


@given(run=runs())
def test_every_run_is_what_its_schema_says(run: Run) -> None:
    components: Components = {}
    described(RunRecord, components)
    schema: dict[str, Any] = components[RunRecord]
    found = json.loads(dumped(run_record(run)))
    assert set(schema["required"]) <= found.keys() <= set(schema["properties"])
    assert {"exit_code", "retry_attempt", "replica_index"} <= set(schema["required"])
    assert found["status"] == run.phase
    assert ("end_reason" in found) == (run.end_reason is not None)


@pytest.mark.parametrize(
    ("hint", "expected"), [(int, False), (int | None, True), (Annotated[str | None, Text()], True)]
)
def test_what_may_be_absent_is_optional(hint: object, expected: bool) -> None:
    assert is_optional(hint) is expected
