"""Which texts are plainly one program, and how a shell is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp.command import NOT_PROGRAMS, is_bypassed, plain_words, shell_argv


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("backup", ["backup"]),
        (
            "/usr/bin/rsync -a --delete /srv/ host:/srv",
            ["/usr/bin/rsync", "-a", "--delete", "/srv/", "host:/srv"],
        ),
        ("\n  ./run.sh\t now \n", ["./run.sh", "now"]),
        (
            "python3 -m job --at=12:30 50% a,b x@y +1",
            ["python3", "-m", "job", "--at=12:30", "50%", "a,b", "x@y", "+1"],
        ),
        ("psql -c 'select * from \"t\"; -- $x'", ["psql", "-c", 'select * from "t"; -- $x']),
        ('mail -s "it\'s done" root', ["mail", "-s", "it's done", "root"]),
        ("--x", None),
        ("grep a'b c'\"d e\"f ''", ["grep", "ab cd ef", ""]),
        ("'prog' x", ["prog", "x"]),
        ("find 'a\nb'", ["find", "a\nb"]),
    ],
)
def test_a_plain_command_is_cut_into_its_words(run: str, words: list[str] | None) -> None:
    assert plain_words(run) == (tuple(words) if words else None)


@pytest.mark.parametrize(
    "run",
    [
        "a; b", "a && b", "a | b", "a &", "a > f", "a < f", "(a)", "{ a; }",
        "a $x", "a `b`", 'a "$x"', 'a "`b`"', "a *", "a ?", "a [b]", "a {b,c}", "~/a", "a ~",
        "a \\b", 'a "b\\c"', "a # b", "a\nb", "a\rb", "! a", "a^b", "a é", "a \0", "a 'b\0'",
        "X=1 a", "'X=1' a", "'a b'c=d", "a =b", "'", 'a "b', "a 'b", "a b'",
        "", " ", "''", "'' a", "%1", "-a", "+a", "@a",
    ],
)  # fmt: skip
def test_whatever_a_shell_could_read_otherwise_is_left_to_it(run: str) -> None:
    assert plain_words(run) is None


@pytest.mark.parametrize("word", sorted(NOT_PROGRAMS))
def test_what_a_shell_does_itself_is_left_to_it(word: str) -> None:
    assert plain_words(f"{word} x") is None
    assert plain_words(f"'{word}' x") is None


def test_a_long_text_that_is_nearly_plain_is_read_in_one_pass() -> None:
    assert plain_words("a" * 100_000 + " " * 100_000 + "$") is None


@given(st.text())
def test_any_text_is_plain_or_not(run: str) -> None:
    words = plain_words(run)
    assert words is None or words[0]


@pytest.mark.parametrize(
    ("shell", "argv"),
    [
        ("/bin/sh", ("/bin/sh", "-e", "-c", "x")),
        ("/usr/local/bin/zsh", ("/usr/local/bin/zsh", "-e", "-c", "x")),
        ("/bin/busybox", ("/bin/busybox", "sh", "-e", "-c", "x")),
        ("/usr/bin/python3", ("/usr/bin/python3", "-c", "x")),
        ("/usr/bin/fish", ("/usr/bin/fish", "-c", "x")),
    ],
)
def test_a_posix_shell_stops_at_the_first_failure(shell: str, argv: tuple[str, ...]) -> None:
    assert shell_argv(shell, "x") == argv


@pytest.mark.parametrize(
    ("shell", "names", "bypassed"),
    [
        ("/bin/sh", {"PATH"}, True),
        ("/bin/bash", {"PATH", "BASH"}, True),
        ("/bin/bash", {"BASH_ENV"}, False),
        ("/bin/sh", {"BASH_FUNC_ls%%"}, False),
        ("/bin/bash", {"SHELLOPTS"}, False),
        ("/bin/zsh", {"PATH"}, False),
        ("/bin/busybox", {"PATH"}, False),
        ("/usr/bin/python3", {"PATH"}, False),
    ],
)
def test_a_shell_that_might_do_more_is_not_bypassed(shell: str, names: set[str], bypassed: bool) -> None:
    assert is_bypassed(shell, names) is bypassed
