"""Text that somebody else chose, made harmless to show: one line, no control and no invisible characters.

Pure. Called wherever such text reaches a terminal or a log of the daemon.
"""

from __future__ import annotations

LONGEST = 1000


def printable(text: str, longest: int = LONGEST) -> str:
    """The text with escapes such as ``\\n`` for what cannot be printed, cut when it is very long."""
    return escaped(clipped(text, longest))


def clipped(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}[... {len(text)} characters]"


def escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
