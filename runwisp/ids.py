"""Ids of runs: ULIDs, 26 characters of Crockford's base 32, monotonic within a millisecond.

Source: https://github.com/ulid/spec (48 bits of time, 80 of randomness; within one millisecond the
random part of the former id plus one).
"""

from __future__ import annotations

from collections.abc import Callable

from runwisp.clock import Wall

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_BITS = 80


class UlidMaker:
    """Makes ids that grow strictly, also when the wall clock is set back."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._last = 0

    def next(self, at: Wall) -> str:
        if at > self._last >> RANDOM_BITS:
            noise = int.from_bytes(self._random_bytes(RANDOM_BITS // 8), "big")
            self._last = (at << RANDOM_BITS) | noise
        else:
            self._last += 1
        return spelled(self._last)


def spelled(number: int) -> str:
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def created_at(ulid: str) -> Wall:
    """The instant inside a ULID.

    Raises: ValueError when the text is not a ULID.
    """
    if len(ulid) != 26 or ulid[0] > "7" or not set(ulid) <= set(ALPHABET):
        raise ValueError(f"not a ULID: {ulid!r}")
    number = 0
    for letter in ulid:
        number = number << 5 | ALPHABET.index(letter)
    return Wall(number >> RANDOM_BITS)
