"""Tokens: their life, and what ends it."""

from __future__ import annotations

import pytest

from runwisp.auth import REMEMBERED, Tokens
from runwisp.clock import HOUR, SECOND, Wall
from runwisp.errors import NotLoggedIn

SECRET = "ab" * 32
NOW = Wall(1_700_000_000_000)
DAY = 24 * HOUR


def test_a_token_lives_a_day_and_a_minute_of_leeway() -> None:
    tokens = Tokens(SECRET)
    token, expires_at = tokens.issue(NOW)
    assert expires_at == NOW + DAY
    session = tokens.check(token, NOW)
    assert session.expires_at * SECOND == expires_at
    assert tokens.check(token, Wall(NOW + DAY + 59 * SECOND)) == session
    with pytest.raises(NotLoggedIn, match="expired"):
        tokens.check(token, Wall(NOW + DAY + 60 * SECOND))


def test_clocks_may_differ_by_a_minute() -> None:
    tokens = Tokens(SECRET)
    token, _ = tokens.issue(NOW)
    assert tokens.check(token, Wall(NOW - 60 * SECOND))
    with pytest.raises(NotLoggedIn, match="future"):
        tokens.check(token, Wall(NOW - 61 * SECOND))


def test_a_revoked_token_counts_no_more_even_if_it_was_checked_before() -> None:
    tokens = Tokens(SECRET)
    token, _ = tokens.issue(NOW)
    tokens.revoke(tokens.check(token, NOW), NOW)
    with pytest.raises(NotLoggedIn, match="logged out"):
        tokens.check(token, NOW)


def test_a_session_is_over_when_it_was_revoked_or_has_expired() -> None:
    tokens = Tokens(SECRET)
    ours, theirs = (tokens.check(tokens.issue(NOW)[0], NOW) for _ in range(2))
    tokens.revoke(theirs, NOW)
    assert not tokens.is_over(ours, Wall(NOW + DAY + 59 * SECOND))
    assert tokens.is_over(ours, Wall(NOW + DAY + 60 * SECOND))
    assert tokens.is_over(theirs, NOW)


def test_of_revoked_tokens_those_are_remembered_that_have_not_expired() -> None:
    tokens = Tokens(SECRET, ["from a former process"])
    for hour in range(100):
        now = Wall(NOW + hour * HOUR)
        session = tokens.check(tokens.issue(now)[0], now)
        tokens.revoke(session, now)
    assert len(tokens._revoked) < 30
    assert "from a former process" in tokens._revoked


def test_no_two_tokens_have_one_id() -> None:
    tokens = Tokens(SECRET)
    ids = {tokens.check(tokens.issue(NOW)[0], NOW).token_id for _ in range(100)}
    assert len(ids) == 100


def test_a_token_of_another_secret_is_not_valid() -> None:
    token, _ = Tokens("cd" * 32).issue(NOW)
    with pytest.raises(NotLoggedIn, match="not valid"):
        Tokens(SECRET).check(token, NOW)


def test_who_has_no_token_is_not_told_that_it_is_wrong() -> None:
    with pytest.raises(NotLoggedIn, match="not logged in"):
        Tokens(SECRET).check("", NOW)


def test_what_is_remembered_is_bounded() -> None:
    tokens = Tokens(SECRET)
    for _ in range(REMEMBERED + 50):
        tokens.check(tokens.issue(NOW)[0], NOW)
    assert len(tokens._checked) <= REMEMBERED
