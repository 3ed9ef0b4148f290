"""What is seen of a model: exactly as many lines as the terminal has rows, each exactly as wide.

Pure. Called by ``main``; ``layout`` and ``body`` also by ``update``, which has to know what is where.
"""

from __future__ import annotations

from collections.abc import Sequence

from runwisp.console.cells import fitted
from runwisp.console.model import Debug, Focus, Home, InfoPlace, Model, Notices, Position, RunPlace, TaskPlace
from runwisp.console.style import Line, Tone
from runwisp.console.views import debug, frame, help, home, info, notices, overlay, run, sidebar, task
from runwisp.console.views.sheet import Row, Sheet, pane, sheet
from runwisp.frozen import frozen

NARROW = 60
"""Columns below which only the half with the keys is seen."""

FEWEST_COLUMNS, FEWEST_ROWS = 20, 5
TOO_SMALL = "Too small: 20 x 5 at least."


@frozen
class Layout:
    """Where what is. ``left`` and ``right`` are columns of the halves, 0 where one is not seen; ``top`` is
    the first row of both, ``rows`` how many they have."""

    left: int
    right: int
    top: int
    rows: int

    @property
    def right_at(self) -> int:
        """The first column of the right half."""
        return self.left + 1 if self.left else 0


def view(model: Model) -> Sequence[Line]:
    if model.columns < FEWEST_COLUMNS or model.rows < FEWEST_ROWS:
        lines = [fitted(((TOO_SMALL, Tone.PLAIN),), model.columns)]
        return (lines + [fitted((), model.columns)] * model.rows)[: model.rows]
    on = sheet(model, model.columns, model.rows)
    lines = _alone(model, on) if _is_alone(model) else _framed(model, on)
    return overlay.over(lines, model.question, on) if model.question else lines


def layout(model: Model) -> Layout:
    top = 1 + len(frame.banner(model, sheet(model, model.columns, model.rows)))
    rows = model.rows - top - 1
    if model.columns < NARROW:
        is_left = model.focus is Focus.SIDEBAR and not model.is_helping
        return Layout(model.columns if is_left else 0, 0 if is_left else model.columns, top, rows)
    left = min(34, max(18, model.columns * 3 // 10))
    return Layout(left, model.columns - left - 1, top, rows)


def main_sheet(model: Model) -> Sheet:
    """That of the right half; of the whole screen where a log is alone on it."""
    if _is_alone(model):
        return sheet(model, model.columns, model.rows)
    found = layout(model)
    return sheet(model, found.right or model.columns, found.rows)


def body(model: Model) -> list[Row] | None:
    """The rows of the right half; None where it is a log, which has too many."""
    on = main_sheet(model)
    if model.is_helping:
        return help.rows(on)
    match model.place:
        case Home():
            return home.rows(model, on)
        case TaskPlace() as place:
            return task.rows(model, place, on)
        case RunPlace():
            return run.details(model, on) if model.has_details else None
        case Notices():
            return notices.rows(model, on)
        case InfoPlace():
            return info.rows(model, on)
        case Debug():
            return None


def position(model: Model) -> Position:
    """That in the rows of ``body``."""
    return model.position if model.help_at is None else Position(at=model.help_at)


def _is_alone(model: Model) -> bool:
    """Whether a log has the screen for itself."""
    return model.log.is_full and isinstance(model.place, RunPlace) and not model.is_helping


def _alone(model: Model, on: Sheet) -> list[Line]:
    lines = run.full(model, on)
    if model.prompt or model.flash:
        return _over_the_last(lines, frame.last(model, on))
    return _over_the_last(lines, frame.banner(model, on)) if model.lost else lines


def _over_the_last(lines: Sequence[Line], shown: Sequence[Line]) -> list[Line]:
    return [*lines[: len(lines) - len(shown)], *shown]


def _framed(model: Model, on: Sheet) -> list[Line]:
    found = layout(model)
    left = sidebar.lines(model, found.left, found.rows) if found.left else None
    right = _main(model) if found.right else None
    blank = fitted((), on.columns)
    lines = [frame.first(model, on), *frame.banner(model, on), *_halves(left, right, on), blank]
    return _over_the_last(lines, frame.last(model, on))


def _halves(left: Sequence[Line] | None, right: Sequence[Line] | None, on: Sheet) -> Sequence[Line]:
    if left is None or right is None:
        return left or right or []
    between = ((on.signs.line, Tone.DIM),)
    return [(*one, *between, *other) for one, other in zip(left, right, strict=True)]


def _main(model: Model) -> list[Line]:
    on = main_sheet(model)
    rows = body(model)
    if rows is not None:
        return pane(rows, position(model), on, has_focus=model.focus is Focus.MAIN)
    return debug.lines(model, on) if isinstance(model.place, Debug) else run.lines(model, on)
