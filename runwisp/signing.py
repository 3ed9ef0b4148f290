"""What sessions are signed with, and when that has to change so that all of them end.

Pure. Of the password only a salted hash is kept, to tell at the next start whether it is still the same.
Called by the daemon when it starts.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import field, replace

from runwisp.frozen import frozen

SECRET_BYTES = 32
SALT_BYTES = 16
BLOCK = 64 * 1024
STRETCHED = 12 * 1024 * 1024
"""Bytes hashed for a password: some 60 ms at each start, and for each guess of who has the database as many
rounds of SHA-256 as 100,000 of PBKDF2."""


@frozen
class Signing:
    """``is_given``: the password came from the environment and not from a file."""

    secret: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    password_hash: bytes = field(repr=False)
    is_given: bool


def signing(
    former: Signing | None, password: str, *, is_given: bool, random_bytes: Callable[[int], bytes]
) -> Signing:
    """That of the last start; a new one where the password is another, or was given and is not any more."""
    if former and _is_same(former, password) and is_given >= former.is_given:
        return replace(former, is_given=is_given)
    salt = random_bytes(SALT_BYTES)
    return Signing(random_bytes(SECRET_BYTES), salt, _hashed(password, salt), is_given)


def _is_same(former: Signing, password: str) -> bool:
    return hmac.compare_digest(former.password_hash, _hashed(password, former.salt))


def _hashed(password: str, salt: bytes) -> bytes:
    """Salt and password over and over.

    Who has the database has the secret as well, and needs no password here: this keeps a weak one from being
    read out of a copy and tried elsewhere. Those that we make (131 bits) and those in a file beside the
    database need none of it. PBKDF2 and scrypt are to be had with OpenSSL only, two megabytes of a daemon
    all its life; PBKDF2 in Python over the interpreter's own SHA-256 would cost us three times as much for
    the same number of rounds. What is known to be weaker here: the input repeats, so that a guesser may
    prepare part of each round, up to a third.

    Source: RFC 9580, 3.7.1.3 (iterated and salted S2K).
    """
    once = salt + password.encode()
    block = once * (BLOCK // len(once) + 1)
    digest = hashlib.sha256()
    for _ in range(STRETCHED // len(block) + 1):
        digest.update(block)
    return digest.digest()
