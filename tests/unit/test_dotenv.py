"""The grammar of an env_file."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.dotenv import DotenvError, parse


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", {}),
        (b"\n  # nothing\n\t\n", {}),
        (b"A=1", {"A": "1"}),
        (b"A=1\nB=2\nA=3\n", {"A": "3", "B": "2"}),
        (b"  export  A = x y  \n", {"A": "x y"}),
        (b"export=1\nexported=2", {"export": "1", "exported": "2"}),
        (b"A=\nB=", {"A": "", "B": ""}),
        (b"A= # only a comment\nB=x # comment\nC=x#y", {"A": "", "B": "x", "C": "x#y"}),
        (b"A=#x\nB=1", {"A": "", "B": "1"}),
        (b"URL=postgres://u:p$w@h/d?x=1&y='2'", {"URL": "postgres://u:p$w@h/d?x=1&y='2'"}),
        (rb"A='it is $HOME \n' # c", {"A": r"it is $HOME \n"}),
        (b"A='two\nlines'\nB=1", {"A": "two\nlines", "B": "1"}),
        (rb'A="a\nb\t\"q\" \\ \$x $y \d"', {"A": 'a\nb\t"q" \\ $x $y \\d'}),
        (b'A="joined \\\nlines"', {"A": "joined lines"}),
        (b'A="two\nlines"\nB=1', {"A": "two\nlines", "B": "1"}),
        (b"\xef\xbb\xbfA=1\r\nB='2'\r\n", {"A": "1", "B": "2"}),
        ("A=grün".encode(), {"A": "grün"}),
        (b"spring.datasource-url=x", {"spring.datasource-url": "x"}),
        (b"A=C:\\dir\\new", {"A": "C:\\dir\\new"}),
    ],
)
def test_a_file_is_read_as_documented(content: bytes, found: dict[str, str]) -> None:
    assert parse(content) == found


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"A=1\nsecret", 2, "expected NAME=value"),
        (b"1A=secret", 1, "expected NAME=value"),
        (b"export A", 1, "expected NAME=value"),
        (b"A='x\ny'\n=secret", 3, "expected NAME=value"),
        (b"\nA='secret\n", 2, "never closed"),
        (b'A="secret\\"', 1, "never closed"),
        (b"A='secret' secret", 1, "after the closing quote"),
        (b"A=1\nB=\xff\xfe", 2, "not UTF-8"),
        (b"A=1\nB=2\nC=\0", 3, "NUL"),
    ],
)
def test_what_is_wrong_is_named_by_its_line_and_never_quoted(content: bytes, line: int, message: str) -> None:
    with pytest.raises(DotenvError, match=message) as caught:
        parse(content)
    assert caught.value.line == line
    assert "secret" not in str(caught.value)


names = st.from_regex(re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII), fullmatch=True)
texts = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]))


@given(st.dictionaries(names, texts, max_size=5))
def test_double_quotes_carry_any_text(variables: dict[str, str]) -> None:
    def quoted(value: str) -> str:
        return '"' + re.sub(r'(["\\$])', r"\\\1", value) + '"'

    lines = [f"{name}={quoted(value)}\n" for name, value in variables.items()]
    assert parse("".join(lines).encode()) == variables


@given(st.dictionaries(names, texts.filter(lambda text: "'" not in text), max_size=5))
def test_single_quotes_carry_any_text_without_one(variables: dict[str, str]) -> None:
    assert parse("".join(f"export {n}='{v}' # c\n" for n, v in variables.items()).encode()) == variables


@given(st.binary())
def test_any_bytes_are_variables_or_an_error(content: bytes) -> None:
    try:
        found = parse(content)
    except DotenvError as error:
        assert 1 <= error.line <= content.count(b"\n") + 1
    else:
        assert all(found)
