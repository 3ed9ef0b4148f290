"""What text means can be told on every terminal: by colour where there is one, and always without."""

from __future__ import annotations

import pytest

from runwisp.console.palette import MANY, PLAIN, Palette, eighth
from runwisp.console.style import Ink, Tone


def palette(count: int) -> Palette:
    return Palette(
        count, lambda name: f"<{name}>", lambda number, is_ground: f"<{'on' if is_ground else ''}{number}>"
    )


def test_every_tone_has_a_look() -> None:
    assert PLAIN.keys() == set(Tone)
    for count in (0, 8, 256):
        assert all(isinstance(palette(count)[tone], str) for tone in Tone)
    assert palette(256)[Tone.PLAIN] == ""


def test_without_colours_there_is_none() -> None:
    looks = "".join(palette(0)[tone] for tone in Tone) + palette(0)[Ink(fg=1, bg=200, is_bold=True)]
    assert not any(letter.isdigit() for letter in looks)
    assert "<bold>" in looks


@pytest.mark.parametrize("tone", [Tone.SELECTED, Tone.FOUND, Tone.BAR])
def test_what_is_picked_out_is_so_without_colours_too(tone: Tone) -> None:
    assert palette(0)[tone] == "<rev>"


def test_with_eight_colours_no_other_is_asked_for() -> None:
    looks = [palette(8)[Ink(fg=number, bg=number)] for number in range(256)]
    assert set(looks) <= {f"<{number}><on{number}>" for number in range(8)}


def test_with_many_colours_a_task_gets_those_it_asked_for() -> None:
    assert palette(256)[Ink(fg=208, is_underlined=True)] == "<smul><208>"
    assert palette(1 << 24)[Ink(fg=208)] == "<208>"


@pytest.mark.parametrize(
    ("number", "near"), [(1, 1), (9, 1), (15, 7), (196, 1), (46, 2), (21, 4), (231, 7), (232, 0), (255, 7)]
)
def test_a_colour_is_like_one_of_the_eight(number: int, near: int) -> None:
    assert eighth(number) == near


def test_a_ground_of_its_own_needs_a_text_that_is_seen_on_it() -> None:
    assert all(fg is not None for fg, bg in MANY.values() if bg is not None)


def test_a_rainbow_is_not_kept_for_ever() -> None:
    colours = palette(256)
    for number in range(256):
        for ground in range(16):
            assert colours[Ink(fg=number, bg=ground)] == f"<{number}><on{ground}>"
    assert len(colours._kept) < 2100
