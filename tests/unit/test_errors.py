"""Errors told from one process to another."""

from __future__ import annotations

import inspect

import pytest

from runwisp import errors
from runwisp.errors import RunWispError, told

KINDS = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, RunWispError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_can_be_told_by_its_code(kind: type[RunWispError]) -> None:
    error = told(kind.code, "What is wrong.", "What to do.", 7)
    assert type(error) is kind
    assert str(error) == "What is wrong.\nWhat to do."
    assert error.retry_after == 7


def test_a_code_from_the_future_is_an_error_all_the_same() -> None:
    assert type(told("from_the_future", "x")) is RunWispError


def test_codes_are_never_shared() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(codes) == len(set(codes))
