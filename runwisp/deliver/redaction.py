"""Secrets taken out of what is told: services and libraries quote in their errors what they were sent.

Pure. Called for everything that leaves this process for anybody but the channel itself.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote, urlsplit

REDACTED = "[redacted]"

TELLING = 6
"""Letters that a part of a secret URL or header has at least to be secret itself: "api" and "hooks" are
words, and so are the schemes of a header."""
SCHEMES = frozenset({"bearer", "digest"})


class Redactor:
    """Knows each secret in every form in which it travels. ``logins`` are pairs of user and password."""

    def __init__(self, values: Iterable[str], logins: Iterable[tuple[str, str]] = ()) -> None:
        forms = {form for value in values if value for form in _forms(value)}
        for user, password in logins:
            if secret := _secret_of(user, password):
                forms |= {*_spellings(secret)}
                forms |= {*_encoded(f"{user}:{password}"), *_encoded(f"\0{user}\0{password}")}
        self._forms = sorted(forms - {""}, key=len, reverse=True)

    def redacted(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, REDACTED)
        return text


def words(value: str) -> Iterator[str]:
    """Of the value of a header: what of it may be secret by itself."""
    for word in re.split(r"""[\s,;="']+""", value):
        if len(word) >= TELLING and word.lower() not in SCHEMES:
            yield word


def login_of(url: str) -> tuple[str, str]:
    """User and password; empty where there are none. Raises: ValueError."""
    target = urlsplit(url)
    return unquote(target.username or ""), unquote(target.password or "")


def _secret_of(user: str, password: str) -> str:
    """Who has no password may be a token."""
    return password or (user if len(user) >= TELLING else "")


def _forms(value: str) -> Iterator[str]:
    yield from _spellings(value)
    if "://" in value:
        for part in _parts(value):
            yield from _spellings(part)


def _spellings(value: str) -> Iterator[str]:
    yield value
    yield quote(value)
    yield quote(value, safe="")
    yield quote_plus(value)
    yield unquote(value)
    yield json.dumps(value)[1:-1]
    yield repr(value)[1:-1]
    yield from _encoded(value)


def _encoded(value: str) -> Iterator[str]:
    data = value.encode()
    yield b64encode(data).decode()
    yield b64encode(data).decode().rstrip("=")
    yield urlsafe_b64encode(data).decode()


def _parts(url: str) -> Iterator[str]:
    """Of a secret URL: its host, which may be somebody's own, and what follows, whole and in parts."""
    try:
        target = urlsplit(url)
        yield target.netloc
        yield target.hostname or ""
        user, password = login_of(url)
        yield _secret_of(user, password)
        yield f"{user}:{password}" if user or password else ""
    except ValueError:  # of brackets without an address; the whole URL is redacted all the same
        return
    rest = url.partition("://")[2].partition("/")[2]
    if len(rest) >= TELLING:
        yield rest
        yield f"/{rest}"
    for part in rest.replace("?", "/").replace("&", "/").replace("=", "/").replace("#", "/").split("/"):
        if len(part) >= TELLING:
            yield part
