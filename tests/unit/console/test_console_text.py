"""Text on its way to the screen: as wide as it should be, and nothing in it that a terminal would obey."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import Wall
from runwisp.console import cells, inks, state, why, words
from runwisp.console.cells import fitted, folded, line_width, padded, shifted, width, wrapped
from runwisp.console.graph import plotted, sparkline, thinned
from runwisp.console.inks import dipped, inked
from runwisp.console.records import run as read_run
from runwisp.console.records import task as read_task
from runwisp.console.style import Ink, Tone
from runwisp.run import EndReason
from tests.unit.console.scene import FAILED, NOON, run, running, service, task

STATIC = Path(__file__).parents[3] / "runwisp/web/static"
HOSTILE = st.text(
    st.one_of(
        st.sampled_from(
            "\x1b[]m0123;:\r\n\t\b\x07\x9b\x90\u202e\u200b\u2066\ufe0f\u0301日本한🎉é\x00\x7f\ud800"
        ),
        st.characters(),
    ),
    max_size=80,
)


@given(HOSTILE, st.integers(0, 40))
def test_a_line_is_exactly_as_wide_as_the_screen_and_printable(text: str, columns: int) -> None:
    line = fitted(((text, Tone.PLAIN), (text, Tone.BAD)), columns)
    assert line_width(line) == columns
    assert all(piece.isprintable() and "\ufe0f" not in piece for piece, _ in line)


@given(HOSTILE)
def test_a_line_of_a_log_is_printable_whatever_a_task_prints(text: str) -> None:
    assert all(piece.isprintable() for piece, _ in inked(text))


@given(HOSTILE, st.integers(2, 40))
def test_wrapping_loses_nothing_and_no_row_is_too_wide(text: str, columns: int) -> None:
    line = inked(text)
    rows = list(wrapped(line, columns))
    assert all(line_width(row) <= columns for row in rows)
    assert "".join(piece for row in rows for piece, _ in row) == "".join(piece for piece, _ in line)


@given(HOSTILE, st.integers(0, 60))
def test_scrolling_to_the_right_takes_exactly_so_many_cells_away(text: str, columns: int) -> None:
    line = inked(text)
    left = line_width(shifted(line, columns))
    assert max(0, line_width(line) - columns) - left in (0, 1), "half of a wide letter goes as a whole"


@given(HOSTILE, st.integers(1, 40))
def test_padding_is_exact(text: str, columns: int) -> None:
    assert width(padded(text, columns, "…")) == columns


@given(HOSTILE, st.integers(2, 40))
def test_prose_is_folded_into_rows_that_fit(text: str, columns: int) -> None:
    rows = folded(text, columns)
    assert all(width(row) <= columns for row in rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain", 5), ("日本", 4), ("e\u0301", 1), ("🎉", 2), ("ｆ", 2), ("é", 1), ("●✗■", 3)],
)
def test_letters_are_as_wide_as_terminals_show_them(text: str, expected: int) -> None:
    assert width(text) == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb", "a       b"),
        ("10 %\r20 %\r30 %", "30 %"),
        ("done\r", "done"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b[2J\x1b[Htext", "text"),
        ("a\u202eb", "a\\u202eb"),
        ("a\x9bb", "ab"),
        ("", ""),
    ],
)
def test_what_is_left_of_what_a_task_prints(text: str, shown: str) -> None:
    assert "".join(piece for piece, _ in inked(text)) == shown


@pytest.mark.parametrize(
    ("codes", "ink"),
    [
        ("31", Ink(fg=1)),
        ("1;31", Ink(fg=1, is_bold=True)),
        ("97;44", Ink(fg=15, bg=4)),
        ("38;5;208", Ink(fg=208)),
        ("38:5:208", Ink(fg=208)),
        ("48;2;255;0;0", Ink(bg=196)),
        ("38;2;128;128;128", Ink(fg=244)),
        ("38;5;999", Ink()),
        ("38", Ink()),
        ("2;3;4;7", Ink(is_dim=True, is_italic=True, is_underlined=True, is_reversed=True)),
        ("5;6;8;99;12345", Ink()),
        ("", Ink()),
    ],
)
def test_colours(codes: str, ink: Ink) -> None:
    assert dipped(Ink(), codes) == ink


def test_colours_end_where_the_task_ends_them() -> None:
    spans = inked("\x1b[1;31mred\x1b[22mthin\x1b[39mplain\x1b[0mreset", Tone.STDERR)
    assert spans == (
        ("red", Ink(fg=1, is_bold=True)),
        ("thin", Ink(fg=1)),
        ("plain", Tone.STDERR),
        ("reset", Tone.STDERR),
    )


@given(st.lists(st.floats(0, 1000), max_size=300), st.integers(1, 200), st.integers(1, 10))
def test_pictures_have_the_size_that_was_asked_for(values: list[float], columns: int, rows: int) -> None:
    for bars in (state.UNICODE.bars, state.ASCII.bars):
        picture = plotted(values, columns, rows, 100, bars)
        assert [len(row) for row in picture] == [columns] * rows
        assert len(sparkline(values, columns, 100, bars)) == min(len(values), columns)
    assert len(thinned(values, columns)) == min(len(values), columns)


def test_a_picture_is_as_high_as_its_numbers() -> None:
    assert sparkline([0, 50, 100], 3, 100, "▁▂▃▄▅▆▇█") == "▁▅█"
    assert plotted([0, 50, 100], 3, 2, 100, "_12345678"[:8]) == ["  7", "_77"]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (words.length(0), "0 s"),
        (words.length(999), "999 ms"),
        (words.length(1250), "1.2 s"),
        (words.length(3000), "3 s"),
        (words.length(59_999), "59 s"),
        (words.clock_length(90_000), "1 min 30 s"),
        (words.clock_length(3_600_000), "1 h"),
        (words.clock_length(90_000_000), "1 d 1 h"),
        (words.clock_length(-5), "0 s"),
        (words.size(0), "0 B"),
        (words.size(1023), "1023 B"),
        (words.size(1536), "1.5 KiB"),
        (words.size(200 * 1024**2), "200 MiB"),
        (words.size(5 * 1024**5), "5120 TiB"),
        (words.percent(0.9996), "99.9 %"),
        (words.percent(1), "100 %"),
        (words.percent(0.5), "50 %"),
        (words.plural(1, "line"), "1 line"),
        (words.plural(12_345, "line"), "12,345 lines"),
        (words.seconds(0.012), "0.012 s"),
        (words.seconds(3.14159), "3.14 s"),
        (words.seconds(120.4), "120 s"),
        (words.ago(Wall(NOON - 500), NOON), "just now"),
        (words.ago(Wall(NOON - 59_000), NOON), "59 s ago"),
        (words.ago(Wall(NOON - 3 * 86_400_000), NOON), "3 d ago"),
        (words.until(NOON, NOON), "now"),
        (words.until(Wall(NOON + 90_000), NOON), "in 1 min 30 s"),
    ],
)
def test_numbers_read_as_in_the_web_dashboard(told: str, expected: str) -> None:
    assert told == expected


def _script(path: str) -> str:
    return (STATIC / path).read_text()


def _object(text: str, name: str) -> dict[str, str]:
    """The strings of an object literal."""
    body = re.search(rf"\b{name} = {{(.*?)}};", text, re.DOTALL)
    assert body, name
    return dict(re.findall(r'"?(\w+)"?: "([^"]*)"', body[1]))


def test_states_are_those_of_the_web_dashboard() -> None:
    text = _script("states.js")
    failed = re.search(r"FAILED = new Set\(\[(.*?)\]\)", text, re.DOTALL)
    assert failed
    assert set(re.findall(r'"(\w+)"', failed[1])) == state.FAILED
    assert _object(text, "WAITS") == state.WAITS


def test_triggers_are_worded_as_in_the_web_dashboard() -> None:
    assert _object(_script("run/facts.js"), "TRIGGERS") == why.TRIGGERS


def test_every_end_reason_is_explained_as_in_the_web_dashboard() -> None:
    table = re.search(r"const ENDED = {(.*?)^};", _script("run/why.js"), re.DOTALL | re.MULTILINE)
    assert table
    explained = re.findall(r'^  (\w+): \(\) => "([^"]+)"', table[1], re.MULTILINE)
    assert len(explained) >= 6
    for reason, told in explained:
        found = read_run(run(1, end_reason=reason, exit_code=-1))
        assert why.why(found, None, NOON)[0] == told
    assert set(why.ENDED) == set(EndReason)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"end_reason": "success"}, ["It ended as it should, with exit code 0."]),
        (
            {"end_reason": "failed", "exit_code": 3, "message": "exited with code 3"},
            ["It ended with exit code 3: only 0 is a success."],
        ),
        (
            {"end_reason": "failed", "exit_code": -1, "message": "no such user"},
            ["It could not be started.", "no such user"],
        ),
        (
            {
                "end_reason": "skipped",
                "exit_code": -1,
                "message": "task already running, skipping (policy: skip)",
            },
            ["It did not start: task already running, skipping (policy: skip)."],
        ),
        (
            {"end_reason": "stopped", "message": "stopped by hand; restart 2 after 2s"},
            ["It was stopped by hand."],
        ),
        (
            {"end_reason": "success", "log_dropped_lines": 7, "retry_attempt": 2},
            [
                "It ended as it should, with exit code 0. This was retry 2.",
                "7 lines of its output were dropped.",
            ],
        ),
        (
            {"end_reason": "timeout", "exit_code": 143, "message": "ran longer than its timeout of 10s"},
            ["It was stopped as it ran longer than its timeout of 10s."],
        ),
        (
            {"end_reason": "log_overflow", "message": "its log reached log_max_size; catch-up of a firing"},
            ["It was stopped as its log had reached log_max_size.", "catch-up of a firing"],
        ),
        (
            {"end_reason": "failed", "exit_code": 3, "message": "exited with code 3; catch-up of a firing"},
            ["It ended with exit code 3: only 0 is a success.", "catch-up of a firing"],
        ),
        ({"end_reason": "new_reason"}, ["It ended: new_reason."]),
    ],
)
def test_why_a_run_ended(changes: dict[str, Any], told: list[str]) -> None:
    assert why.why(read_run(run(1, **changes)), None, NOON) == told


def test_why_a_run_ended_knows_its_task() -> None:
    limited = read_task(task("backup", timeout=60_000_000_000, exit_codes=[0, 3], retry_attempts=5))
    failed = read_run(run(1, end_reason="failed", exit_code=4, retry_attempt=1))
    assert why.why(failed, limited, NOON, "success") == [
        "It ended with exit code 4: only 0, 3 are successes. This was retry 1 of 5. Then it was tried again: "
        "success."
    ]


@pytest.mark.parametrize(
    ("made", "sign", "text", "wants"),
    [
        (task("a"), "○", "never run", False),
        (task("a", last_run=run(1)), "○", "idle", False),
        (task("a", last_run=FAILED), "✗", "idle", True),
        (task("a", running=1, last_run=running(2)), "●", "running", False),
        (task("a", running=3, last_run=running(2)), "●", "3 running", False),
        (task("a", queued=2, last_run=running(2)), "◌", "2 queued", False),
        (service("a"), "○", "not started", False),
        (service("a", running=1, last_run=running(1)), "●", "running", False),
        (service("a", running=1, instances=3, last_run=running(1)), "●", "1/3 running", True),
        (service("a", stopped=True, last_run=run(1)), "■", "stopped", False),
        (service("a", last_run=run(1)), "✗", "restarting", True),
    ],
)
def test_what_a_task_is(made: dict[str, object], sign: str, text: str, wants: bool) -> None:
    found = read_task(made)
    assert state.beside(found).sign(state.UNICODE) == sign
    assert state.of_task(found).text == text
    assert state.wants_attention(found) is wants


SIGNS = [each.name for each in fields(state.Signs)]


def test_signs_are_one_cell_each_in_both_alphabets() -> None:
    for signs in (state.UNICODE, state.ASCII):
        for name in SIGNS:
            text = getattr(signs, name)
            assert all(cells.cell(letter) == 1 for letter in text)
            assert name in ("corners", "bars") or len(text) == 1
    assert all(getattr(state.ASCII, name).isascii() for name in SIGNS)
    assert (state.ASCII.running, state.ASCII.failed, state.ASCII.stopped) == ("*", "x", "#")


def test_a_long_run_of_parameters_costs_nothing() -> None:
    assert dipped(Ink(), ";".join(["1"] * 5000)) == Ink()
    assert inks.inked("\x1b[" + "9" * 5000 + "mx")[0][0] == "x"
