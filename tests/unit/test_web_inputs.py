"""From queries and bodies to dataclasses, and what is said of those that do not fit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import Wall, rfc3339
from runwisp.errors import RequestInvalid
from runwisp.web.inputs import body_of, form_of, query_of
from runwisp.web.schema import Range, Text


class Fruit(StrEnum):
    APPLE = "apple"
    PEAR = "pear"


@dataclass(frozen=True, slots=True)
class Everything:
    word: str
    limit: Annotated[int, Range(1, 10)] = 5
    is_big: bool = False
    fruit: Fruit = Fruit.APPLE
    fruits: tuple[Fruit, ...] = ()
    since: Wall | None = None
    side: Literal["left", "right"] = "left"
    code: Annotated[str, Text(2, 3, "[a-z]+")] = "ab"
    seal: Annotated[str, Text(2, 2)] = "ab"


@dataclass(frozen=True, slots=True)
class Numbered:
    number: int


TEXTS = form_of(Everything, is_text=True)
VALUES = form_of(Everything, is_text=False)


def faults(form_error: pytest.ExceptionInfo[RequestInvalid]) -> dict[str, str]:
    return {fault.where: fault.message for fault in form_error.value.faults}


def test_a_query_is_read_by_the_types_of_the_fields() -> None:
    text = "word=a%20b&limit=7&is_big=true&fruit=pear&fruits=pear,apple&since=2026-01-31T12:00:00Z&side=right"
    assert TEXTS.filled(query_of(text)) == Everything(
        "a b",
        7,
        True,
        Fruit.PEAR,
        (Fruit.PEAR, Fruit.APPLE),
        Wall(1_769_860_800_000),
        "right",
    )


def test_what_is_not_given_has_its_default() -> None:
    assert TEXTS.filled({"word": ""}) == VALUES.filled({"word": ""}) == Everything("")


def test_a_body_is_read_by_the_types_of_the_fields() -> None:
    body = body_of(b'{"word":"x","limit":1,"is_big":true,"fruits":["pear"],"since":null}', "application/json")
    assert VALUES.filled(body) == Everything("x", 1, True, fruits=(Fruit.PEAR,))


def test_every_fault_is_told() -> None:
    given = {
        "limit": "11",
        "is_big": "maybe",
        "fruit": "plum",
        "fruits": "pear,plum",
        "since": "yesterday",
        "side": "up",
        "code": "A",
        "seal": "A",
        "more": "x",
    }
    with pytest.raises(RequestInvalid) as error:
        TEXTS.filled(given)
    assert set(faults(error)) == {*given, "word"}
    assert faults(error)["limit"] == "must be from 1 to 10"
    assert faults(error)["fruit"] == "must be one of apple, pear"
    assert faults(error)["word"] == "is missing"
    assert faults(error)["code"] == "must have from 2 to 3 characters"
    assert faults(error)["seal"] == "must have 2 characters"


@pytest.mark.parametrize("number", ["", " 1", "1.0", "1e1", "0x1", "٣", "1_0", "9" * 30, "--1", "NaN"])
def test_only_plain_digits_are_a_number(number: str) -> None:
    with pytest.raises(RequestInvalid, match="limit must be a whole number"):
        TEXTS.filled({"word": "", "limit": number})


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [1]])
def test_a_number_in_a_body_is_a_number(value: object) -> None:
    with pytest.raises(RequestInvalid, match="limit must be a whole number"):
        VALUES.filled({"word": "", "limit": value})


@pytest.mark.parametrize(
    "moment", ["2026-02-30T00:00:00Z", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T25:00:00Z", "now", ""]
)
def test_a_time_has_a_zone_and_exists(moment: str) -> None:
    with pytest.raises(RequestInvalid, match="since"):
        TEXTS.filled({"word": "", "since": moment})


@given(st.integers(0, 4_000_000_000_000))
def test_a_time_as_the_api_writes_it_is_read_as_the_same(at: int) -> None:
    assert TEXTS.filled({"word": "", "since": rfc3339(Wall(at))}).since == at


@pytest.mark.parametrize("text", ["a=1&a=2", "a=%ff", "&".join(f"a{n}=1" for n in range(200))])
def test_a_query_that_is_no_query_is_refused(text: str) -> None:
    with pytest.raises(RequestInvalid):
        query_of(text)


@given(st.text())
def test_no_text_makes_anything_but_a_refusal(text: str) -> None:
    for name in Everything.__dataclass_fields__:
        try:
            TEXTS.filled({"word": "x", name: text})
        except RequestInvalid as error:
            assert error.faults


@given(st.binary())
def test_no_body_makes_anything_but_a_refusal(content: bytes) -> None:
    try:
        VALUES.filled(body_of(content, "application/json"))
    except RequestInvalid:
        return


def test_a_list_without_a_word_is_empty() -> None:
    assert TEXTS.filled({"word": "", "limit": "1", "fruits": ""}).fruits == ()


def test_a_number_has_64_bits_and_no_more() -> None:
    form = form_of(Numbered, is_text=True)
    for number in (-(2**63), 2**63 - 1):
        assert form.filled({"number": str(number)}).number == number
    with pytest.raises(RequestInvalid, match="64 bits"):
        form.filled({"number": str(2**63)})


def test_an_answer_is_not_longer_the_more_unknown_fields_a_body_has() -> None:
    many = {f"field{number}": 1 for number in range(10_000)}
    long = {"x" * 100_000: 1}
    for body in (many, long):
        with pytest.raises(RequestInvalid) as refusal:
            VALUES.filled(body_of(json.dumps(body).encode(), "application/json"))
        told = f"{refusal.value.message}{refusal.value.faults}"
        assert len(told) < 1500
