"""What goes on being told: events, who comes back, ranges of a text, which events a saved run is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import Wall
from runwisp.errors import RangeUnsatisfiable
from runwisp.eventstream import parsed
from runwisp.logline import Stream
from runwisp.logreader import Line
from runwisp.web.feed import NOTHING
from runwisp.web.feeds import text
from runwisp.web.feeds.admitted import AdmittedFeed
from runwisp.web.feeds.broadcast import Broadcast, BroadcastFlow
from runwisp.web.feeds.text import Part
from runwisp.web.lines import line_events, line_record
from runwisp.web.live import ENDED, Phases
from runwisp.web.schema import dumped


def broadcast(**changed: Any) -> Broadcast:
    return Broadcast("life", gap=lambda count: ("gap", b"%d" % count), **changed)


def say(source: Broadcast, *numbers: int) -> None:
    for number in numbers:
        source.say("n", lambda number=number: b"%d" % number)  # type: ignore[misc]


def heard(flow: BroadcastFlow) -> list[tuple[str, str, str]]:
    pieces = b"".join(iter(flow.more, NOTHING))
    return [(event.kind, event.data, event.id) for event in parsed(pieces.splitlines(keepends=True))]


def test_a_stream_ends_with_the_session_of_its_follower_at_the_next_event_or_beat() -> None:
    source, woken, over = broadcast(), list[bool](), list[bool]()
    feed = AdmittedFeed(source.feed(""), lambda: bool(over))
    flow = feed.begin(lambda: woken.append(True))
    say(source, 1)
    assert b"data: 1" in (flow.more() or b"")
    assert flow.beat()
    woken.clear()
    over.append(True)
    assert flow.beat() == NOTHING
    assert woken
    assert flow.more() is None
    say(source, 2)
    assert flow.more() is None


def test_a_newcomer_is_greeted_and_hears_what_comes() -> None:
    source, woken = broadcast(greeting="ping"), list[int]()
    say(source, 1)
    flow = source.begin("", lambda: woken.append(1))
    assert heard(flow) == [("ping", "{}", "life-1")]
    say(source, 2, 3)
    assert heard(flow) == [("n", "2", "life-2"), ("n", "3", "life-3")]
    assert woken == [1, 1]
    flow.close()
    say(source, 4)
    assert woken == [1, 1]


def test_a_newcomer_gets_the_last_where_there_is_a_replay() -> None:
    source = broadcast(replay=2)
    say(source, 1, 2, 3)
    assert [data for _, data, _ in heard(source.begin("", lambda: None))] == ["2", "3"]


def test_who_listened_to_another_and_gets_the_last_again_forgets_what_it_has() -> None:
    source = broadcast(replay=2)
    say(source, 1, 2, 3)
    told = heard(source.begin("other-9", lambda: None))
    assert told == [("reload", "{}", "life-1"), ("n", "2", "life-2"), ("n", "3", "life-3")]
    assert heard(source.begin("life-1", lambda: None)) == told[1:]


def test_who_comes_back_hears_what_it_missed_and_nothing_before() -> None:
    source = broadcast(greeting="ping")
    say(source, 1, 2, 3)
    assert heard(source.begin("life-1", lambda: None)) == [("n", "2", "life-2"), ("n", "3", "life-3")]
    assert heard(source.begin("life-3", lambda: None)) == []


@pytest.mark.parametrize("last_event_id", ["former-3", "nonsense", "-", "life"])
def test_who_listened_to_another_is_told_so(last_event_id: str) -> None:
    source = broadcast(greeting="ping")
    say(source, 1, 2)
    assert heard(source.begin(last_event_id, lambda: None)) == [("reload", "{}", "life-2")]


def test_who_was_away_too_long_or_is_too_slow_is_told_how_much_is_gone() -> None:
    source = broadcast(keep=2)
    slow = source.begin("", lambda: None)
    say(source, 1, 2, 3, 4)
    assert heard(slow) == [("gap", "4", "life-4")]
    assert heard(source.begin("life-1", lambda: None)) == [("gap", "3", "life-4")]
    say(source, 5)
    assert heard(slow) == [("n", "5", "life-5")]


def test_an_event_is_spelled_once_for_all() -> None:
    source, spellings = broadcast(), list[int]()
    flows = [source.begin("", lambda: None) for _ in range(3)]

    def make() -> bytes:
        spellings.append(1)
        return b"{}"

    source.say("n", make)
    assert not spellings
    assert [len(heard(flow)) for flow in flows] == [1, 1, 1]
    assert spellings == [1]


# Lines


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from(Stream),
    st.booleans(),
    st.integers(0, 4_000_000_000_000),
)
def test_a_line_is_spelled_as_its_record_is(
    content: str, stream: Stream, is_continued: bool, at: int
) -> None:
    line = Line(7, Wall(at), stream, content, is_continued, is_open=False)
    [event] = line_events([line])
    head, data = b"id: 7\nevent: line\ndata: ", b"\n\n"
    assert event == head + dumped(line_record(line)) + data
    [read] = parsed(event.split(b"\n"))
    assert json.loads(read.data)["text"] == content


# Ranges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("bytes=0-", (0, 10)),
        ("bytes=2-4", (2, 5)),
        ("bytes=9-100", (9, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-", None),
        ("bytes=4-2", None),
        ("bytes=0-1,2-3", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
    ],
)
def test_a_range_is_read(header: str, expected: tuple[int, int] | None) -> None:
    assert text.asked(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=-0", "bytes=99-100"])
def test_a_range_of_nothing_is_refused(header: str) -> None:
    with pytest.raises(RangeUnsatisfiable) as refused:
        text.asked(header, 10)
    assert refused.value.size == 10


@given(st.lists(st.integers(0, 9), max_size=4), st.integers(0, 40), st.integers(0, 40))
def test_a_cut_has_exactly_the_bytes_between(sizes: list[int], start: int, end: int) -> None:
    files: list[Any] = [*range(len(sizes))]
    parts = [Part(file, 0, size) for file, size in zip(files, sizes, strict=True)]
    every: list[tuple[Any, int]] = [(nth, byte) for nth, size in enumerate(sizes) for byte in range(size)]
    found = text.cut(parts, start, end)
    assert [(p.file, byte) for p in found for byte in range(p.start, p.start + p.size)] == every[start:end]
    assert all(part.size for part in found)


# Runs


def row(phase: str, **more: Any) -> dict[str, Any]:
    return {"id": "R", "phase": phase, **more}


def test_a_run_is_told_as_what_it_became() -> None:
    phases = Phases(())
    assert phases.events(row("pending")) == ["run.created"]
    assert phases.events(row("pending", due_at=1)) == ["run.updated"]
    assert phases.events(row("running", start_at=1)) == ["run.started"]
    assert phases.events(row("running", start_at=1, pid=1)) == ["run.updated"]
    assert phases.events(row("ended", start_at=1, end_reason="success")) == ["run.completed"]
    assert phases.events(row("ended", start_at=1, end_reason="success")) == ["run.updated"]


def test_a_run_that_is_first_heard_of_late_is_told_from_its_beginning() -> None:
    phases = Phases((row("running", start_at=1),))
    assert phases.events(row("ended", start_at=1, end_reason="timeout")) == ["run.failed"]
    others = {"id": "S", "start_at": 1, "end_reason": "stopped"}
    assert phases.events(row("ended") | others) == ["run.created", "run.started", "run.completed"]
    assert phases.events(row("ended", end_reason="skipped") | {"id": "T"}) == ["run.created", "run.failed"]


def test_runs_that_have_ended_are_forgotten_in_time() -> None:
    phases = Phases(())
    for number in range(ENDED + 1):
        phases.events(row("ended", end_reason="skipped") | {"id": str(number)})
    assert phases.events(row("ended", end_reason="skipped") | {"id": "1"}) == ["run.updated"]
    assert "run.created" in phases.events(row("ended", end_reason="skipped") | {"id": "0"})
