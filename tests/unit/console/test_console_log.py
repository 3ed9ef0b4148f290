"""The log of a run in the console: its end is followed, any line can be reached, what is held is bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.console.logwindow import MERGED, MOST_BYTES, MOST_LINES, Window, appended, prepended
from runwisp.console.messages import Came, Failed, Opened, SaveLog
from runwisp.console.model import RunPlace
from runwisp.console.records import LogLine
from runwisp.console.requests import AskLog, AskSearch, LogStream
from tests.unit.console.scene import FAILED, FakeDaemon, Scene, events, line, run, running


def opened(lines: int = 3000, **more: object) -> Scene:
    """The run of `report`, which runs, with its log at its end."""
    daemon = FakeDaemon(log=[line(n) for n in range(1, lines + 1)], **more)  # type: ignore[arg-type]
    return Scene(daemon).press("j", "j", "enter", "enter").stream()


def shown(scene: Scene) -> list[int]:
    """The numbers of the lines on the screen, from the top down."""
    rows = [row.strip() for row in scene.right.split("\n")]
    found = [row.split()[0] for row in rows if row.endswith(tuple("0123456789")) and " line " in row]
    return [int(number) for number in found]


def held(scene: Scene) -> list[int]:
    window = scene.model.log.window
    return [each.n for each in window.lines(window.first)]


def test_a_log_opens_at_its_end_and_is_followed() -> None:
    scene = opened()
    assert shown(scene)[-1] == 3000
    assert "following" in scene.text
    scene.grow(5)
    assert shown(scene)[-1] == 3005


def test_scrolling_up_pauses_and_the_end_is_followed_again_from_there() -> None:
    scene = opened().press("k")
    seen = shown(scene)
    scene.grow(50)
    assert shown(scene) == seen
    assert "paused" in scene.text
    scene.press("G")
    assert shown(scene)[-1] == 3050
    assert "following" in scene.text


def test_scrolling_down_to_the_end_follows_it() -> None:
    scene = opened().press("page-up", "page-up").grow(2)
    assert "paused" in scene.text
    scene.press("page-down", "page-down", "page-down")
    assert "following" in scene.text
    assert shown(scene.grow(1))[-1] == 3003


def test_space_pauses_and_follows() -> None:
    scene = opened().press(" ")
    assert "paused" in scene.text
    seen = shown(scene)
    assert shown(scene.grow(3)) == seen
    assert "following" in scene.press(" ").text
    assert shown(scene)[-1] == 3003


def test_lines_before_those_held_are_loaded_while_scrolling_up() -> None:
    scene = opened()
    assert held(scene)[0] == 2001
    scene.press(*["page-up"] * 80)
    assert held(scene)[0] < 1500
    assert shown(scene)[0] == 3000 - 18 + 1 - 80 * 17
    scene.press(*["page-up"] * 120)
    assert shown(scene)[0] == 1


def test_the_begin_and_the_end_are_one_key_away_in_a_long_log() -> None:
    scene = opened(100_000)
    scene.press("g")
    assert shown(scene)[0] == 1
    assert scene.log_stream is None, "what lies between is not held, so nothing may be added"
    scene.press("G").stream()
    assert shown(scene)[-1] == 100_000


def test_what_is_held_is_bounded_however_far_one_scrolls_and_however_much_comes() -> None:
    scene = opened(20_000)
    for _ in range(40):
        scene.press(*["page-up"] * 10)
        assert len(held(scene)) <= MOST_LINES
    scene.press("G").stream()
    for _ in range(30):
        scene.grow(700)
        assert len(held(scene)) <= MOST_LINES
    assert shown(scene)[-1] == 41_000


def test_long_lines_are_bounded_by_their_size() -> None:
    scene = opened(0)
    for n in range(1, 600):
        scene.daemon.log.append(line(n, "x" * 65_000))
        stream = scene.log_stream
        assert stream is not None
        scene.tell(Came(stream, events("line", scene.daemon.log[-1])))
    assert sum(chunk.size for chunk in scene.model.log.window.chunks) <= MOST_BYTES


def test_while_paused_a_flood_does_not_take_away_what_is_read() -> None:
    scene = opened().press("page-up")
    seen = shown(scene)
    for _ in range(20):
        scene.grow(500)
    assert shown(scene) == seen
    assert not [each for each in scene.daemon.asked if isinstance(each, AskLog)], "nothing is fetched back"
    assert scene.log_stream is None
    while scene.log_stream is None:
        scene.press("page-down")
    scene.stream()
    scene.press(*["page-down"] * 500)
    assert shown(scene)[-1] == 13_000
    assert "following" in scene.text


def test_lines_that_are_gone_are_told_and_not_asked_for_again() -> None:
    scene = opened(3000, gone=2500)
    scene.press(*["page-up"] * 40)
    assert shown(scene)[0] == 2501
    assert "the first 2,500 are gone" in scene.text
    asked = len(scene.daemon.asked)
    scene.press("page-up", "g")
    assert len(scene.daemon.asked) == asked


def test_a_log_that_is_cut_while_it_is_followed_goes_on_from_what_is_kept() -> None:
    scene = opened()
    stream = scene.log_stream
    assert stream is not None
    scene.daemon.gone = 2990
    scene.tell(Came(stream, events("rotated", {"first_available": 2991})))
    scene.press("g")
    assert shown(scene)[0] == 2001, "what is held can be read still"
    scene.press("G").grow(10)
    assert shown(scene)[-1] == 3010


def test_lines_that_came_too_fast_are_told_and_can_be_read_by_scrolling_up() -> None:
    scene = opened()
    stream = scene.log_stream
    assert stream is not None
    scene.daemon.log += [line(n) for n in range(3001, 4011)]
    newest = events("line", *scene.daemon.log[4000:])
    scene.tell(Came(stream, [*events("dropped", {"count": 1000}), *newest]))
    assert shown(scene)[-1] == 4010
    assert "1,000 lines came too fast" in scene.text
    scene.press(*["page-up"] * 10)
    assert shown(scene)[0] == 4010 - 17 - 10 * 17


def test_a_run_that_has_ended_is_complete_and_not_followed() -> None:
    scene = opened()
    stream = scene.log_stream
    assert stream is not None
    scene.tell(Came(stream, events("done", run(999, "report"))))
    assert scene.log_stream is None
    assert "complete" in scene.text
    assert "success" in scene.text
    scene.press("g", "G").stream()
    assert shown(scene)[-1] == 3000


def test_a_page_of_which_long_lines_were_left_out_is_asked_for_in_smaller_ones() -> None:
    scene = opened()
    whole = scene.daemon.page

    def clipped(first: int, limit: int) -> dict[str, object]:
        assert shown(scene), "what was read is seen while more is fetched"
        found = whole(first, limit)
        return found | {"lines": found["lines"][:100], "truncated": True}

    scene.daemon.page = clipped  # type: ignore[method-assign]
    for page in range(1, 176):
        scene.press("page-up")
        assert shown(scene)[0] == 2983 - 17 * page
    assert sum(isinstance(each, AskLog) for each in scene.daemon.asked) < 50
    assert held(scene) == list(range(held(scene)[0], held(scene)[-1] + 1))


def test_an_unfinished_line_is_not_held_as_it_changes_still() -> None:
    scene = opened(2500).press("g")
    scene.daemon.log.append(line(2501, "Pass", open=True))
    while scene.log_stream is None:
        scene.press("page-down")
    assert scene.log_stream.first == 2501
    assert held(scene)[-1] == 2500
    scene.daemon.log[-1] = line(2501, "Password given")
    assert "Password given" in scene.stream().press("G").text


def test_a_line_that_is_left_unfinished_is_seen_after_a_moment_of_silence_and_while_it_changes() -> None:
    scene = opened()
    scene.daemon.log.append(line(3001, "Password: ", open=True))
    assert "Password" not in scene.text
    assert "3001     Password:" in scene.later(1000).text
    scene.daemon.log[-1] = line(3001, "10 %\r20 %", open=True)
    assert "3001     20 %" in scene.later(2000).text
    assert len(scene.lines) == 24
    asked = len(scene.daemon.asked)
    scene.daemon.log[-1] = line(3001, "it is done")
    stream = scene.log_stream
    assert stream is not None
    scene.tell(Came(stream, events("line", scene.daemon.log[-1])))
    assert scene.text.count("3001 ") == 1
    assert "it is done" in scene.text
    scene.later(1000)
    scene.daemon.log.append(line(3002, "Sure? ", open=True))
    assert "3002     Sure?" in scene.later(5000).text
    assert len(scene.daemon.asked) == asked + 2
    scene.press("k").later(60_000).later(60_000)
    assert len(scene.daemon.asked) == asked + 2, "who reads further up does not see it"


@pytest.mark.parametrize("key", ["G", " ", "j"])
def test_a_line_left_unfinished_while_the_log_was_paused_is_seen_when_its_end_is_followed_again(
    key: str,
) -> None:
    scene = opened().press("k").later(60_000)
    scene.daemon.log.append(line(3001, "Password: ", open=True))
    assert "Password" not in scene.later(60_000).text
    assert "3001     Password:" in scene.press(key).later(1000).text


def test_a_finished_line_is_left_to_the_stream() -> None:
    scene = opened()
    scene.daemon.log.append(line(3001))
    assert shown(scene.later(1000))[-1] == 3000


@pytest.mark.parametrize(
    ("code", "text", "told"),
    [
        ("log_unavailable", "the log is gone", "The log is no longer available"),
        ("internal", "it failed; look at the log of the daemon", "it failed; look at the log of the daemon"),
    ],
)
def test_a_log_that_cannot_be_read_says_why(code: str, text: str, told: str) -> None:
    scene = Scene().press("j", "enter", "enter")
    stream = scene.log_stream
    assert stream is not None
    assert "Loading" in scene.text
    scene.tell(Failed(stream, code, text))
    assert told in " ".join(scene.right.split())


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (running(999, "report"), "No output yet"),
        (running(999, "report", status="pending", start_at=None), "Not started yet"),
    ],
)
def test_a_log_without_lines_says_so(found: dict[str, object], told: str) -> None:
    scene = Scene(FakeDaemon(runs=[found])).press("j", "j", "enter", "enter")
    assert told in scene.stream().text


@pytest.mark.parametrize(
    ("start_at", "told"), [(FAILED["start_at"], "It printed nothing"), (None, "It never started")]
)
def test_a_run_that_ended_without_output_says_so(start_at: str | None, told: str) -> None:
    found = {key: value for key, value in (FAILED | {"start_at": start_at}).items() if value is not None}
    scene = Scene(FakeDaemon(runs=[found])).press("j", "enter", "enter").stream()
    stream = scene.log_stream
    assert stream is not None
    assert told in scene.tell(Came(stream, events("done", found))).text


def test_what_comes_late_of_a_run_that_was_left_is_passed_over() -> None:
    scene = opened()
    left = scene.log_stream
    assert left is not None
    scene.press("escape", "escape", "j", "enter")
    before = scene.model
    scene.tell(Came(left, events("line", line(3001))), Opened(left))
    assert scene.model == before


def test_search_goes_to_the_last_line_above_and_steps_through_all_of_them_and_around() -> None:
    log = [line(n, f"an Error in {n}" if n in (100, 1500, 2990) else "") for n in range(1, 3001)]
    scene = Scene(FakeDaemon(log=log)).press("j", "j", "enter", "enter").stream()
    scene.press("/", *"error", "enter")
    assert '"error": 3 of 3' in scene.text
    assert "an Error in 2990" in scene.text
    scene.press(".")
    assert '"error": 1 of 3' in scene.text
    assert "an Error in 100" in scene.text
    scene.press(".", ",")
    assert "an Error in 100" in scene.text
    scene.press(",")
    assert "an Error in 2990" in scene.text
    scene.press("escape")
    assert '"error"' not in scene.text


def test_a_search_that_finds_nothing_or_fails_says_so() -> None:
    scene = opened().press("/", *"nowhere", "enter")
    assert '"nowhere": not found' in scene.text
    scene.daemon.refusals[AskSearch] = ("busy", "too many searches; try again")
    assert '"x": too many searches; try again' in scene.press("/", "x", "enter").text


def test_the_log_alone_has_nothing_but_text_to_copy_and_leaves_the_mouse_alone() -> None:
    scene = opened().press("f").later(60_000)
    assert not scene.model.has_mouse
    assert [row.rstrip() for row in scene.lines] == [f"line {n}" for n in range(2977, 3001)]
    scene.press("escape")
    assert scene.model.has_mouse
    assert "RunWisp" in scene.text


def test_the_keys_are_shown_over_a_log_that_is_alone_and_it_is_alone_after_them() -> None:
    scene = opened().press("f", "?")
    assert "To the other half" in scene.text
    scene.press("escape").later(60_000)
    assert [row.rstrip() for row in scene.lines] == [f"line {n}" for n in range(2977, 3001)]


def test_a_log_is_saved_where_a_person_says() -> None:
    scene = opened().press("d")
    assert "Save the log as: report_20261128_115900.log" in scene.text
    scene.press("ctrl-u", *"/tmp/it.log", "enter")
    assert scene.done == [SaveLog("report", running(999, "report")["id"], "/tmp/it.log")]
    scene.press("d", "escape")
    assert len(scene.done) == 1


def test_colours_of_a_task_are_all_that_passes_of_its_escapes() -> None:
    scene = opened(0)
    hostile = "\x1b]52;c;cm0=\x07\x1b[2J\x1b[31mred\x1b[0m\x9b5n \u202eevil\x00\r\nx"
    scene.daemon.log.append(line(1, hostile))
    stream = scene.log_stream
    assert stream is not None
    scene.tell(Came(stream, events("line", scene.daemon.log[0])))
    assert all(each.isprintable() for each in scene.lines)


def test_wrapping_can_be_switched_off_and_the_rest_of_a_line_be_scrolled_to() -> None:
    scene = opened(0)
    scene.daemon.log.append(line(1, "left " + "x" * 100 + " right"))
    stream = scene.log_stream
    assert stream is not None
    scene.tell(Came(stream, events("line", scene.daemon.log[0])))
    assert "right" in scene.text
    scene.press("w")
    assert " right" not in scene.right
    scene.press("l", "l", "l", "l", "l")
    assert " right" in scene.right
    scene.press("h", "h", "h", "h", "h")
    assert "left" in scene.right
    assert "sidebar" in scene.press("h").model.focus


MOVES = st.one_of(
    st.sampled_from(["k", "j", "page-up", "page-down", "g", "G", " "]),
    st.integers(1, 1500),
    st.just("stream"),
)


@given(st.integers(0, 9000), st.integers(0, 4000), st.lists(MOVES, max_size=40))
def test_what_is_held_never_has_a_hole_and_the_end_is_always_reached(
    size: int, gone: int, moves: list[str | int]
) -> None:
    scene = opened(size, gone=min(gone, size))
    for move in moves:
        match move:
            case int():
                scene.grow(move)
            case "stream":
                if scene.log_stream and scene.log_stream.first != -1000:
                    scene.stream()
            case _:
                before = scene.log_stream
                scene.press(move)
                if scene.log_stream != before and scene.log_stream:
                    scene.stream()
        lines = held(scene)
        assert lines == list(range(lines[0], lines[-1] + 1)) if lines else True
        assert not lines or scene.model.log.top is None or lines[0] <= scene.model.log.top.line <= lines[-1]
    before = scene.log_stream
    scene.press("G")
    if scene.log_stream != before:
        scene.stream()
    if scene.daemon.log[scene.daemon.gone :]:
        assert shown(scene)[-1] == len(scene.daemon.log)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=60))
def test_a_window_grows_at_both_ends_without_a_hole(steps: list[tuple[bool, int]]) -> None:
    window = appended(Window(total=10_000), [_kept(n) for n in range(5000, 5010)])
    for is_after, count in steps:
        if is_after:
            start = window.last + 1
            window = appended(window, [_kept(n) for n in range(start, start + count)])
        elif window.first > count:
            window = prepended(window, [_kept(n) for n in range(window.first - count, window.first)])
        numbers = [each.n for each in window.lines(window.first)]
        assert numbers == list(range(window.first, window.last + 1))
        assert len(numbers) <= MOST_LINES + MERGED + 400


def _kept(n: int) -> LogLine:
    return LogLine(n, 0, "stdout", "", False, False)  # type: ignore[arg-type]


def test_lines_that_come_twice_are_held_once() -> None:
    window = appended(Window(), [_kept(n) for n in range(1, 11)])
    window = appended(window, [_kept(n) for n in range(5, 15)])
    assert [each.n for each in window.lines(1)] == list(range(1, 15))
    assert appended(window, [_kept(3)]) is window


def test_the_stream_that_is_left_is_ended() -> None:
    scene = opened()
    place = scene.model.place
    assert isinstance(place, RunPlace)
    assert scene.log_stream == LogStream(place.name, place.run_id, -1000)
    scene.press("escape")
    assert scene.log_stream is None


def test_only_one_page_is_asked_for_at_a_time() -> None:
    scene = opened()
    scene.model = replace(scene.model, log=replace(scene.model.log, is_fetching=True))
    scene.press(*["page-up"] * 59)
    assert not [each for each in scene.daemon.asked if isinstance(each, AskLog)]
    assert shown(scene)[0] == 2001
