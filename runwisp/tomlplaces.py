"""Where in a TOML text each key and each value stands, as no parser tells.

Pure. Reads only text that a TOML parser has accepted, so that it need not find any fault itself; it knows the
grammar no further than where keys and values begin and end. Called by the loader when there is something to
show: a file without a flaw is never read twice.
Source: TOML 1.0 (https://toml.io), and of 1.1 the newlines in inline tables and the escapes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Keys and, below arrays, indexes from 0."""

_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""([A-Za-z0-9_-]+)|"((?:[^"\\\n]+|\\.)*)"|'([^'\n]*)'""")
_SCALAR = re.compile(
    r'''
      """ [^"\\]* (?: (?: \\. | "{1,2}(?!") ) [^"\\]* )* "{3,5}
    | \'\'\' [^']* (?: '{1,2}(?!') [^']* )* '{3,5}
    | "(?!"") [^"\\]* (?: \\. [^"\\]* )* "
    | '(?!\'\') [^']* '
    | [^"'\[{] [^,\]}\#\n]*
    ''',
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))")
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


class Place(NamedTuple):
    """Offsets into the text; of a table both are those of its first mention."""

    key: int
    value: int


class Places:
    """The places of everything in one text, whose lines end in ``\\n``."""

    def __init__(self, text: str) -> None:
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self.of = _Scanner(text).scan()

    def key(self, path: Path) -> tuple[int, int]:
        """Line and column, from 1, of a key; of the nearest thing around it where it is missing."""
        place = self._nearest(path)
        return self._coordinates(place.key if place else 0)

    def value(self, path: Path) -> tuple[int, int]:
        place = self._nearest(path)
        return self._coordinates(place.value if place else 0)

    def _nearest(self, path: Path) -> Place | None:
        while path and path not in self.of:
            path = path[:-1]
        return self.of.get(path)

    def _coordinates(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1


class _Scanner:
    """One pass over a text; every method takes a position and returns the one after what it read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._places: dict[Path, Place] = {}
        self._last_index: dict[Path, int] = {}

    def scan(self) -> dict[Path, Place]:
        table: Path = ()
        at = self._after_blank(0)
        while at < len(self._text):
            if self._text[at] == "[":
                at, table = self._header(at)
            else:
                at = self._pair(at, table)
            at = self._after_blank(at)
        return self._places

    def _header(self, at: int) -> tuple[int, Path]:
        is_array = self._text.startswith("[[", at)
        at, keys = self._dotted_key(at + 1 + is_array)
        path: Path = ()
        for count, (key, place) in enumerate(keys, 1):
            path = (*path, key)
            self._mark(path, place, place)
            if is_array and count == len(keys):
                self._last_index[path] = self._last_index.get(path, -1) + 1
            if path in self._last_index:
                path = (*path, self._last_index[path])
                self._mark(path, place, place)
        return at + 1 + is_array, path

    def _pair(self, at: int, table: Path) -> int:
        at, keys = self._dotted_key(at)
        value = self._after_space(at + 1)
        path = table
        for key, place in keys:
            path = (*path, key)
            self._mark(path, place, value)
        return self._value(value, path)

    def _dotted_key(self, at: int) -> tuple[int, list[tuple[str, int]]]:
        keys = []
        while True:
            at = self._after_space(at)
            found = _KEY.match(self._text, at)
            assert found, f"no key at offset {at} of a text that a parser accepted"
            bare, basic, literal = found.groups()
            keys.append((bare or literal or _unescaped(basic or ""), at))
            at = self._after_space(found.end())
            if self._text[at] != ".":
                return at, keys
            at += 1

    def _value(self, at: int, path: Path) -> int:
        match self._text[at]:
            case "[":
                return self._array(at + 1, path)
            case "{":
                return self._inline_table(at + 1, path)
        found = _SCALAR.match(self._text, at)
        assert found, f"no value at offset {at} of a text that a parser accepted"
        return found.end()

    def _array(self, at: int, path: Path) -> int:
        index = 0
        while self._text[at := self._after_blank(at)] != "]":
            if self._text[at] == ",":
                at += 1
                continue
            self._mark((*path, index), at, at)
            at = self._value(at, (*path, index))
            index += 1
        return at + 1

    def _inline_table(self, at: int, path: Path) -> int:
        while self._text[at := self._after_blank(at)] != "}":
            at = at + 1 if self._text[at] == "," else self._pair(at, path)
        return at + 1

    def _mark(self, path: Path, key: int, value: int) -> None:
        self._places.setdefault(path, Place(key, value))

    def _after_blank(self, at: int) -> int:
        found = _BLANK.match(self._text, at)
        return found.end() if found else at

    def _after_space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at


def _unescaped(basic: str) -> str:
    def meant(escape: re.Match[str]) -> str:
        code = escape[1] or escape[2] or escape[3]
        return chr(int(code, 16)) if code else _ESCAPED.get(escape[4], escape[4])

    return _ESCAPE.sub(meant, basic) if "\\" in basic else basic
