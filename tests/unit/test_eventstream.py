"""Server-sent events: what a client makes of the lines of a stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runwisp.eventstream import Pieces, ServerEvent, parsed
from runwisp.web.feeds.events import COMMENT, event


def events(text: str, last_id: str = "") -> list[ServerEvent]:
    return list(parsed(text.encode().splitlines(keepends=True), last_id))


def test_an_event_has_its_kind_its_data_and_the_id_to_come_back_with() -> None:
    assert events('event: line\nid: 7\ndata: {"n":7}\n\n') == [ServerEvent("line", '{"n":7}', "7")]


def test_an_id_lasts_until_the_next() -> None:
    assert [event.id for event in events("data: a\n\nid: 3\ndata: b\n\ndata: c\n\n", "2")] == ["2", "3", "3"]


def test_comments_and_unknown_fields_are_passed_over() -> None:
    assert events(": still here\n\nretry: 5\nnonsense\ndata: x\n\n") == [ServerEvent("message", "x", "")]


def test_several_lines_of_data_are_one_text() -> None:
    assert events("data: a\ndata:b\ndata:\n\n") == [ServerEvent("message", "a\nb\n", "")]


def test_lines_may_end_as_in_http() -> None:
    assert events("event: done\r\ndata: {}\r\n\r\n") == [ServerEvent("done", "{}", "")]


def test_an_event_that_was_cut_off_does_not_count() -> None:
    assert events("data: whole\n\nid: 2\ndata: half") == [ServerEvent("message", "whole", "")]


STREAM = (
    b'id: 1\nevent: line\ndata: {"n":1}\n\n:\n\nevent: dropped\ndata: {"count":3}\n\n'
    b'id: 9\nevent: line\ndata: {"n":9}\n\n'
)


@given(st.lists(st.integers(0, len(STREAM))))
def test_pieces_give_the_same_events_wherever_they_are_cut(cuts: list[int]) -> None:
    pieces, found = Pieces(), list[tuple[bytes, bytes]]()
    places = sorted(cuts)
    for start, end in zip([0, *places], [*places, len(STREAM)], strict=True):
        found += pieces.feed(STREAM[start:end])
    assert found == [(b"line", b'{"n":1}'), (b"dropped", b'{"count":3}'), (b"line", b'{"n":9}')]
    assert pieces.last_id == "9"


def test_pieces_read_what_the_daemon_writes() -> None:
    written = event("line", b'{"text":"id: 7"}', "7") + COMMENT + event("ping", b"{}")
    pieces = Pieces()
    assert pieces.feed(written) == [(b"line", b'{"text":"id: 7"}'), (b"ping", b"{}")]
    assert pieces.last_id == "7"
