"""Messages between our own processes as packets: one message each, as JSON.

Pure: turns messages into bytes and back. A message is a frozen dataclass of values that JSON has; a tuple
arrives as a tuple, a mapping as a dict. One that is not among the kinds a link was made for is a bug of ours,
as both ends are of one version, and raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

M = TypeVar("M")
Kinds = Mapping[str, Callable[..., M]]
"""The messages that may arrive, by the names of their classes."""


def kinds_of(*kinds: type[Any]) -> dict[str, Callable[..., Any]]:
    return {kind.__name__: kind for kind in kinds}


def packed(message: Any) -> bytes:
    values = (getattr(message, name) for name in message.__slots__)
    return json.dumps([type(message).__name__, *values], separators=(",", ":")).encode()


def unpacked(packet: bytes, kinds: Kinds[M]) -> M:
    kind, *values = json.loads(packet)
    return kinds[kind](*(tuple(value) if isinstance(value, list) else value for value in values))
