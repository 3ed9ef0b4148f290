"""The grammar of an ``env_file``.

Pure. A line is blank, a ``# comment`` or ``NAME=value``, with ``export`` allowed before it and blanks around
both. A value is

- bare: up to the end of the line or a ``#`` after a blank, without blanks around it, every character as it
  is;
- in ``'single quotes'``: every character as it is, also newlines;
- in ``"double quotes"``: the same with the escapes ``\\n \\r \\t \\" \\\\ \\$`` and a backslash before a
  newline, which joins the lines.

After a closing quote only a comment may follow. ``$`` has no meaning: nothing is substituted or run. When a
name comes twice the last one counts. Called by ``launch`` at every start of a run that has one.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r"((?:(?![ \t]+#)[^\n])*)")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_NOTHING = re.compile(r"[ \t]*(?:#[^\n]*)?\n|[ \t]*(?:#[^\n]*)?\Z")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$", "\n": ""}


class DotenvError(ValueError):
    """Text that is not in the grammar. The message never quotes the text: it may hold secrets."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"{line}: {message}")
        self.line = line
        self.message = message


def parse(content: bytes) -> dict[str, str]:
    """The variables of a file, in its order.

    Raises: DotenvError.
    """
    text = _decoded(content).removeprefix("\ufeff").replace("\r\n", "\n")
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        if nothing := _NOTHING.match(text, at):
            at = nothing.end()
            continue
        name = _NAME.match(text, at)
        if not name:
            raise DotenvError(_line(text, at), "expected NAME=value")
        value, end = _value(text, name.end())
        rest = _REST.match(text, end)
        if not rest:
            raise DotenvError(_line(text, end), "unexpected text after the closing quote")
        found[name[1]] = value
        at = rest.end()
    return found


def _value(text: str, at: int) -> tuple[str, int]:
    match text[at : at + 1]:
        case "'":
            quoted = _SINGLE.match(text, at)
        case '"':
            quoted = _DOUBLE.match(text, at)
        case "#":
            return "", at
        case _:
            bare = _BARE.match(text, at)
            assert bare
            return bare[1].rstrip(), bare.end()
    if not quoted:
        raise DotenvError(_line(text, at), "the quote is never closed")
    value = quoted[1]
    return (value if text[at] == "'" else _ESCAPE.sub(_unescaped, value)), quoted.end()


def _unescaped(escape: re.Match[str]) -> str:
    return _ESCAPED.get(escape[1], escape[0])


def _decoded(content: bytes) -> str:
    if b"\0" in content:
        raise DotenvError(content.count(b"\n", 0, content.index(b"\0")) + 1, "a NUL byte")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DotenvError(line, "not UTF-8 text") from error


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
