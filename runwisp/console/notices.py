"""The rows of the bell, kept in order and counted.

Pure. Called by ``update`` and its parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runwisp.console.messages import Act, Command
from runwisp.console.model import Bell
from runwisp.console.records import Notice
from runwisp.console.requests import MOST_NOTICES, MarkAllRead, MarkNotice


def merged(rows: Iterable[Notice]) -> tuple[Notice, ...]:
    """Each once, as it was told last, the one that happened last in front."""
    by_id = {row.id: row for row in rows}
    found = sorted(by_id.values(), key=lambda row: (row.updated_at, row.id), reverse=True)
    return tuple(found[:MOST_NOTICES])


def heard(bell: Bell, changed: Iterable[Notice]) -> tuple[Bell, bool]:
    """With rows that are new or changed; and whether it is not known how many are unread by now."""
    known = {row.id: row for row in bell.rows}
    unread, is_unsure = bell.unread, False
    for row in changed:
        former = known.get(row.id)
        is_unsure = is_unsure or (former is None and bool(bell.cursor))
        unread += (not row.is_read) - (former is not None and not former.is_read)
        known[row.id] = row
    return replace(bell, rows=merged(known.values()), unread=max(0, unread)), is_unsure


def marked(bell: Bell, notice: Notice, *, is_read: bool) -> tuple[Bell, tuple[Command, ...]]:
    """At once, whenever the daemon has done it."""
    if notice.is_read == is_read:
        return bell, ()
    rows = tuple(replace(row, is_read=is_read) if row.id == notice.id else row for row in bell.rows)
    unread = max(0, bell.unread + (-1 if is_read else 1))
    return replace(bell, rows=rows, unread=unread), (Act(MarkNotice(notice.id, is_read)),)


def all_marked(bell: Bell) -> tuple[Bell, tuple[Command, ...]]:
    if not bell.unread:
        return bell, ()
    rows = tuple(replace(row, is_read=True) for row in bell.rows)
    return replace(bell, rows=rows, unread=0), (Act(MarkAllRead()),)
