"""What the mouse does: it chooses, opens what is chosen already, and its wheel scrolls.

Pure. Called by ``update``.
"""

from __future__ import annotations

from dataclasses import replace

from runwisp.console.going import Turn
from runwisp.console.keyboard import moved, open_entry, opened
from runwisp.console.messages import Mouse, MouseKind, Retry
from runwisp.console.model import Focus, GroupName, Model, Position
from runwisp.console.view import body, layout, main_sheet, position
from runwisp.console.views import sidebar
from runwisp.console.views.sheet import chosen, first_row

WHEEL = 3


def pointed(model: Model, mouse: Mouse) -> Turn:
    if model.question or model.prompt or model.log.is_full:
        return model, ()
    found = layout(model)
    if mouse.kind is MouseKind.PRESS and model.lost and mouse.row == 1:
        return model, (Retry(),)
    if not found.top <= mouse.row < found.top + found.rows:
        return model, ()
    is_left = mouse.column < found.left
    if mouse.kind is not MouseKind.PRESS:
        return _turned(model, is_left, -WHEEL if mouse.kind is MouseKind.WHEEL_UP else WHEEL)
    row = mouse.row - found.top
    return _on_left(model, row, found.rows) if is_left else _on_right(model, row)


def _turned(model: Model, is_left: bool, rows: int) -> Turn:
    """The wheel scrolls what is under it, and the keys stay where they are."""
    focus = model.focus
    model, commands = moved(replace(model, focus=Focus.SIDEBAR if is_left else Focus.MAIN), rows)
    return replace(model, focus=focus), commands


def _on_left(model: Model, row: int, rows: int) -> Turn:
    head = sidebar.head_rows(model, rows)
    bar = model.sidebar
    at = row - head + sidebar.row_of(bar, rows - head)
    if row < head or at >= len(bar.entries) or isinstance(bar.entries[at], GroupName):
        return model, ()
    return open_entry(replace(model, focus=Focus.SIDEBAR, sidebar=replace(bar, at=at)))


def _on_right(model: Model, row: int) -> Turn:
    rows, on = body(model), main_sheet(model)
    had_focus = model.focus is Focus.MAIN
    model = replace(model, focus=Focus.MAIN)
    if not rows:
        return model, ()
    at = row + first_row(rows, position(model), on)
    if at >= len(rows) or rows[at].target is None:
        return model, ()
    if had_focus and at == chosen(rows, position(model)):
        return opened(model)
    number = sum(each.target is not None for each in rows[:at])
    return replace(model, position=Position(rows[at].target, number)), ()
