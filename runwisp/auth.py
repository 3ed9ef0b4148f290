"""Tokens: who shows one has logged in. The one home of PyJWT.

Makes and checks them, and knows which were revoked; gets the secret from the daemon, never the password. Only
HS256 is ever accepted, and every claim is required. Called by web, on all of its threads.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable

import jwt

from runwisp.clock import SECOND, Wall
from runwisp.errors import NotLoggedIn
from runwisp.frozen import frozen
from runwisp.host import random_bytes

ALGORITHM = "HS256"
ISSUER = "runwisp"
AUDIENCE = "runwisp-api"
CLAIMS = ["iss", "aud", "iat", "exp", "jti"]
LIFETIME = 24 * 60 * 60
LEEWAY = 60
"""Both in seconds, as all instants in a token are."""
NEVER = 1 << 62
"""When tokens expire that were revoked before this process was, as it does not know."""
LONGEST = 1024
"""Characters of a token that is looked at at all; ours have about 240."""
REMEMBERED = 256
"""Tokens whose signature was checked already."""


@frozen
class Session:
    """Who is logged in, by which token. ``expires_at`` is in seconds, as in the token."""

    token_id: str
    issued_at: int
    expires_at: int


class Tokens:
    """``secret`` is in hex."""

    def __init__(self, secret: str, revoked: Iterable[str] = ()) -> None:
        self._secret = binascii.unhexlify(secret)
        self._revoked = dict.fromkeys(revoked, NEVER)
        self._checked: dict[str, Session] = {}

    def issue(self, now: Wall) -> tuple[str, Wall]:
        """The token, and when it expires."""
        issued_at = now // SECOND
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": issued_at,
            "exp": issued_at + LIFETIME,
            "jti": random_bytes(16).hex(),
        }
        token = jwt.encode(claims, self._secret, algorithm=ALGORITHM)
        return token, Wall((issued_at + LIFETIME) * SECOND)

    def check(self, token: str, now: Wall) -> Session:
        """Raises: NotLoggedIn."""
        if not token:
            raise NotLoggedIn("You are not logged in.", "Log in first.")
        session = self._checked.get(token) or self._verified(token)
        seconds = now // SECOND
        if session.token_id in self._revoked:
            raise NotLoggedIn("You are logged out.", "Log in again.")
        if self.is_over(session, now):
            raise NotLoggedIn("Your session has expired.", "Log in again.")
        if session.issued_at > seconds + LEEWAY:
            raise NotLoggedIn("The token is from the future.", "Set the clocks right, then log in again.")
        return session

    def is_over(self, session: Session, now: Wall) -> bool:
        """Whether it counts no more, though it did when it was checked."""
        return session.token_id in self._revoked or now // SECOND >= session.expires_at + LEEWAY

    def revoke(self, session: Session, now: Wall) -> None:
        """Forgets those that have expired, as many as there may be of them in a long life."""
        self._revoked[session.token_id] = session.expires_at
        for token_id, expires_at in [*self._revoked.items()]:
            if now // SECOND >= expires_at + LEEWAY:
                self._revoked.pop(token_id, None)

    def _verified(self, token: str) -> Session:
        """All but the times, which ``check`` holds against its own ``now``."""
        invalid = NotLoggedIn("The token is not valid.", "Log in.")
        if len(token) > LONGEST:
            raise invalid
        try:
            claims = jwt.decode(
                token,
                self._secret,
                [ALGORITHM],
                options={"require": CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
                issuer=ISSUER,
                audience=AUDIENCE,
            )
        except jwt.InvalidTokenError as error:
            raise invalid from error
        session = Session(claims["jti"], claims["iat"], claims["exp"])
        if not (isinstance(session.token_id, str) and _is_time(session.issued_at, session.expires_at)):
            raise invalid
        if len(self._checked) >= REMEMBERED:
            self._checked.clear()
        self._checked[token] = session
        return session


def _is_time(*claims: object) -> bool:
    return all(isinstance(claim, int) for claim in claims)
