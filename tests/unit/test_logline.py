"""Where lines end, what their prefixes are, and what the book of a log says of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runwisp.clock import Wall
from runwisp.linebook import LineBook, Plan
from runwisp.logline import (
    BARE,
    CONTINUED,
    CUT,
    Record,
    Stream,
    lines_begun,
    newlines,
    prefixed,
    stretches,
    system_line,
)

NOW = Wall(1_000_000)
texts = st.lists(st.sampled_from([b"\n", b"a", b"bc", b"\r", b"\xff"])).map(b"".join)


def lines_by_hand(data: bytes, line_max: int) -> list[bytes]:
    """The lines of ``data``, one byte at a time."""
    lines = [b""]
    for byte in data:
        if lines[-1].endswith(b"\n") or (len(lines[-1]) == line_max and byte != 0x0A):
            lines.append(b"")
        lines[-1] += bytes([byte])
    return [line for line in lines if line]


@given(texts, st.integers(1, 7), st.integers(0, 20))
def test_lines_begin_where_a_byte_by_byte_count_says(data: bytes, line_max: int, cut: int) -> None:
    first, open_length = lines_begun(data[:cut], 0, len(data[:cut]), line_max)
    second, _ = lines_begun(data, cut, len(data), line_max, open_length)
    assert first + second == len(lines_by_hand(data, line_max))


@given(texts, st.integers(1, 7))
def test_stretches_cover_the_data_and_none_is_longer_than_a_line_and_its_newline(
    data: bytes, line_max: int
) -> None:
    start = 0
    for stop, count, left in stretches(data, 0, len(data), line_max):
        assert start < stop <= start + line_max + 1
        assert count == data.count(b"\n", start, stop)
        assert left == (0 if data[stop - 1 : stop] == b"\n" else CUT if stop < len(data) else left)
        start = stop
    assert start == len(data)


@given(st.integers(1, 60), st.integers(0, 200), st.data())
def test_newlines_are_counted_however_near_or_far_they_are(
    length: int, lines: int, drawn: st.DataObject
) -> None:
    data = bytearray((b"x" * (length - 1) + b"\n") * lines)
    start, end = sorted(drawn.draw(st.tuples(*[st.integers(0, len(data))] * 2)))
    assert newlines(data, start, end) == data.count(b"\n", start, end)
    assert newlines(bytes(data), start, end) == data.count(b"\n", start, end)


def test_a_line_of_exactly_the_longest_length_is_not_cut_when_its_newline_comes_later() -> None:
    assert list(stretches(b"abc", 0, 3, 3)) == [(3, 0, 3)]
    assert list(stretches(b"\n", 0, 1, 3, 3)) == [(1, 1, 0)]
    assert lines_begun(b"d", 0, 1, 3, 3) == (1, 1)


def test_every_line_of_stderr_is_prefixed_and_what_goes_on_is_not() -> None:
    assert prefixed(Stream.STDERR, b"a\n\nb", is_line_start=True) == b"[ERR] a\n[ERR] \n[ERR] b"
    assert prefixed(Stream.STDERR, b"a\nb\n", is_line_start=False) == b"a\n[ERR] b\n"
    assert prefixed(Stream.STDOUT, b"a\nb", is_line_start=True) == b"a\nb"


def test_a_system_line_is_one_line_whatever_its_text() -> None:
    assert system_line("one\ntwo\u2028three") == b"[SYSTEM] one two three\n"
    assert system_line("\udc80") == b"[SYSTEM] ?\n"


def planned(book: LineBook, stream: Stream, data: bytes, room: int = 1000, offset: int = 0) -> Plan:
    return book.plan(stream, data, 0, len(data), room=room, offset=offset, now=NOW)


def test_a_line_that_goes_on_has_no_record_of_its_own() -> None:
    book = LineBook()
    book.take(planned(book, Stream.STDOUT, b"ab"))
    plan = planned(book, Stream.STDOUT, b"c\nd\n", offset=2)
    assert plan.records == ()
    assert plan.begun == 1
    book.take(plan)
    assert book.next_line == 3


def test_the_rest_of_an_interrupted_line_is_a_continued_line() -> None:
    book = LineBook()
    book.take(planned(book, Stream.STDOUT, b"ab"))
    assert book.needs_newline(Stream.STDERR)
    book.interrupt()
    book.take(planned(book, Stream.STDERR, b"[ERR] x\n", offset=3))
    plan = planned(book, Stream.STDOUT, b"c\n", offset=11)
    assert plan.records == (Record(3, 11, NOW, Stream.STDOUT, CONTINUED),)


def test_what_follows_a_cut_is_a_line_of_its_own_on_the_same_line_of_the_file() -> None:
    book = LineBook(line_max=4)
    plan = planned(book, Stream.STDOUT, b"abcdefghij\n")
    assert [(record.line, record.offset, record.flags) for record in plan.records] == [
        (1, 0, 0),
        (2, 4, CONTINUED | BARE),
        (3, 8, CONTINUED | BARE),
    ]


def test_a_plan_takes_whole_lines_only_when_room_is_short() -> None:
    book = LineBook()
    assert planned(book, Stream.STDOUT, b"one\ntwo\n", room=6).stop == 4
    assert planned(book, Stream.STDOUT, b"one\ntwo", room=6).stop == 4
    assert planned(book, Stream.STDOUT, b"one\n", room=3).stop == 0


def test_a_record_is_made_for_another_stream_a_second_or_a_region_later_and_else_not() -> None:
    book = LineBook()
    book.take(planned(book, Stream.STDOUT, b"a\n"))
    assert not planned(book, Stream.STDOUT, b"b\n", offset=2).records
    assert planned(book, Stream.STDERR, b"b\n", offset=2).records
    assert planned(book, Stream.STDOUT, b"b\n", offset=70_000).records
    assert book.plan(Stream.STDOUT, b"b\n", 0, 2, room=9, offset=2, now=Wall(NOW + 1000)).records


def test_the_rest_of_a_line_whose_beginning_was_lost_is_continued() -> None:
    book = LineBook()
    assert book.lose(Stream.STDOUT, b"x\nhalf", 0, 6) == 2
    [record] = planned(book, Stream.STDOUT, b"rest\n").records
    assert record.flags == CONTINUED


def test_the_rest_of_a_kept_line_that_is_lost_is_no_other_line() -> None:
    book = LineBook()
    book.take(planned(book, Stream.STDOUT, b"kept"))
    assert book.lose(Stream.STDOUT, b"rest\nnext\n", 0, 10) == 1
