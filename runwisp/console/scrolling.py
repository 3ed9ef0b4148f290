"""Moving in the log of a run: what is held of it, what is asked for next, and when its end is followed.

Pure. Called by ``update`` and its parts. Invariant: while a stream of it is followed, the end is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from runwisp.clock import SECOND, Millis, Mono
from runwisp.console import records
from runwisp.console.cells import line_width
from runwisp.console.going import LAST_LINES, Turn, log_stream, told
from runwisp.console.inks import inked
from runwisp.console.logwindow import Kept, Window, appended, known, prepended, rotated
from runwisp.console.messages import Command, Fetch, Follow, Unfollow
from runwisp.console.model import Log, Model, RunPlace, Search, Top
from runwisp.console.records import Found
from runwisp.console.requests import AskLog, AskSearch
from runwisp.console.view import main_sheet
from runwisp.console.views.log import Shape, end_top, moved, seen
from runwisp.console.views.run import log_shape

MARGIN = 200
"""Lines before an edge of what is held at which more is asked for."""

MOST_HITS = 1000
SILENT_FOR: Millis = 1 * SECOND
WHILE_SILENT: Millis = 5 * SECOND
WHILE_UNFINISHED: Millis = 2 * SECOND
CONTEXT = 3
"""A line that is gone to is seen at one part in so many of the height."""


def _shape(model: Model) -> Shape:
    return log_shape(model, main_sheet(model))


def rows(model: Model) -> int:
    """Of the log that are seen."""
    return _shape(model).rows


def scrolled(model: Model, step: int) -> Turn:
    log, shape = model.log, _shape(model)
    if log.window.is_empty:
        return model, ()
    end = end_top(log.window, shape)
    top = moved(log.window, log.top or end, shape, step)
    can_load = step < 0 and log.window.first > log.window.first_available
    if _order(top) < _order(end) or can_load:
        return settled(_with(model, top=top))
    return to_end(model) if _holds_end(log) else settled(_with(model, top=end))


def to_begin(model: Model) -> Turn:
    window = model.log.window
    if window.is_empty:
        return model, ()
    if window.first <= window.first_available:
        return settled(_with(model, top=Top(window.first)))
    return to_line(model, window.first_available)


def to_end(model: Model) -> Turn:
    """And follows from there on."""
    place, log = model.place, model.log
    if not isinstance(place, RunPlace) or _holds_end(log):
        return settled(listening(_with(model, top=None)))
    anew = replace(log, window=_empty(log.window), top=None, seeking=None, is_fetching=False, is_loaded=False)
    model = replace(model, log=replace(anew, stream_from=-LAST_LINES))
    return model, (Follow(log_stream(place, -LAST_LINES)),)


def paused(model: Model) -> Turn:
    """Or followed again."""
    if model.log.top:
        return to_end(model)
    if model.log.window.is_empty:
        return model, ()
    return _with(model, top=end_top(model.log.window, _shape(model))), ()


def to_line(model: Model, n: int) -> Turn:
    """A line anywhere in the log is shown, and fetched before where it is not held."""
    window, shape = model.log.window, _shape(model)
    if not window.is_empty and window.first <= n <= window.last:
        top, end = moved(window, Top(n), shape, -(shape.rows // CONTEXT)), end_top(window, shape)
        return settled(_with(model, top=min(top, end, key=_order)))
    return _asked(_with(model, seeking=n, is_fetching=False), max(1, n - MARGIN))


def settled(model: Model) -> Turn:
    """More is asked for where an edge of what is held is near."""
    log = model.log
    window, top = log.window, log.top
    if not isinstance(model.place, RunPlace) or log.is_fetching or window.is_empty:
        return model, ()
    if _is_near_begin(model) and window.first > window.first_available:
        first = max(window.first_available, window.first - log.page_lines)
        return _asked(model, first, window.first - first)
    if top is None:
        return model, ()
    is_low = window.last - top.line - _shape(model).rows < MARGIN
    if not is_low or _holds_end(log):
        return model, ()
    if not window.has_end:
        return _asked(model, window.last + 1)
    stream = log_stream(model.place, window.last + 1)
    return _with(model, stream_from=stream.first), (Follow(stream),)


def _is_near_begin(model: Model) -> bool:
    """Of the lines that are held; at the end that matters where they do not fill the screen."""
    log = model.log
    if log.top:
        return log.top.line - log.window.first < MARGIN
    if log.window.last - log.window.first >= model.rows:
        return False
    return end_top(log.window, _shape(model)) == Top(log.window.first)


def _asked(model: Model, first: int, limit: int = 0) -> Turn:
    place, log = model.place, model.log
    if not isinstance(place, RunPlace):
        return model, ()
    ask = AskLog(place.name, place.run_id, first, limit or log.page_lines)
    return _with(model, is_fetching=True), (Fetch(ask),)


def page(model: Model, ask: AskLog, found: Found) -> Turn:
    """A page came that was asked for."""
    log = model.log
    read = map(records.log_line, found["lines"])
    lines = [line for line in read if found["finalized"] or not line.is_open]
    window = known(rotated(log.window, int(found["first_available"])), int(found["total_lines"]))
    model = _with(model, window=window, is_fetching=False, is_loaded=True, trouble="")
    if log.seeking is not None:
        return _sought(model, log.seeking, lines)
    if ask.first < window.first:
        return _before(model, lines)
    if not lines:  # what was there at its end is gone by now
        return _with(model, window=replace(window, total=window.last)), ()
    return settled(_with(model, window=appended(window, lines)))


def _before(model: Model, lines: Sequence[records.LogLine]) -> Turn:
    """Older lines. Where they are long some at their end may be left out, and fewer are asked for."""
    window = model.log.window
    if not lines:
        return _with(model, window=rotated(window, window.first)), ()
    if lines[-1].n < window.first - 1:
        fewer = max(1, min(model.log.page_lines, len(lines)) // 2)
        return settled(_with(model, page_lines=fewer))
    return _unfollowed(_with(model, window=prepended(window, lines)))


def _sought(model: Model, n: int, lines: Sequence[records.LogLine]) -> Turn:
    window = model.log.window
    is_there = bool(lines) and lines[0].n <= n <= lines[-1].n
    if not is_there and lines and lines[-1].n < n <= window.total:
        return _asked(model, n)
    if not lines:
        return told(_with(model, seeking=None), "That line is not there any more.", is_bad=True), ()
    fresh = appended(_empty(window), lines)
    model, left = _unfollowed(_with(model, window=fresh, seeking=None), is_sure=True)
    model, more = to_line(model, min(max(n, fresh.first), fresh.last))
    return model, left + more


def _unfollowed(model: Model, *, is_sure: bool = False) -> Turn:
    """Where the end is not held any more, following it would leave a hole."""
    log, place = model.log, model.place
    if log.stream_from is None or (log.window.has_end and not is_sure):
        return settled(model)
    command: tuple[Command, ...] = ()
    if isinstance(place, RunPlace):
        command = (Unfollow(log_stream(place, log.stream_from)),)
    model, more = settled(_with(model, stream_from=None))
    return model, command + more


def came(model: Model, lines: Sequence[Kept]) -> Turn:
    """Lines of the stream, without a hole among them. Those that are looked at stay held."""
    log = model.log
    window = appended(log.window, lines)
    if log.top is None or log.window.is_empty or window.first <= log.top.line:
        return settled(listening(_with(model, window=window, tail=None, is_loaded=True)))
    return _unfollowed(_with(model, window=known(log.window, window.last)))


def listening(model: Model, wait: Millis = SILENT_FOR) -> Model:
    """Should nothing come in a while, a line may have been left unfinished, which nobody tells."""
    if model.log.top or model.log.is_finished:
        return model
    return replace(model, due=replace(model.due, tail=Mono(model.now.mono + wait)))


def with_tail(model: Model, found: Found) -> Model:
    lines = [line for line in map(records.log_line, found["lines"]) if line.is_open]
    if not lines or lines[-1].n <= model.log.window.last:
        return listening(_with(model, tail=None), WHILE_SILENT)
    return listening(_with(model, tail=lines[-1], is_loaded=True), WHILE_UNFINISHED)


def search(model: Model, text: str) -> Turn:
    if not isinstance(model.place, RunPlace) or not text:
        return _with(model, search=None), ()
    ask = AskSearch(model.place.name, model.place.run_id, text)
    return _with(model, search=Search(text)), (Fetch(ask),)


def hits(model: Model, ask: AskSearch, found: Found) -> Turn:
    """Some were found, and perhaps more are to be."""
    former = model.log.search
    if former is None or former.text != ask.text:
        return model, ()
    numbers = (*former.hits, *(int(hit["n"]) for hit in found["hits"]))
    cursor = str(found.get("next_cursor") or "")
    goes_on = bool(cursor) and len(numbers) < MOST_HITS
    model = _with(model, search=replace(former, hits=numbers, is_busy=goes_on, has_more=bool(cursor)))
    more = (Fetch(replace(ask, cursor=cursor)),) if goes_on else ()
    if former.at is not None or goes_on or not numbers:
        return model, more
    return _to_hit(model, _nearest(model, numbers))


def _nearest(model: Model, numbers: Sequence[int]) -> int:
    """The last one that is seen or above, as a log is read from its end."""
    log = model.log
    bottom = log.top.line + _shape(model).rows if log.top else log.window.last
    return max((n for n in numbers if n <= bottom), default=numbers[0])


def stepped(model: Model, step: int) -> Turn:
    """To the next of what was found, or the one before; around at the ends."""
    found = model.log.search
    if found is None or not found.hits:
        return model, ()
    at = found.hits.index(found.at) + step if found.at in found.hits else 0
    return _to_hit(model, found.hits[at % len(found.hits)])


def _to_hit(model: Model, n: int) -> Turn:
    found = model.log.search
    return to_line(_with(model, search=replace(found, at=n) if found else None), n)


def widest(model: Model) -> int:
    """Cells of the longest line that is seen."""
    rows = seen(model.log, replace(_shape(model), column=0))
    texts = (model.log.window.line(row.n) for row in rows)
    return max((line_width(inked(line.text)) for line in texts if line), default=0)


def _holds_end(log: Log) -> bool:
    """Whether nothing can come after what is held without being told."""
    return log.window.has_end and (log.stream_from is not None or log.is_finished)


def _order(top: Top) -> tuple[int, int]:
    return top.line, top.row


def _empty(window: Window) -> Window:
    return replace(window, chunks=())


def _with(model: Model, **changes: object) -> Model:
    return replace(model, log=replace(model.log, **changes))  # type: ignore[arg-type]
