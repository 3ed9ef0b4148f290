"""The grammar of systemd's EnvironmentFile=, each case as systemd 252 itself reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.environmentfile import parse


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("P=abc # comment", {"P": "abc # comment"}),
        (" P = a b \t\nQ=\nP=c", {"P": "c", "Q": ""}),
        (r"P=a\b\\c\ ", {"P": "ab\\c "}),
        ("P=a\\\n  b", {"P": "a  b"}),
        ("P=a'b' \"c\"", {"P": "a'b' \"c\""}),
        (r"P='a\nb' ", {"P": r"a\nb"}),
        (r'P="a\nb\"\\\`\$x"', {"P": r'a\nb"\`$x'}),
        ('P="a\\\nb\nc"\nQ=1', {"P": "ab\nc", "Q": "1"}),
        ("P='a' \"b\"c 'd'", {"P": "abc 'd'"}),
        ("P='never closed\nQ=1", {"P": "never closed\nQ=1"}),
        ("export P=x\n1P=x\nP-Q=x\n=x\nQ=1", {"Q": "1"}),
        ("; P=x\n# P=x\nP\n\nQ=1", {"Q": "1"}),
        ("P=1\r\nQ='2'\r\n", {"P": "1", "Q": "2"}),
        ("P=$Q${Q}`x`", {"P": "$Q${Q}`x`"}),
        ('P="a\\', {"P": "a"}),
    ],
)
def test_a_file_is_read_as_systemd_reads_it(text: str, found: dict[str, str]) -> None:
    assert parse(text) == found


@given(st.text())
def test_single_quotes_keep_everything(text: str) -> None:
    value = text.replace("'", "")
    assert parse(f"A='{value}'\nB=1") == {"A": value, "B": "1"}
