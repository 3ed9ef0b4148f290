"""From what a request brings, its query and its body, to the dataclasses of a route.

Finds everything that is wrong, never just the first. Decides by the types of the fields and by what stands in
their ``Annotated``, both read once. Called by ``app``.
"""

from __future__ import annotations

import dataclasses
import json
import re
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from runwisp.clock import Wall, wall_of
from runwisp.errors import Fault, RequestInvalid
from runwisp.frozen import frozen
from runwisp.printable import clipped
from runwisp.web.schema import Range, Text

Reader = Callable[[Any], Any]
"""Raises: ValueError with a sentence."""

INT = re.compile(r"-?[0-9]{1,19}", re.ASCII)
INT64 = range(-(2**63), 2**63)
BOOLS = {"true": True, "false": False, "1": True, "0": False}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
LONGEST_NAME = 100
MOST_PARAMETERS = 100
"""Of a query or a body: each that is unknown makes the answer longer."""


@frozen
class Form:
    """A dataclass whose fields are read from texts, as in a query, or from JSON."""

    kind: type[Any]
    readers: Mapping[str, Reader]
    required: frozenset[str]

    def filled(self, given: Mapping[str, Any]) -> Any:
        """Raises: RequestInvalid with every fault."""
        faults = [
            Fault(clipped(name, LONGEST_NAME), f"is unknown; known are {', '.join(self.readers) or 'none'}")
            for name in given
            if name not in self.readers
        ]
        faults += [Fault(name, "is missing") for name in sorted(self.required - given.keys())]
        values = {}
        for name, reader in self.readers.items():
            if name in given:
                try:
                    values[name] = reader(given[name])
                except ValueError as error:
                    faults.append(Fault(name, str(error)))
        if faults:
            raise RequestInvalid(_sentence(faults), faults)
        names = {field.name: wire_name(field) for field in dataclasses.fields(self.kind)}
        return self.kind(**{field: values[name] for field, name in names.items() if name in values})


def form_of(kind: type[Any], *, is_text: bool) -> Form:
    hints = get_type_hints(kind, include_extras=True)
    fields = dataclasses.fields(kind)
    readers = {wire_name(field): _reader(hints[field.name], is_text) for field in fields}
    bare = (field for field in fields if field.default is field.default_factory is dataclasses.MISSING)
    return Form(kind, readers, frozenset(map(wire_name, bare)))


def wire_name(field: dataclasses.Field[Any]) -> str:
    """``from_`` is ``from``, which is no name in Python."""
    return field.name.removesuffix("_")


def query_of(text: str) -> dict[str, str]:
    """Raises: RequestInvalid."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError as error:
        raise RequestInvalid("The query of the URL is not UTF-8, or has too many parameters.") from error
    query = dict(pairs)
    if len(query) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise RequestInvalid(
            "A parameter is given more than once.", [Fault(name, "is given more than once") for name in twice]
        )
    return query


def body_of(content: bytes, media: str) -> dict[str, Any]:
    """Raises: RequestInvalid."""
    if media.partition(";")[0].strip().lower() != "application/json":
        raise RequestInvalid("The body must be JSON, sent with Content-Type: application/json.")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RequestInvalid("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise RequestInvalid("The body must be a JSON object.")
    if len(value) > MOST_PARAMETERS:
        raise RequestInvalid(f"The body has more than {MOST_PARAMETERS} fields.")
    return value


def _sentence(faults: list[Fault]) -> str:
    return "; ".join(f"{fault.where} {fault.message}" for fault in faults[:5]) + "."


def _reader(hint: Any, is_text: bool) -> Reader:
    """By the table of kinds; what is not in it is a bug of ours, found at the start."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _bounded(_reader(arguments[0], is_text), arguments[1:])
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not types.NoneType)
        return _optional(_reader(inner, is_text), is_text)
    if origin is tuple:
        return _many(_reader(arguments[0], is_text), is_text)
    if origin is Literal:
        return _one_of({str(choice): choice for choice in arguments})
    if hint is Wall:
        return _instant
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _one_of({str(choice.value): choice for choice in hint})
    return (TEXTS if is_text else VALUES)[hint]


def _bounded(read: Reader, bounds: tuple[Any, ...]) -> Reader:
    def bounded(given: Any) -> Any:
        value = read(given)
        for bound in bounds:
            CHECKS[type(bound)](value, bound)
        return value

    return bounded


def _within(value: int, bound: Range) -> None:
    if not bound.low <= value <= bound.high:
        raise ValueError(f"must be from {bound.low} to {bound.high}")


def _shaped(value: str, bound: Text) -> None:
    if not bound.shortest <= len(value) <= bound.longest:
        is_exact = bound.shortest == bound.longest
        count = str(bound.shortest) if is_exact else f"from {bound.shortest} to {bound.longest}"
        raise ValueError(f"must have {count} characters")
    if bound.pattern and not re.fullmatch(bound.pattern, value):
        raise ValueError(f"must match {bound.pattern}")


CHECKS: Mapping[type[Any], Callable[[Any, Any], None]] = {Range: _within, Text: _shaped}


def _optional(read: Reader, is_text: bool) -> Reader:
    return read if is_text else lambda given: None if given is None else read(given)


def _many(read: Reader, is_text: bool) -> Reader:
    def many(given: Any) -> tuple[Any, ...]:
        if is_text:
            given = given.split(",") if given else []
        if not isinstance(given, list):
            raise ValueError("must be a list")
        return tuple(read(one) for one in given)

    return many


def _one_of(choices: Mapping[str, Any]) -> Reader:
    def one_of(given: Any) -> Any:
        if not isinstance(given, str) or given not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return choices[given]

    return one_of


def _instant(given: Any) -> Wall:
    if not isinstance(given, str) or not RFC3339.fullmatch(given):
        raise ValueError("must be a time as in 2026-01-31T12:00:00Z")
    try:
        return wall_of(datetime.fromisoformat(given.upper()))
    except (ValueError, OverflowError) as error:
        raise ValueError("is not a time that there is") from error


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError("must be a text")
    if "\0" in given:
        raise ValueError("must not have a NUL character")
    return given


def _int_of_text(given: str) -> int:
    if not INT.fullmatch(given):
        raise ValueError("must be a whole number")
    return _int(int(given))


def _int(given: Any) -> int:
    if type(given) is not int or given not in INT64:
        raise ValueError("must be a whole number of 64 bits")
    return given


def _bool_of_text(given: str) -> bool:
    if given not in BOOLS:
        raise ValueError("must be true or false")
    return BOOLS[given]


def _bool(given: Any) -> bool:
    if type(given) is not bool:
        raise ValueError("must be true or false")
    return given


TEXTS: Mapping[Any, Reader] = {str: _text, int: _int_of_text, bool: _bool_of_text}
VALUES: Mapping[Any, Reader] = {str: _text, int: _int, bool: _bool}
