"""Routes: which events reach which notifiers.

Pure. Every field is named as its key in ``runwisp.toml``. Made by the loader.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from runwisp.event import Event, EventKind, Severity
from runwisp.frozen import frozen

RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@frozen
class Match:
    """All that is given must hold. ``task`` is a glob; ``severity`` the least that matches."""

    kind: frozenset[EventKind]
    task: str | None = None
    severity: Severity = Severity.INFO


@frozen
class Route:
    """``notify`` are addresses: ids of notifiers, ``inapp``, or ``id:target``."""

    match: Match
    notify: tuple[str, ...]


def matches(match: Match, event: Event) -> bool:
    return (
        event.kind in match.kind
        and RANKS[event.severity] >= RANKS[match.severity]
        and (match.task is None or fnmatchcase(event.task_name or "", match.task))
    )


def split(address: str) -> tuple[str, str | None]:
    """The notifier's id, and the target that takes the place of its own; None for its own."""
    notifier_id, colon, target = address.partition(":")
    return notifier_id, target if colon else None
