"""Suggestions, and text that is safe to show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.closest import did_you_mean
from runwisp.printable import printable


@pytest.mark.parametrize(
    ("word", "meant"), [("timout", "timeout"), ("RUN", "run"), ("keep-runs", "keep_runs")]
)
def test_a_word_that_is_close_is_suggested(word: str, meant: str) -> None:
    assert did_you_mean(word, ("run", "timeout", "keep_runs")) == f', did you mean "{meant}"?'


@pytest.mark.parametrize("word", ["", "x", "entirely", "r" * 100_000])
def test_a_word_that_is_like_none_gets_no_suggestion(word: str) -> None:
    assert not did_you_mean(word, ("run", "timeout", "keep_runs"))


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"])))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text
    assert printable("Größe 5 µm, 漢字") == "Größe 5 µm, 漢字"


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert printable("a\x1b[31m\nb\u202e\x9b") == r"a\x1b[31m\nb\u202e\x9b"


@given(st.text(max_size=50))
def test_whatever_it_was_it_is_one_printable_line(text: str) -> None:
    assert printable(text).isprintable()


def test_very_long_text_is_cut_and_says_so() -> None:
    assert printable("x" * 1000) == "x" * 1000
    assert printable("x" * 2000, longest=10) == "xxxxxxxxxx[... 2000 characters]"
