"""The grammar of systemd's ``EnvironmentFile=``, which is not that of an ``env_file``.

Pure. Source: systemd.exec(5), and for what it leaves open src/basic/env-file.c. Called by ``systemservice``.
"""

from __future__ import annotations

import re

_LINE = re.compile(
    r"""
    [ \t\n\r]*
    (?: [#;] [^\n\r]*
      | (?P<name> [^ \t\n\r] [^=\n\r]* ) =
        (?P<quoted> (?: [ \t]* (?: '[^']*(?:'|\Z) | "(?:[^"\\]|\\.?)*(?:"|\Z) ) )* ) [ \t]*
        (?P<bare> (?: [ \t]* (?: [^ \t\n\r\\] | \\.? ) )* ) [ \t]*
      | [^\n\r]*
    )
    """,
    re.VERBOSE | re.DOTALL,
)
"""A comment, an assignment, or a line without one, which means nothing."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTED = re.compile(r"""'([^']*)'?|"((?:[^"\\]|\\.?)*)(?:"|\Z)""", re.DOTALL)
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
"""A backslash alone is the last character of the file."""


def parse(text: str) -> dict[str, str]:
    """The variables of a file. What systemd ignores is ignored."""
    found = {}
    for line in _LINE.finditer(text):
        name = (line["name"] or "").rstrip()
        if _NAME.fullmatch(name):
            quoted = "".join(map(_unquoted, _QUOTED.finditer(line["quoted"])))
            found[name] = quoted + _ESCAPE.sub(_bare, line["bare"])
    return found


def _unquoted(part: re.Match[str]) -> str:
    return part[1] if part[1] is not None else _ESCAPE.sub(_double, part[2])


def _double(escape: re.Match[str]) -> str:
    if escape[1] == "\n":
        return ""
    return escape[1] if escape[1] in '"\\`$' else escape[0]


def _bare(escape: re.Match[str]) -> str:
    return "" if escape[1] in "\n\r" else escape[1]
