"""What a task's ``run`` becomes: words of a program, or a command line for its shell.

Pure. It knows which texts every POSIX shell reads as one program and its literal arguments, and nothing
of what is installed. Called by ``launch``, and by ``config`` for its warnings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

POSIX_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"})
"""Shells that know ``-e``: a script stops at its first command that fails."""

BYPASSED_SHELLS = frozenset({"sh", "bash", "dash"})
"""Shells a plain command may do without. The others have startup files or commands of their own that a
person may have chosen them for."""

_BARE = r"[A-Za-z0-9_@%+=:,./-]"
_PIECE = rf"""(?: {_BARE} | '[^'\0]*' | "[^"$`\\\0]*" )"""
_PLAIN = re.compile(rf"{_PIECE}+ (?: [ \t]+ {_PIECE}+ )*", re.VERBOSE)
_WORD = re.compile(rf"{_PIECE}+", re.VERBOSE)
_LITERAL = re.compile(rf"""({_BARE}) | '([^']*)' | "([^"]*)\"""", re.VERBOSE)
_PROGRAM = re.compile(r"[A-Za-z0-9_./][^=]*")

_GRAMMAR = "if then else elif fi do done case esac while until for in function select time coproc"
_BUILTINS = """
    . : alias bg bind break builtin caller cd chdir command compgen complete compopt continue declare dirs
    disown echo enable eval exec exit export false fc fg getopts hash help history jobs kill let local logout
    mapfile popd printf pushd pwd read readarray readonly return set shift shopt source suspend test times
    trap true type typeset ulimit umask unalias unset wait
"""
NOT_PROGRAMS = frozenset(_GRAMMAR.split()) | frozenset(_BUILTINS.split())
"""First words that are a shell's own: POSIX 2.4 and bash's keywords, the builtins of dash and bash."""
_STEERS_BASH = ("BASH_ENV", "BASH_FUNC_", "BASHOPTS", "SHELLOPTS")


@lru_cache(maxsize=1024)
def plain_words(run: str) -> tuple[str, ...] | None:
    """The program and its arguments, when ``run`` is plainly that and any POSIX shell would agree.

    None whenever there is a doubt: the shell then decides.
    """
    text = run.strip(" \t\n")
    if not _PLAIN.fullmatch(text):
        return None
    words = tuple(
        "".join(bare or single or double for bare, single, double in _LITERAL.findall(word))
        for word in _WORD.findall(text)
    )
    if any(word.startswith("=") for word in words):
        return None
    if words[0] in NOT_PROGRAMS or not _PROGRAM.fullmatch(words[0]):
        return None
    return words


def is_bypassed(shell: str, env_names: Iterable[str]) -> bool:
    """Whether a plain command of a task with this shell and environment may start without it.

    Bash runs what BASH_ENV names, and functions and options it finds in its environment, before or instead
    of a program.
    """
    return shell_name(shell) in BYPASSED_SHELLS and not any(
        name.startswith(_STEERS_BASH) for name in env_names
    )


def shell_argv(shell: str, run: str) -> tuple[str, ...]:
    name = shell_name(shell)
    if name == "busybox":
        return shell, "sh", "-e", "-c", run
    if name in POSIX_SHELLS:
        return shell, "-e", "-c", run
    return shell, "-c", run


def shell_name(shell: str) -> str:
    return shell.rpartition("/")[2]
