"""From the bytes of a terminal to what a person did: keys, the mouse, pasted text.

Pure. Knows the sequences that xterm, the Linux console, screen, tmux and the VT100 send, whichever of them it
is: no terminal means something else by them. Called by ``screen``.
Source: xterm's ctlseqs (keys, SGR mouse, bracketed paste), console_codes(4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runwisp.console.messages import Key, Message, Mouse, MouseKind, Pasted

NAMED = {
    b"\x1b": "escape",
    b"\r": "enter",
    b"\n": "enter",
    b"\t": "tab",
    b"\x08": "backspace",
    b"\x7f": "backspace",
    b"\x1b[Z": "shift-tab",
    b"\x1b[3~": "delete",
    b"\x1b[5~": "page-up",
    b"\x1b[6~": "page-down",
    **dict.fromkeys((b"\x1b[1~", b"\x1b[7~", b"\x1b[H", b"\x1bOH"), "home"),
    **dict.fromkeys((b"\x1b[4~", b"\x1b[8~", b"\x1b[F", b"\x1bOF"), "end"),
    **{
        start + letter: name
        for start in (b"\x1b[", b"\x1bO")
        for letter, name in ((b"A", "up"), (b"B", "down"), (b"C", "right"), (b"D", "left"))
    },
    b"\x1bOM": "enter",  # of the keypad
}

PASTE_MAX = 4096
"""Characters that are taken of what was pasted: more is a mistake, and nothing that is asked for here."""

BUTTONS = {0: MouseKind.PRESS, 64: MouseKind.WHEEL_UP, 65: MouseKind.WHEEL_DOWN}
MODIFIERS = 4 | 8 | 16

LONGEST = 65_536
"""Bytes of what has begun that are waited with."""

TOKEN = re.compile(
    rb"""
      \x1b\[<(?P<mouse> \d{1,4};\d{1,5};\d{1,5}[Mm])
    | \x1b\[M(?P<old_mouse> [\x20-\xff]{3})
    | \x1b\[200~(?P<paste> .*?)\x1b\[201~
    | \x1b\[\[[A-E]                             # function keys of the Linux console
    | \x1b\[[0-?]*[\x20-/]*[@-~]
    | \x1bO[@-~]
    | [\xc2-\xdf][\x80-\xbf] | [\xe0-\xef][\x80-\xbf]{2} | [\xf0-\xf4][\x80-\xbf]{3}
    | .
    """,
    re.VERBOSE | re.DOTALL,
)

UNFINISHED = re.compile(
    rb"""
    (?: \x1b\[200~ (?: (?!\x1b\[201~) . )*
      | \x1b\[M [\x20-\xff]{0,2}
      | \x1b (?: \[ \[? [0-?]* [\x20-/]* | O )?
      | [\xc2-\xf4] | [\xe0-\xf4][\x80-\xbf] | [\xf0-\xf4][\x80-\xbf]{2}
    )\Z
    """,
    re.VERBOSE | re.DOTALL,
)


class Typed:
    """Takes bytes as they come and gives what they mean, keeping the begin of what has not come whole."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def is_waiting(self) -> bool:
        return bool(self._rest)

    def feed(self, data: bytes) -> list[Message]:
        return list(self._read(self._rest + data, is_all=False))

    def settle(self) -> list[Message]:
        """Nothing comes after what is waited with: an escape was a key of its own."""
        rest, self._rest = self._rest, b""
        return list(self._read(rest, is_all=True))

    def _read(self, data: bytes, *, is_all: bool) -> Iterator[Message]:
        at, self._rest = 0, b""
        while at < len(data):
            if not is_all and UNFINISHED.match(data, at) and len(data) - at <= LONGEST:
                self._rest = data[at:]
                return
            found = TOKEN.match(data, at)
            assert found  # any byte is one
            at = found.end()
            yield from _meant(found)


def _meant(found: re.Match[bytes]) -> Iterator[Message]:
    if found["mouse"]:
        button, column, row = (int(number) for number in found["mouse"][:-1].split(b";"))
        if found["mouse"].endswith(b"M"):  # m is letting go
            yield from _mouse(button, column, row)
    elif found["old_mouse"]:
        yield from _mouse(*(byte - 32 for byte in found["old_mouse"]))
    elif found["paste"] is not None:
        text = found["paste"].decode(errors="replace")[:PASTE_MAX]
        yield Pasted("".join(letter if letter.isprintable() else " " for letter in text))
    elif name := NAMED.get(found[0]) or _letter(found[0]):
        yield Key(name)


def _mouse(button: int, column: int, row: int) -> Iterator[Message]:
    """Columns and rows come counted from 1. What shift and others add to a button is left out."""
    if kind := BUTTONS.get(button & ~MODIFIERS):
        yield Mouse(kind, column - 1, row - 1)


def _letter(typed: bytes) -> str:
    """Empty for what is no character, such as a key that is not known."""
    if len(typed) == 1 and typed < b" ":
        return f"ctrl-{chr(typed[0] + 96)}" if 0 < typed[0] <= 26 else ""
    letter = typed.decode(errors="ignore")
    return letter if len(letter) == 1 and letter.isprintable() else ""
