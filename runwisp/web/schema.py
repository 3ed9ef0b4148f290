"""Records as JSON, and their types as JSON Schema: one table for both, so that they cannot differ.

Pure. A record is a frozen dataclass; fields that are None are left out. Called by ``app`` for every answer,
by ``openapi``, and by whoever keeps JSON ready.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

from runwisp.clock import Wall, rfc3339
from runwisp.frozen import frozen

Length = NewType("Length", int)
"""Milliseconds in a record, integer nanoseconds in JSON."""

NANOS = 1_000_000
WITHOUT_NUL = r"[^\u0000]*"
"""What every text matches that is taken."""


@frozen
class Range:
    """Beside a number: what it can be, both ends included. ``Annotated[int, Range(1, 1000)]``."""

    low: int
    high: int


@frozen
class Text:
    """Beside a text: how many characters it has, and the regular expression that all of it matches."""

    shortest: int = 0
    longest: int = 1000
    pattern: str = ""


Encoder = Callable[[Any], Any]
Schema = dict[str, Any]
Components = dict[Any, Schema]
"""By the types they are of."""

SIMPLE: Mapping[Any, Schema] = {
    Wall: {"type": "string", "format": "date-time"},
    Length: {"type": "integer", "format": "int64", "description": "Nanoseconds."},
    int: {"type": "integer", "format": "int64"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    object: {},
}


def dumped(record: Any) -> bytes:
    """Text that is no Unicode (a lone surrogate) becomes the JSON escape of it."""
    return spelled(plain(record))


def spelled(value: Any) -> bytes:
    """What JSON has, as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def plain(record: Any) -> Any:
    """A record, or a tuple of records, as JSON has it."""
    if isinstance(record, tuple):
        return [plain(each) for each in record]
    kind: Any = type(record)
    encode = _encoder(kind)
    return encode(record) if encode else record


@cache
def _encoder(hint: Any) -> Encoder | None:
    """How a value of this type becomes JSON; None where it is JSON as it stands."""
    hint = _bare(hint)
    origin = get_origin(hint)
    if hint is Wall:
        return rfc3339
    if hint is Length:
        return lambda length: length * NANOS
    if origin is tuple:
        encode = _encoder(get_args(hint)[0])
        return (lambda values: [encode(value) for value in values]) if encode else list
    if origin in (dict, Mapping):
        return dict
    return _record_encoder(hint) if dataclasses.is_dataclass(hint) else None


def _record_encoder(kind: Any) -> Encoder:
    fields = [(name, _encoder(hint)) for name, hint in field_types(kind).items()]

    def encode(record: Any) -> dict[str, Any]:
        found = {}
        for name, encode_field in fields:
            value = getattr(record, name)
            if value is not None:
                found[name] = encode_field(value) if encode_field else value
        return found

    return encode


@cache
def field_types(kind: Any) -> dict[str, Any]:
    """The fields of a dataclass and their types, with what stands beside a type."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def described(hint: Any, components: Components) -> Schema:
    """The JSON Schema of what a value of this type becomes. What has a name of its own goes into
    ``components`` and is referred to.
    """
    schema = _described(_bare(hint), components)
    for mark in getattr(hint, "__metadata__", ()):
        schema = schema | _bounds(mark)
    return schema


def _described(hint: Any, components: Components) -> Schema:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in SIMPLE:
        return SIMPLE[hint]
    if origin is tuple:
        return {"type": "array", "items": described(arguments[0], components)}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": described(arguments[1], components)}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"oneOf": [described(each, components) for each in arguments]}
    if hint not in components:
        components[hint] = {}  # for one that holds itself
        components[hint] = _named(hint, components)
    return {"$ref": f"#/components/schemas/{component_name(hint)}"}


def component_name(kind: type[Any]) -> str:
    return kind.__name__.removesuffix("Record")


def _named(kind: Any, components: Components) -> Schema:
    told = {"description": text} if (text := description(kind)) else {}
    if issubclass(kind, StrEnum):
        return {**told, "type": "string", "enum": [each.value for each in kind]}
    hints = field_types(kind)
    return {
        **told,
        "type": "object",
        "properties": {name: described(hint, components) for name, hint in hints.items()},
        "required": [name for name, hint in hints.items() if not is_optional(hint)],
        "additionalProperties": False,
    }


def description(kind: type[Any]) -> str:
    """Its docstring in CommonMark, a paragraph a line."""
    text = kind.__doc__ or ""
    return "\n\n".join(" ".join(each.split()) for each in text.replace("``", "`").split("\n\n"))


def is_optional(hint: Any) -> bool:
    return type(None) in get_args(_unmarked(hint))


def _bounds(mark: Any) -> Schema:
    match mark:
        case Range(low, high):
            return {"minimum": low, "maximum": high}
        case Text(shortest, longest, pattern):
            return {
                "minLength": shortest,
                "maxLength": longest,
                "pattern": f"^(?:{pattern or WITHOUT_NUL})$",
            }
    return {}


def _unmarked(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _bare(hint: Any) -> Any:
    """Without what stands beside it and without None."""
    hint = _unmarked(hint)
    if get_origin(hint) in (Union, types.UnionType):
        left = [each for each in get_args(hint) if each is not type(None)]
        return _bare(left[0]) if len(left) == 1 else Union[tuple(left)]  # noqa: UP007
    return hint
