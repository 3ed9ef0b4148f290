"""Bytes of a terminal become keys, however they are cut on their way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.console.messages import Key, Message, Mouse, MouseKind, Pasted
from runwisp.console.typed import LONGEST, Typed


def read(data: bytes) -> list[Message]:
    typed = Typed()
    return [*typed.feed(data), *typed.settle()]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"a", "a"),
        (b"G", "G"),
        (b" ", " "),
        (b"?", "?"),
        (b"\r", "enter"),
        (b"\t", "tab"),
        (b"\x1b[Z", "shift-tab"),
        (b"\x7f", "backspace"),
        (b"\x08", "backspace"),
        (b"\x1b", "escape"),
        (b"\x03", "ctrl-c"),
        (b"\x0c", "ctrl-l"),
        (b"\x1a", "ctrl-z"),
        (b"\x1b[A", "up"),
        (b"\x1bOB", "down"),
        (b"\x1b[C", "right"),
        (b"\x1bOD", "left"),
        (b"\x1b[5~", "page-up"),
        (b"\x1b[6~", "page-down"),
        (b"\x1b[3~", "delete"),
        *((each, "home") for each in (b"\x1b[H", b"\x1bOH", b"\x1b[1~", b"\x1b[7~")),
        *((each, "end") for each in (b"\x1b[F", b"\x1bOF", b"\x1b[4~", b"\x1b[8~")),
        ("é".encode(), "é"),
        ("漢".encode(), "漢"),
        ("😀".encode(), "😀"),
    ],
)
def test_a_key_has_a_name(data: bytes, name: str) -> None:
    assert read(data) == [Key(name)]


@pytest.mark.parametrize(
    "data", [b"\x1b[[A", b"\x1b[15~", b"\x1b[1;5C", b"\x1bOP", b"\x1b[?1;2c", b"\x00", b"\xff", b"\x1b[I"]
)
def test_what_is_no_key_of_ours_is_passed_over_whole(data: bytes) -> None:
    assert read(data + b"j") == [Key("j")]


def test_an_escape_is_a_key_once_nothing_follows() -> None:
    typed = Typed()
    assert typed.feed(b"\x1b") == []
    assert typed.is_waiting
    assert typed.settle() == [Key("escape")]
    assert not typed.is_waiting


def test_an_escape_with_a_letter_behind_is_both() -> None:
    assert read(b"\x1bj") == [Key("escape"), Key("j")]


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (b"\x1b[<0;3;5M", [Mouse(MouseKind.PRESS, 2, 4)]),
        (b"\x1b[<0;3;5m", []),
        (b"\x1b[<64;300;100M", [Mouse(MouseKind.WHEEL_UP, 299, 99)]),
        (b"\x1b[<65;1;1M", [Mouse(MouseKind.WHEEL_DOWN, 0, 0)]),
        (b"\x1b[<4;2;2M", [Mouse(MouseKind.PRESS, 1, 1)]),
        (b"\x1b[<2;2;2M", []),
        (b"\x1b[M !!", [Mouse(MouseKind.PRESS, 0, 0)]),
    ],
)
def test_the_mouse_is_told_where(data: bytes, messages: list[Message]) -> None:
    assert read(data) == messages


def test_what_is_pasted_presses_no_key() -> None:
    assert read(b"\x1b[200~q\ns\x1b[201~j") == [Pasted("q s"), Key("j")]


def test_what_begins_a_paste_and_never_ends_is_not_kept_for_ever() -> None:
    typed = Typed()
    typed.feed(b"\x1b[200~" + bytes(LONGEST))
    typed.feed(b"x")
    assert not typed.is_waiting


@given(
    st.lists(st.sampled_from([b"a", b"\x1b[A", "é".encode(), b"\x1b[<0;3;5M", b"\x1b[200~x y\x1b[201~"])),
    st.data(),
)
def test_where_it_is_cut_changes_nothing(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    typed, found = Typed(), list[Message]()
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += typed.feed(whole[start:end])
    assert [*found, *typed.settle()] == read(whole)


@given(st.binary())
def test_no_bytes_are_too_much_and_none_become_a_control_character(data: bytes) -> None:
    for message in read(data):
        match message:
            case Key(name):
                assert name.isprintable()
            case Pasted(text):
                assert text.isprintable()
