"""Output made safe for a terminal: text and colours pass, other escape sequences go, what turns text around
is spelled out.

Pure: bytes in, bytes out, as a stream, so that a sequence cut across two blocks is still one.
Source: ECMA-48 (control functions), and for what a terminal does with them, xterm's ctlseqs.
"""

from __future__ import annotations

import re

LONGEST = 4096
"""Bytes of an unfinished sequence that are waited for; a string that never ends is not a sequence."""

SEQUENCE = re.compile(
    rb"""
      (?P<colour> \x1b\[ [0-9;:]* m )
    | \x1b\[ [\x30-\x3f]* [\x20-\x2f]* [\x40-\x7e]          # CSI: cursor, erasing, modes, reports
    | \x1b[\]PX^_] [^\x07\x18\x1a\x1b]* (?: \x07 | \x1b\\ )  # OSC, DCS, SOS, PM, APC: titles, clipboard
    | \x1b [\x20-\x2f]+ [\x30-\x7e]                          # character sets
    | \x1b [\x30-\x5a\x5c\x60-\x7e]                          # resets, keypad and other two-byte functions
    | \xc2[\x80-\x9f]                                        # the same functions as one C1 character
    | \xc2(?![\xa0-\xbf])                                    # half of one, lest what follows make it whole
    | (?P<turn> \xe2 (?: \x80[\xaa-\xae] | \x81[\xa6-\xa9] ))  # U+202A to E, U+2066 to 9: turn text around
    | (?P<part> \xe2[\x80-\xbf]? (?![\x80-\xbf]))           # a part of one
    | [\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]              # all controls but \b \t \n \r
    | \x1b                                                   # one that begins nothing known
    """,
    re.VERBOSE,
)

UNFINISHED = re.compile(
    rb"""
      (?: \x1b (?: \[ [\x20-\x3f]* | [\]PX^_] [^\x07\x18\x1a\x1b]* \x1b? | [\x20-\x2f]* )
        | \xc2
        | \xe2 [\x80-\xbf]?
      ) \Z
    """,
    re.VERBOSE,
)


RESETS = frozenset({b"\x1b[m", b"\x1b[0m"})


class Plain:
    """One stream on its way to a terminal. ``is_coloured``: what is printed next would be as well."""

    def __init__(self) -> None:
        self.is_coloured = False
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """What may be shown of ``data`` and of what was kept back before."""
        data, self._rest = self._rest + data, b""
        unfinished = UNFINISHED.search(data)
        if unfinished and len(data) - unfinished.start() <= LONGEST:
            data, self._rest = data[: unfinished.start()], data[unfinished.start() :]
        return SEQUENCE.sub(self._shown, data)

    def end(self) -> bytes:
        """What leaves the terminal as it was: a colour that hides text would hide the prompt."""
        return b"\x1b[0m" if self.is_coloured else b""

    def _shown(self, found: re.Match[bytes]) -> bytes:
        if found["turn"]:
            return found[0].decode().encode("ascii", "backslashreplace")
        if found["part"]:
            return found[0].decode("ascii", "backslashreplace").encode()
        colour: bytes | None = found["colour"]
        if colour:
            self.is_coloured = colour not in RESETS
        return colour or b""
