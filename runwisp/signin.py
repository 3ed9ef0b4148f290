"""Logging in to the daemon of a data directory: which password, and is it that daemon at all.

Compares fingerprints first, so that no attempt is spent on a daemon that has another password. Called by the
commands and the console.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from runwisp import host, password
from runwisp.client import Client, other_daemon, port_of
from runwisp.clock import SECOND, spell
from runwisp.errors import DataDirError, InvalidPassword, NoPassword, TooManyAttempts
from runwisp.fingerprint import fingerprint
from runwisp.localurl import local_url
from runwisp.password import CREDENTIALS, VARIABLE, Password, Source
from runwisp.paths import DataDir, denied

SOURCES = {
    Source.VARIABLE: f"{VARIABLE} is another one than the daemon's: set it anew, or unset it.",
    Source.CREDENTIAL: f"${CREDENTIALS}/{password.FILE} is another one than the daemon's.",
    Source.FILE: "It was changed since the daemon started, or the daemon was started with another one in "
    f"{VARIABLE}: give that, or start the daemon again.",
}
"""Why the daemon did not take the password of each, and what to do."""


Ask = Callable[[str], str]
"""Has a person say the password, told what was wrong with the last one."""

TRIES = 3
"""Fewer than lock out the address: typing is what went wrong."""


def signed_in(
    address: str, port: int, data: DataDir, environ: Mapping[str, str], ask: Ask | None = None
) -> Client:
    """The daemon at an address, logged in with what this data directory or the environment gives, or, where
    that is nothing, with what a person says who can be asked.

    Raises: Unreachable, OtherDaemon, NoPassword, InvalidPassword, TooManyAttempts, DataDirError.
    """
    client = Client(local_url(address, port))
    theirs, is_theirs = _met(client, data)
    found = _found(data, environ, is_theirs=is_theirs)
    is_another = not is_theirs and os.path.lexists(data.password)
    if found is None and ask and not is_another:
        return asked(client, ask)
    if not is_theirs and found is None:
        raise other_daemon(port, theirs)
    if found is None:
        raise NoPassword(
            f"no password for the daemon at {client.url}: there is no {data.path}/{password.FILE}",
            f"Set {VARIABLE}, or start the daemon again: it writes a new one into that file.",
        )
    try:
        return log_in(client, found.text, SOURCES[found.source])
    except InvalidPassword as error:
        if not is_theirs:
            raise other_daemon(port, theirs) from error
        raise


def signed_in_at(url: str, data: DataDir, environ: Mapping[str, str], ask: Ask) -> Client:
    """The daemon at a URL, which may be that of another machine.

    Raises: Unreachable, NoPassword, InvalidPassword, TooManyAttempts, DataDirError.
    """
    client = Client(url)
    found = _found(data, environ, is_theirs=_met(client, data)[1])
    return log_in(client, found.text, SOURCES[found.source]) if found else asked(client, ask)


def asked(client: Client, ask: Ask) -> Client:
    """Raises: InvalidPassword after the last of a few tries, TooManyAttempts, Unreachable."""
    wrong = ""
    for _ in range(TRIES - 1):
        try:
            return log_in(client, ask(wrong))
        except InvalidPassword as error:
            wrong = error.message
    return log_in(client, ask(wrong))


def log_in(client: Client, text: str, hint: str = "") -> Client:
    """``hint``: what to do when that is not the password.

    Raises: InvalidPassword, TooManyAttempts, Unreachable.
    """
    try:
        client.log_in(text)
    except InvalidPassword as error:
        raise InvalidPassword("Invalid password", hint) from error
    except TooManyAttempts as error:
        raise TooManyAttempts(
            f"too many authentication attempts against the daemon on port {port_of(client.url)}",
            f"Try again in {spell(error.retry_after * SECOND)}, or restart the daemon.",
            error.retry_after,
        ) from error
    return client


def _met(client: Client, data: DataDir) -> tuple[str, bool]:
    """Its fingerprint, and whether it is the daemon of this data directory. Raises: Unreachable."""
    theirs = str(client.health().get("fingerprint"))
    return theirs, theirs == fingerprint(host.machine_id(), data.absolute)


def _found(data: DataDir, environ: Mapping[str, str], *, is_theirs: bool) -> Password | None:
    """The file counts for the daemon of its directory only. Raises: PasswordUnusable, DataDirError."""
    if is_theirs:
        return _password(data, environ)
    found = _password(data, environ) if {VARIABLE, CREDENTIALS} & environ.keys() else None
    return found if found and found.source is not Source.FILE else None


def _password(data: DataDir, environ: Mapping[str, str]) -> Password | None:
    """Raises: PasswordUnusable, DataDirError."""
    try:
        return password.find(environ, data)
    except DataDirError as error:
        raise denied(data, error, f" With {VARIABLE} set it has nothing to look for there.") from error
