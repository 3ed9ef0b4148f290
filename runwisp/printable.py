"""Text that somebody else chose, made harmless to show: one line, no control and no invisible characters.

Pure. Called wherever such text reaches a terminal or a log of the daemon.
"""

from __future__ import annotations


def printable(text: str, longest: int = 1000) -> str:
    """The text with escapes such as ``\\n`` for what cannot be printed, cut when it is very long."""
    if len(text) > longest:
        text = f"{text[:longest]}[... {len(text)} characters]"
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )
