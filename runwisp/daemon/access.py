"""Who may use this daemon: its password, what sessions are signed with, and which of them count no more.

Keeps in the database what has to outlive the daemon. Must never keep the password there, nor tell it to web.
Called by the daemon's main at start, and when a token is revoked.
"""

from __future__ import annotations

from collections.abc import Callable

from runwisp.clock import MINUTE, Wall
from runwisp.daemonlog import Log
from runwisp.errors import HistoryMalformed, HistoryUnwritable
from runwisp.history import History
from runwisp.login import Logins
from runwisp.password import Password, Source
from runwisp.signing import Signing, signing

LEEWAY = MINUTE
"""So much longer than it says is a token taken, as clocks differ; it is remembered as long again."""


class Access:
    """``revoked`` are ids of tokens. With a database that cannot be written everything goes on, until a
    restart."""

    def __init__(
        self,
        history: History,
        log: Log,
        *,
        password: Password,
        port: int,
        now: Wall,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.logins = Logins(password.text, port, random_bytes)
        self._history = history
        self._log = log
        former = history.signing()
        is_given = password.source is not Source.FILE
        self._signing = signing(former, password.text, is_given=is_given, random_bytes=random_bytes)
        self._revoked: dict[str, Wall] = {}
        self._keep(lambda: self._take_up(former, now))

    @property
    def token_secret(self) -> str:
        return self._signing.secret.hex()

    @property
    def revoked(self) -> tuple[str, ...]:
        return tuple(self._revoked)

    def revoke(self, token_id: str, expires_at: Wall, now: Wall) -> None:
        """Forgets those that have expired, as many as there may be of them in a long life."""
        expired = _expired(now)
        self._revoked = {each: at for each, at in self._revoked.items() if at > expired}
        self._revoked[token_id] = expires_at
        self._keep(lambda: self._write_revoked(token_id, expired))

    def go_on(self, history: History) -> None:
        """With a new database in the place of a malformed one, which knows none of this."""
        self._history = history
        self._keep(self._write)

    def _take_up(self, former: Signing | None, now: Wall) -> None:
        if former != self._signing:
            self._history.remember_signing(self._signing)
        self._history.forget_tokens(_expired(now))
        self._revoked = self._history.revoked_tokens()

    def _write_revoked(self, token_id: str, expired: Wall) -> None:
        self._history.forget_tokens(expired)
        self._history.revoke_token(token_id, self._revoked[token_id])

    def _write(self) -> None:
        self._history.remember_signing(self._signing)
        for token_id, expires_at in self._revoked.items():
            self._history.revoke_token(token_id, expires_at)

    def _keep(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (HistoryUnwritable, HistoryMalformed) as error:
            self._log.error(
                "who is logged in or out cannot be kept over a restart", why=error.message, next=error.hint
            )


def _expired(now: Wall) -> Wall:
    """What was to expire until then does not count by any clock."""
    return Wall(now - 2 * LEEWAY)
