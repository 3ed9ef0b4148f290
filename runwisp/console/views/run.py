"""A run: why it ended, what there is to know about it, and its log.

Pure. Called by ``view``.
"""

from __future__ import annotations

from collections.abc import Sequence

from runwisp.console.cells import fitted
from runwisp.console.model import Log, Model, RunPlace, Search
from runwisp.console.records import Run
from runwisp.console.state import of_run
from runwisp.console.style import Line, Tone
from runwisp.console.views.log import Seen, Shape, seen, shape
from runwisp.console.views.sheet import BLANK, Row, Sheet, fact, facts, heading, notes, ruled
from runwisp.console.why import EXITS, TRIGGERS, why
from runwisp.console.words import count, date_time, exact, plural, run_length, seconds, size, until

WHY_ROWS = 3
MOST_HEAD = 8
"""Of all rows: the rest is the log's."""

GONE = (
    "The log is no longer available. A row is kept for longer than its log: see keep_runs, keep_for and "
    "[storage] max_size."
)


def lines(model: Model, on: Sheet) -> list[Line]:
    """The head and the log."""
    head = [fitted(row.line, on.columns) for row in _head(model, on)]
    room = shape(model.log, on.columns, max(0, on.rows - len(head) - 1), on.zone)
    rows = seen(model.log, room)
    shown = [row.line for row in rows]
    if not shown:
        shown = [fitted(row.line, on.columns) for row in notes(_nothing(model), on)][: room.rows]
    blank = [fitted((), on.columns)] * (on.rows - len(head) - 1 - len(shown))
    return [*head, ruled(_place(model.log, rows, on), on), *shown, *blank][: on.rows]


def full(model: Model, on: Sheet) -> list[Line]:
    """The log alone."""
    shown = [row.line for row in seen(model.log, shape(model.log, on.columns, on.rows, on.zone))]
    return shown + [fitted((), on.columns)] * (on.rows - len(shown))


def log_shape(model: Model, on: Sheet) -> Shape:
    """The room for the log on a sheet for the whole run; or for all of the sheet, where it is alone."""
    head = 0 if model.log.is_full else len(_head(model, on)) + 1
    return shape(model.log, on.columns, max(0, on.rows - head), on.zone)


def details(model: Model, on: Sheet) -> list[Row]:
    """All there is to know about it."""
    run = model.run
    if run is None:
        return notes(model.run_trouble or "Loading.", on)
    task = model.tasks.get(run.task_name)
    found = [heading(run.task_name, of_run(run).text)]
    found += [
        row for text in why(run, task, on.now, _retried(model, run)) for row in notes(text, on, Tone.PLAIN)
    ]
    return [*found, BLANK, *_times(run, on), *_measures(run, on), *_attempts(model, run)]


def _head(model: Model, on: Sheet) -> list[Row]:
    run = model.run
    if run is None:
        return [heading(getattr(model.place, "name", ""), model.run_trouble or "Loading.")]
    state = of_run(run)
    exit_code = f", exit {run.exit_code}" if run.has_ended else ""
    took = run_length(run, on.now)
    first = Row(
        (
            (f"  {state.sign(on.signs)} {state.text}{exit_code}", state.tone),
            (f"  {run.task_name}", Tone.TITLE),
            (f"  {date_time(run.start_at or run.created_at, on.zone)}", Tone.DIM),
            (f"  {took}" if took else "", Tone.PLAIN),
        )
    )
    told = why(run, model.tasks.get(run.task_name), on.now, _retried(model, run))
    reasons = [row for text in told for row in notes(text, on, Tone.PLAIN)]
    found = [first, *reasons[:WHY_ROWS], *notes(_summary(run), on)[:1]]
    return found[: max(1, min(MOST_HEAD, on.rows // 3))]


def _summary(run: Run) -> str:
    parts = [f"by {TRIGGERS.get(run.triggered_by, run.triggered_by)}"]
    if run.kind == "service":
        parts.append(f"instance {run.replica_index + 1}")
    if run.cpu_seconds is not None:
        parts.append(f"CPU {seconds(run.cpu_seconds)}")
    if run.max_rss_bytes is not None:
        parts.append(f"peak memory {size(run.max_rss_bytes)}")
    return ", ".join(parts)


def _place(log: Log, rows: Sequence[Seen], on: Sheet) -> str:
    """What is seen of the log, in words."""
    parts = [_search(log.search)] if log.search else []
    parts.append(_extent(log, rows))
    if rows and not log.is_finished:
        parts.append("paused" if log.top else "following")
    elif log.is_loaded and rows:
        parts.append("complete")
    if not log.is_wrapped:
        parts.append("not wrapped")
    return f" {on.signs.dot} ".join(parts)


def _extent(log: Log, rows: Sequence[Seen]) -> str:
    if not rows:
        return "Log"
    total = count(max(log.window.total, rows[-1].n))
    text = f"{count(rows[0].n)}-{count(rows[-1].n)} of {total}"
    gone = log.window.first_available - 1
    return f"{text}, the first {count(gone)} are gone" if gone and rows[0].n == gone + 1 else text


def _search(search: Search) -> str:
    if search.trouble:
        return f'"{search.text}": {search.trouble}'
    number = search.hits.index(search.at) + 1 if search.at in search.hits else 0
    more = " or more" if search.has_more else ""
    found = f"{count(number)} of {count(len(search.hits))}{more}" if search.hits else "not found"
    return f'"{search.text}": {"searching" if search.is_busy else found}'


def _nothing(model: Model) -> str:
    log, run = model.log, model.run
    if log.trouble_code == "log_unavailable":
        return GONE
    if log.trouble:
        return log.trouble
    if not log.is_loaded or run is None:
        return "Loading."
    if run.status == "pending":
        return "Not started yet. What it prints appears here at once."
    if run.status == "running":
        return "No output yet. What it prints appears here at once."
    return "It printed nothing." if run.start_at else "It never started."


def _times(run: Run, on: Sheet) -> list[Row]:
    found = []
    if run.has_ended:
        meaning = f"  ({EXITS[run.exit_code]})" if run.exit_code in EXITS else ""
        found.append(fact("Exit code", str(run.exit_code), (meaning, Tone.DIM)))
    found.append(fact("Triggered by", TRIGGERS.get(run.triggered_by, run.triggered_by)))
    decided = run.created_at if run.start_at != run.created_at else None
    for name, at in (
        ("Scheduled for", run.scheduled_for),
        ("Decided", decided),
        ("Started", run.start_at),
        ("Ended", run.end_at),
    ):
        if at is not None:
            found.append(fact(name, exact(at, on.zone)))
    if run.due_at and not run.has_ended:
        found.append(fact("Due", until(run.due_at, on.now)))
    if run.start_at:
        found.append(fact("Took", run_length(run, on.now)))
    return found


def _measures(run: Run, on: Sheet) -> list[Row]:
    found = []
    if run.cpu_seconds is not None:
        found.append(fact("CPU time", seconds(run.cpu_seconds)))
    if run.max_rss_bytes is not None:
        found.append(fact("Peak memory", size(run.max_rss_bytes)))
    if run.has_ended:
        found.append(fact("Output", f"{plural(run.log_lines, 'line')}, {size(run.log_bytes)}"))
    if run.log_dropped_lines:
        found.append(fact("Lines dropped", count(run.log_dropped_lines)))
    if run.kind == "service":
        found.append(fact("Instance", count(run.replica_index + 1)))
    return found + facts("Run id", run.id, on)


def _attempts(model: Model, run: Run) -> list[Row]:
    """Retries, linked both ways."""
    found = []
    if run.retry_attempt:
        found.append(fact("Retry", count(run.retry_attempt)))
    if run.retry_of_run_id:
        line = fact("Retry of", "the attempt before").line
        found.append(Row(line, RunPlace(run.task_name, run.retry_of_run_id)))
    if other := _retry(model, run):
        line = fact("Tried again", of_run(other).text).line
        found.append(Row(line, RunPlace(other.task_name, other.id)))
    return found


def _retry(model: Model, run: Run) -> Run | None:
    """The attempt after it, among the runs that are known."""
    known = model.history.runs if model.history else ()
    return next((other for other in known if other.retry_of_run_id == run.id), None)


def _retried(model: Model, run: Run) -> str:
    other = _retry(model, run)
    return of_run(other).text if other else ""
