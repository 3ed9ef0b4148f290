"""What is around the halves: the first line says where this is, the last one what can be done.

Pure. Called by ``view``.
"""

from __future__ import annotations

from runwisp.console.cells import fitted, folded, line_width, safe, short, width
from runwisp.console.keys import BINDINGS, WHERE, Binding, Intent, Where, spelled
from runwisp.console.model import Asking, Focus, Model, Prompt, RunPlace, TaskPlace
from runwisp.console.style import Line, Span, Tone
from runwisp.console.views.sheet import Sheet
from runwisp.console.words import clock_length, count

ASKED = {Asking.FILTER: "Filter", Asking.SEARCH: "Search", Asking.SAVE: "Save the log as"}
HINTED_FIRST = (Intent.HELP, Intent.QUIT)
ENDS = ".:;,!?"
"""Letters after which a sentence goes on or another begins."""

IN_HELP = [("Esc", "close"), ("Up Down PgUp PgDn", "scroll")]


def first(model: Model, on: Sheet) -> Line:
    """The daemon, whether it is there, what runs, and the bell."""
    name = f"{model.info.host} {model.info.fingerprint}" if model.info else model.url
    left: list[Span] = [(" RunWisp ", Tone.BAR), (f" {name} ", Tone.BAR)]
    running = sum(task.running for task in model.tasks.values())
    parts = [f"{count(running)} running"] if model.is_loaded else []
    if model.bell.unread:
        parts.append(f"{count(model.bell.unread)} unread")
    right = f"{'  '.join(parts)} "
    room = on.columns - line_width(left) - width(right)
    if room < 0:
        return fitted(left, on.columns, Tone.BAR)
    return fitted([*left, (" " * room, Tone.BAR), (right, Tone.BAR)], on.columns, Tone.BAR)


def banner(model: Model, on: Sheet) -> list[Line]:
    """What has to be known wherever one is: nothing, as a rule."""
    if model.lost:
        since = clock_length(on.now - model.lost.since)
        left = max(1, -(-(model.lost.retry_at - on.now) // 1000))
        told = f" {on.signs.warning} Connection lost for {since}. Next attempt in {left} s. "
        head: list[Span] = [(told, Tone.BAD), ("r", Tone.KEY), (" Retry  ", Tone.PLAIN)]
        why = _one_line(model.lost.text)
        if line_width(head) + width(why) <= on.columns:
            return [fitted([*head, (why, Tone.DIM)], on.columns)]
        return [fitted(head, on.columns), _row(why, Tone.DIM, on)]
    if model.trouble and model.is_loaded:
        return _rows(f"{on.signs.warning} Not live: {_one_line(model.trouble)}", Tone.WARN, on)
    return []


def _one_line(text: str) -> str:
    """Errors have what to do next on lines of their own."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return " ".join([*(line if line[-1] in ENDS else f"{line}." for line in lines[:-1]), *lines[-1:]])


def _rows(text: str, tone: Tone, on: Sheet) -> list[Line]:
    """One, or two where it is long."""
    first, *rest = folded(text, max(1, on.columns - 2))
    return [_row(first, tone, on), *([_row(" ".join(rest), tone, on)] if rest else [])]


def _row(text: str, tone: Tone, on: Sheet) -> Line:
    """With a mark where it does not fit."""
    return fitted(((f" {short(text, on.columns - 2, on.signs.more)}", tone),), on.columns)


def last(model: Model, on: Sheet) -> list[Line]:
    """What is asked, what was said, or what keys do here."""
    if model.prompt:
        return [_prompt(model.prompt, on)]
    if model.flash:
        return _rows(_one_line(model.flash.text), Tone.BAD if model.flash.is_bad else Tone.TITLE, on)
    return [_hints(model, on)]


def _prompt(prompt: Prompt, on: Sheet) -> Line:
    """The end of the text is what has to be seen."""
    label = f" {ASKED[prompt.asking]}: "
    text = safe(prompt.text)
    room = max(1, on.columns - width(label) - 1)
    while width(text) > room:
        text = text[1:]
    return fitted(((label, Tone.KEY), (text, Tone.PLAIN), (" ", Tone.SELECTED)), on.columns)


def _hints(model: Model, on: Sheet) -> Line:
    """As many as there is room for."""
    spans: list[Span] = [(" ", Tone.PLAIN)]
    for key, words in IN_HELP if model.is_helping else _known(model):
        added: list[Span] = [(key, Tone.KEY), (f" {words}  ", Tone.DIM)]
        if line_width([*spans, *added]) <= on.columns + 2:
            spans += added
    return fitted(spans, on.columns)


def _known(model: Model) -> list[tuple[str, str]]:
    """Those that always help come first, then those of this place alone."""
    where = {Where.EVERYWHERE, WHERE[type(model.place)]}
    bound = [each for each in BINDINGS if each.hint and each.where in where]
    bound.sort(key=lambda each: (each.intent not in HINTED_FIRST, each.where is Where.EVERYWHERE))
    hinted = [(spelled(each.keys[0]), _hint(each, model)) for each in bound]
    return [(key, words) for key, words in hinted if words]


def _hint(binding: Binding, model: Model) -> str:
    """What it does just here; empty for nothing."""
    task = model.tasks.get(_name(model))
    match binding.intent:
        case Intent.SEARCH if _is_log(model):
            return "search"
        case Intent.OPEN if _is_log(model):
            return ""
        case Intent.FOLLOW:
            return "" if model.log.is_finished else "follow" if model.log.top else "pause"
        case Intent.RUN if task is None:
            return ""
        case Intent.RUN if task and task.is_service:
            return "restart" if task.running or not task.stopped else "start"
        case Intent.STOP | Intent.DETAILS if task is None and not isinstance(model.place, RunPlace):
            return ""
        case _:
            return binding.hint


def _is_log(model: Model) -> bool:
    return isinstance(model.place, RunPlace) and model.focus is Focus.MAIN and not model.has_details


def _name(model: Model) -> str:
    """The task that keys would act on."""
    if model.focus is Focus.SIDEBAR:
        entry = model.sidebar.entries[model.sidebar.at]
        return entry.name if isinstance(entry, TaskPlace) else ""
    return model.place.name if isinstance(model.place, TaskPlace | RunPlace) else ""
