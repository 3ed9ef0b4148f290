"""What a person probably meant by a word that is not known.

Pure. Called wherever a name is looked up that a person typed: keys, values, ids and tasks.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

LIKENESS = 0.7
"""Below it a suggestion confuses more often than it helps: "timeout" is not "group"."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word; empty when nothing known is like it."""
    found = closest(word, tuple(known))
    return "" if found is None else f', did you mean "{found}"?'


@lru_cache(maxsize=1024)
def closest(word: str, known: tuple[str, ...]) -> str | None:
    """The most similar of the known words, whatever their case; None when none is similar."""
    by_plain = {_plain(each): each for each in reversed(known)}
    found = get_close_matches(_plain(word[:100]), by_plain, n=1, cutoff=LIKENESS)
    return by_plain[found[0]] if found else None


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")
