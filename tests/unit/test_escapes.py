"""What of a task's output reaches a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.escapes import Plain

CASES = {
    "text passes": (b"plain \xc3\xa9 text\r\n\tx\b", b"plain \xc3\xa9 text\r\n\tx\b"),
    "colours pass": (
        b"\x1b[1;31mred\x1b[0m \x1b[38:5:9mx\x1b[m",
        b"\x1b[1;31mred\x1b[0m \x1b[38:5:9mx\x1b[m",
    ),
    "cursor and erasing go": (b"a\x1b[2J\x1b[1;1Hb\x1b[?1049hc", b"abc"),
    "private colours go": (b"a\x1b[>4;2mb\x1b[?4mc", b"abc"),
    "titles go": (b"a\x1b]0;evil\x07b\x1b]52;c;AAAA\x1b\\c", b"abc"),
    "device strings go": (b"a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d\x1bXz\x1b\\e", b"abcde"),
    "resets and character sets go": (b"a\x1bcb\x1b(0c\x1b7d\x1b=e\x1bMf", b"abcdef"),
    "bells and shifts go": (b"a\x07b\x0ec\x0fd\x00e\x7ff\x0b\x0c", b"abcdef"),
    "eight-bit controls go": (b"a\xc2\x9b31mb\xc2\x9dc", b"a31mbc"),
    "what turns text around is seen": (
        b"a\xe2\x80\xaeb\xe2\x81\xa6c\xe2\x80\x94",
        b"a\\u202eb\\u2066c\xe2\x80\x94",
    ),
    "parts do not become whole": (
        b"a\xe2\x1b[2J\x80\xaeb\xe2\x80\x1b[2J\xaec\xe2\x80\xe2\x00\xae",
        b"a\\xe2\x80\xaeb\\xe2\\x80\xaec\\xe2\\x80\\xe2\xae",
    ),
    "broken bytes stay": (b"a\xff\xfeb\xe3\x82", b"a\xff\xfeb\xe3\x82"),
}


@pytest.mark.parametrize(("given", "shown"), CASES.values(), ids=CASES.keys())
def test_only_colours_and_text_reach_a_terminal(given: bytes, shown: bytes) -> None:
    assert Plain().feed(given) == shown


@pytest.mark.parametrize(("given", "shown"), CASES.values(), ids=CASES.keys())
def test_a_sequence_cut_across_blocks_is_still_one(given: bytes, shown: bytes) -> None:
    plain = Plain()
    assert b"".join(plain.feed(given[at : at + 1]) for at in range(len(given))) == shown


def test_a_string_that_never_ends_does_not_keep_what_follows_for_ever() -> None:
    plain = Plain()
    shown = b"".join(plain.feed(b"x" * 1000) for _ in range(3))
    shown += plain.feed(b"\x1b]0;")
    shown += b"".join(plain.feed(b"y" * 1000) for _ in range(10))
    assert shown.count(b"y") > 5000
    assert b"\x1b" not in shown


DANGEROUS = re.compile(rb"\x1b(?!\[[0-9;:]*m)|[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]|\xc2[\x80-\x9f]")


@given(
    st.lists(
        st.sampled_from(
            [b"\x1b", b"[", b"]", b"0;", b"m", b"H", b"\x07", b"\\", b"P", b"a", b"\n", b"\xc2", b"\x9b"]
        )
    )
)
def test_no_way_of_cutting_lets_a_dangerous_sequence_through(parts: list[bytes]) -> None:
    plain = Plain()
    shown = b"".join(plain.feed(part) for part in parts)
    assert not DANGEROUS.search(shown)


@pytest.mark.parametrize(
    ("printed", "end"),
    [
        (b"plain", b""),
        (b"\x1b[31mred", b"\x1b[0m"),
        (b"\x1b[8mhidden\n", b"\x1b[0m"),
        (b"\x1b[31mred\x1b[0m", b""),
        (b"\x1b[31mred\x1b[m plain", b""),
        (b"\x1b[0m\x1b[1mbold", b"\x1b[0m"),
    ],
)
def test_a_colour_that_is_left_on_ends_with_the_stream(printed: bytes, end: bytes) -> None:
    stream = Plain()
    stream.feed(printed)
    assert stream.end() == end
