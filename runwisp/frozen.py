"""`@frozen`: a slotted dataclass that nobody changes.

Means what `@dataclass(frozen=True, slots=True)` means, at a third of its cost, which every start of a process
pays: of a class nothing is compiled but `__init__`, where the standard one compiles seven functions; and that
no field is set again is checked by the type checker alone. Imported by all, imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(kind: type[T], /) -> type[T]: ...


@overload
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(*, kw_only: bool = ..., eq: bool = ..., slots: bool = ...) -> Callable[[type[T]], type[T]]: ...


def frozen(
    kind: type[Any] | None = None, /, *, kw_only: bool = False, eq: bool = True, slots: bool = True
) -> Any:
    """``eq=False``: equal to itself only. ``slots=False``: for those that one class joins."""

    def made(kind: type[Any]) -> type[Any]:
        docstring = kind.__doc__
        # Where there is none, the standard decorator spends longer on writing one than on all else.
        kind.__doc__ = docstring or "none"
        if eq:
            kind.__eq__, kind.__hash__ = _is_equal, _hashed  # type: ignore[assignment]
        kind.__repr__ = _shown  # type: ignore[assignment]
        kind = dataclass(kind, kw_only=kw_only, eq=False, repr=False, slots=slots)
        kind.__doc__ = docstring
        names = [each.name for each in fields(kind) if each.compare]
        kind.__compared__ = attrgetter(*names) if names else type
        return kind

    return made if kind is None else made(kind)


def _is_equal(self: Any, other: Any) -> Any:
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.__compared__(self) == self.__compared__(other)


def _hashed(self: Any) -> int:
    return hash(self.__compared__(self))


def _shown(self: Any) -> str:
    shown = [f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr]
    return f"{type(self).__qualname__}({', '.join(shown)})"
