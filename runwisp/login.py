"""Logging in: challenges and their answers, how often an address may fail, tickets for a browser.

Pure: ``now`` is an argument and so is randomness. Owns everything of this that is remembered, all of it
bounded, so that whoever asks a lot makes nothing grow. Called by the daemon, so that a restart of web clears
none of it; web, which counts connections, only asks for the origin.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network, ip_address

from runwisp.clock import MINUTE, SECOND, Millis, Mono
from runwisp.errors import InvalidChallenge, InvalidPassword, InvalidTicket, TooManyAttempts
from runwisp.frozen import frozen

CHALLENGE_LIVES: Millis = 5 * MINUTE
MOST_CHALLENGES = 1000
FREE_CHALLENGES = 100
"""Unanswered challenges of one address; each one beyond counts as a failure."""

WINDOW: Millis = 5 * MINUTE
MOST_FAILURES = 5
MOST_ADDRESSES = 10_000

TICKET_LIVES: Millis = 60 * SECOND
MOST_TICKETS = 100

SECRET_BYTES = 32


def answer(password: str, nonce: str) -> str:
    """What proves to know the password without telling it."""
    return hashlib.sha256(f"{password}:{nonce}".encode()).hexdigest()


def origin(address: str) -> str:
    """Whom failures and connections count against: one IPv4 address, or the /64 of an IPv6 subscriber."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(IPv6Network((int(found), 64), strict=False))
    return str(found)


@frozen
class Challenge:
    origin: str
    expires_by: Mono


@dataclass(slots=True)
class Logins:
    """``port`` is for the message to whoever tried too often."""

    password: str = field(repr=False)
    port: int
    random_bytes: Callable[[int], bytes]
    _challenges: OrderedDict[str, Challenge] = field(default_factory=OrderedDict)
    _unanswered: dict[str, int] = field(default_factory=dict)
    _failures: OrderedDict[str, deque[Mono]] = field(default_factory=OrderedDict)
    _tickets: OrderedDict[str, Mono] = field(default_factory=OrderedDict)

    def challenge(self, address: str, now: Mono) -> str:
        """A nonce to be answered once. Raises: TooManyAttempts."""
        self._forget_expired(now)
        asker = origin(address)
        if self._unanswered.get(asker, 0) >= FREE_CHALLENGES:
            self._refuse_if_limited(asker, now)
            self._failed(asker, now)
        if len(self._challenges) >= MOST_CHALLENGES:
            self._drop_one()
        nonce = self.random_bytes(SECRET_BYTES).hex()
        self._challenges[nonce] = Challenge(asker, Mono(now + CHALLENGE_LIVES))
        self._unanswered[asker] = self._unanswered.get(asker, 0) + 1
        return nonce

    def check(self, address: str, nonce: str, response: str, now: Mono) -> None:
        """Raises: TooManyAttempts, InvalidChallenge, InvalidPassword."""
        self._forget_expired(now)
        asker = origin(address)
        self._refuse_if_limited(asker, now)
        if not self._take(nonce):
            self._failed(asker, now)
            raise InvalidChallenge("Invalid or expired challenge")
        expected = answer(self.password, nonce)
        if not hmac.compare_digest(expected.encode(), response.encode(errors="replace")):
            self._failed(asker, now)
            raise InvalidPassword("Invalid password")

    def open_ticket(self, now: Mono) -> str:
        """A secret that logs one browser in, once."""
        self._forget_expired(now)
        if len(self._tickets) >= MOST_TICKETS:
            self._tickets.popitem(last=False)
        secret = self.random_bytes(SECRET_BYTES).hex()
        self._tickets[secret] = Mono(now + TICKET_LIVES)
        return secret

    def use_ticket(self, secret: str, now: Mono) -> None:
        """Raises: InvalidTicket."""
        self._forget_expired(now)
        if self._tickets.pop(secret, None) is None:
            raise InvalidTicket("Invalid or expired ticket", "Log in with the password instead.")

    def _take(self, nonce: str) -> bool:
        challenge = self._challenges.pop(nonce, None)
        if challenge:
            self._answered(challenge.origin)
        return challenge is not None

    def _answered(self, asker: str) -> None:
        """One challenge less waits for an answer."""
        self._unanswered[asker] -= 1
        if not self._unanswered[asker]:
            del self._unanswered[asker]

    def _drop_one(self) -> None:
        """Room for one more: whoever has the most outstanding loses the oldest, so that nobody locks out
        others."""
        greedy = max(self._unanswered, key=self._unanswered.__getitem__)
        self._take(next(nonce for nonce, each in self._challenges.items() if each.origin == greedy))

    def _refuse_if_limited(self, asker: str, now: Mono) -> None:
        failures = self._recent(asker, now)
        if len(failures) < MOST_FAILURES:
            return
        wait = -(-(failures[0] + WINDOW - now) // SECOND)
        raise TooManyAttempts(
            f"too many authentication attempts against the daemon on port {self.port}",
            f"Try again in {wait} seconds, or restart the daemon.",
            wait,
        )

    def _failed(self, asker: str, now: Mono) -> None:
        failures = self._recent(asker, now)
        failures.append(now)
        self._failures[asker] = failures
        self._failures.move_to_end(asker)
        if len(self._failures) > MOST_ADDRESSES:
            self._failures.popitem(last=False)

    def _recent(self, asker: str, now: Mono) -> deque[Mono]:
        """When this address failed, within the window, the oldest first."""
        failures = self._failures.get(asker, deque())
        while failures and failures[0] + WINDOW <= now:
            failures.popleft()
        return failures

    def _forget_expired(self, now: Mono) -> None:
        """Each in the order they were made, which is that of their expiry."""
        while self._challenges and next(iter(self._challenges.values())).expires_by <= now:
            self._answered(self._challenges.popitem(last=False)[1].origin)
        while self._tickets and next(iter(self._tickets.values())) <= now:
            self._tickets.popitem(last=False)
