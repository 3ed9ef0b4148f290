"""Routes: which events reach which notifiers.

Pure. Every field is named as its key in ``runwisp.toml``. Made by the loader.
"""

from __future__ import annotations

from dataclasses import dataclass

from runwisp.event import EventKind, Severity


@dataclass(frozen=True, slots=True)
class Match:
    """All that is given must hold. ``task`` is a glob; ``severity`` the least that matches."""

    kind: frozenset[EventKind]
    task: str | None = None
    severity: Severity = Severity.INFO


@dataclass(frozen=True, slots=True)
class Route:
    """``notify`` are addresses: ids of notifiers, ``inapp``, or ``id:target``."""

    match: Match
    notify: tuple[str, ...]


def split(address: str) -> tuple[str, str | None]:
    """The notifier's id, and the target that takes the place of its own; None for its own."""
    notifier_id, colon, target = address.partition(":")
    return notifier_id, target if colon else None
