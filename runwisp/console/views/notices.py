"""Notifications: the rows of the bell.

Pure. Called by ``view``.
"""

from __future__ import annotations

from functools import partial

from runwisp.console.cells import folded
from runwisp.console.model import Model
from runwisp.console.records import Notice
from runwisp.console.requests import MOST_NOTICES
from runwisp.console.style import Line, Span, Tone
from runwisp.console.views.sheet import BLANK, Row, Sheet, heading, note, notes
from runwisp.console.words import ago, count, plural

SEVERITIES = {"info": ("info", Tone.RUN), "warn": ("warning", Tone.WARN), "error": ("error", Tone.BAD)}
BODY_ROWS = 3
NOTHING = (
    "Nothing yet. Failures of tasks and services are told here, once each, with how often they came again."
)


def rows(model: Model, on: Sheet) -> list[Row]:
    bell = model.bell
    found = [heading("Notifications", f"{count(bell.unread)} unread" if bell.unread else ""), BLANK]
    for notice in bell.rows:
        found += _notice(notice, on)
    if bell.trouble:
        found += notes(bell.trouble, on, Tone.BAD)
    elif not bell.is_loaded or bell.is_loading:
        found.append(note("Loading."))
    elif not bell.rows:
        found += notes(NOTHING, on)
    elif bell.cursor:
        is_full = len(bell.rows) >= MOST_NOTICES
        older = "Older ones: b opens the dashboard." if is_full else "Further down there are older ones."
        found.append(note(older))
    return found


def _notice(notice: Notice, on: Sheet) -> list[Row]:
    body = folded(notice.body, max(10, on.columns - 14))[:BODY_ROWS] if notice.body else ()
    head = Row(target=notice, draw=partial(_drawn, notice, on))
    return [head, *(note(" " * 10 + text) for text in body)]


def _drawn(notice: Notice, on: Sheet) -> Line:
    word, tone = SEVERITIES.get(notice.severity, (notice.severity, Tone.PLAIN))
    unread = on.signs.unread if not notice.is_read else " "
    title = Tone.DIM if notice.is_read else Tone.PLAIN
    spans: list[Span] = [(f"  {unread} ", Tone.WARN), (f"{word:<8}", tone), (notice.title, title)]
    if notice.count > 1:
        spans.append((f"  {plural(notice.count, 'time')}", Tone.WARN))
    return (*spans, (f"  {ago(notice.updated_at, on.now)}", Tone.DIM))
