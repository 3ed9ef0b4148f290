"""Logins: what is accepted, who is made to wait and how long, and that nothing of it grows."""

from __future__ import annotations

import hashlib
from itertools import count

import pytest

from runwisp.clock import HOUR, MINUTE, SECOND, Mono
from runwisp.errors import InvalidChallenge, InvalidPassword, InvalidTicket, TooManyAttempts
from runwisp.login import (
    FREE_CHALLENGES,
    MOST_ADDRESSES,
    MOST_CHALLENGES,
    MOST_TICKETS,
    Logins,
    answer,
    origin,
)

PASSWORD = "correct horse"
HERE = "192.0.2.1"
T0 = Mono(1_000_000)


def later(millis: int) -> Mono:
    return Mono(T0 + millis)


def a_door() -> Logins:
    numbers = count(1)
    return Logins(PASSWORD, 9477, lambda length: next(numbers).to_bytes(length, "big"))


def log_in(door: Logins, now: Mono = T0, password: str = PASSWORD, address: str = HERE) -> None:
    nonce = door.challenge(address, now)
    door.check(address, nonce, answer(password, nonce), now)


def fail(door: Logins, now: Mono = T0, address: str = HERE) -> None:
    with pytest.raises(InvalidPassword, match=r"^Invalid password"):
        log_in(door, now, "wrong", address)


def test_the_answer_is_the_hash_that_the_api_promises() -> None:
    assert answer("pass", "ab") == hashlib.sha256(b"pass:ab").hexdigest()
    assert answer("pässword", "ab") == hashlib.sha256("pässword:ab".encode()).hexdigest()


def test_a_challenge_is_32_bytes_in_hex_and_no_two_are_alike() -> None:
    door = a_door()
    first, second = door.challenge(HERE, T0), door.challenge(HERE, T0)
    assert len(first) == len(second) == 64
    assert int(first, 16) != int(second, 16)


def test_a_challenge_is_good_for_one_answer() -> None:
    door = a_door()
    nonce = door.challenge(HERE, T0)
    door.check(HERE, nonce, answer(PASSWORD, nonce), T0)
    with pytest.raises(InvalidChallenge, match=r"^Invalid or expired challenge"):
        door.check(HERE, nonce, answer(PASSWORD, nonce), T0)


def test_also_a_wrong_answer_uses_the_challenge_up() -> None:
    door = a_door()
    nonce = door.challenge(HERE, T0)
    with pytest.raises(InvalidPassword):
        door.check(HERE, nonce, "0" * 64, T0)
    with pytest.raises(InvalidChallenge):
        door.check(HERE, nonce, answer(PASSWORD, nonce), T0)


def test_a_challenge_lives_five_minutes() -> None:
    door = a_door()
    nonces = [door.challenge(HERE, T0) for _ in range(2)]
    door.check(HERE, nonces[0], answer(PASSWORD, nonces[0]), later(5 * MINUTE - 1))
    with pytest.raises(InvalidChallenge):
        door.check(HERE, nonces[1], answer(PASSWORD, nonces[1]), later(5 * MINUTE))


def test_what_was_never_given_out_is_no_challenge() -> None:
    with pytest.raises(InvalidChallenge):
        a_door().check(HERE, "f" * 64, answer(PASSWORD, "f" * 64), T0)


@pytest.mark.parametrize("response", ["", "0" * 64, "ä", "\udcff"])
def test_no_answer_but_the_right_one_is_taken(response: str) -> None:
    door = a_door()
    with pytest.raises(InvalidPassword):
        door.check(HERE, door.challenge(HERE, T0), response, T0)


def test_after_five_failures_also_the_right_answer_has_to_wait_until_the_first_is_five_minutes_old() -> None:
    door = a_door()
    for second in range(5):
        fail(door, later(second * SECOND))
    with pytest.raises(TooManyAttempts) as caught:
        log_in(door, later(10 * SECOND))
    assert caught.value.message == "too many authentication attempts against the daemon on port 9477"
    assert caught.value.retry_after == 290
    assert "290 seconds" in caught.value.hint
    with pytest.raises(TooManyAttempts) as caught:
        log_in(door, later(5 * MINUTE - 1))
    assert caught.value.retry_after == 1
    log_in(door, later(5 * MINUTE))


def test_the_window_slides_and_what_was_refused_in_it_does_not_count() -> None:
    door = a_door()
    for minute in range(5):
        fail(door, later(minute * MINUTE))
    for _ in range(20):
        with pytest.raises(TooManyAttempts):
            log_in(door, later(4 * MINUTE + SECOND))
    fail(door, later(5 * MINUTE))
    with pytest.raises(TooManyAttempts):
        log_in(door, later(5 * MINUTE + SECOND))
    log_in(door, later(6 * MINUTE))


def test_an_unknown_challenge_is_a_failure_too() -> None:
    door = a_door()
    for _ in range(5):
        with pytest.raises(InvalidChallenge):
            door.check(HERE, "f" * 64, "", T0)
    with pytest.raises(TooManyAttempts):
        log_in(door)


def test_successes_never_count() -> None:
    door = a_door()
    for _ in range(4):
        fail(door)
    for _ in range(50):
        log_in(door)


def test_one_address_does_not_lock_out_another() -> None:
    door = a_door()
    for _ in range(5):
        fail(door)
    log_in(door, address="192.0.2.2")


def test_a_hundred_unanswered_challenges_are_free_and_each_beyond_is_a_failure() -> None:
    door = a_door()
    for _ in range(FREE_CHALLENGES + 5):
        nonce = door.challenge(HERE, T0)
    with pytest.raises(TooManyAttempts):
        door.check(HERE, nonce, answer(PASSWORD, nonce), T0)
    with pytest.raises(TooManyAttempts):
        door.challenge(HERE, T0)
    log_in(door, later(5 * MINUTE))


def test_challenges_that_were_answered_are_not_unanswered() -> None:
    door = a_door()
    for _ in range(3 * FREE_CHALLENGES):
        log_in(door)


def test_a_limited_address_still_gets_a_challenge_and_then_hears_that_it_has_to_wait() -> None:
    door = a_door()
    for _ in range(5):
        fail(door)
    assert door.challenge(HERE, T0)


def test_at_most_a_thousand_are_outstanding_and_who_has_most_of_them_loses_the_oldest() -> None:
    door = a_door()
    mine = door.challenge(HERE, T0)
    crowd = [(f"198.51.100.{number // 90}", number) for number in range(MOST_CHALLENGES - 1)]
    nonces = [(address, door.challenge(address, T0)) for address, _ in crowd]
    door.challenge("203.0.113.1", T0)
    door.check(HERE, mine, answer(PASSWORD, mine), T0)
    lost = [nonce for address, nonce in nonces if not is_known(door, address, nonce)]
    assert lost == [nonces[0][1]]


def is_known(door: Logins, address: str, nonce: str) -> bool:
    """Tried from an address of its own, so that no limit is met."""
    try:
        door.check(f"for {address} {nonce}", nonce, answer(PASSWORD, nonce), T0)
    except InvalidChallenge:
        return False
    return True


def test_nothing_grows_however_many_addresses_fail() -> None:
    door = a_door()
    for number in range(MOST_ADDRESSES + 100):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        with pytest.raises(InvalidChallenge):
            door.check(address, "f" * 64, "", later(number))
    assert len(door._failures) == MOST_ADDRESSES


@pytest.mark.parametrize(
    ("address", "whom"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_whom_a_failure_counts_against(address: str, whom: str) -> None:
    assert origin(address) == whom


def test_a_subscriber_of_ipv6_is_one_address_however_many_it_has() -> None:
    door = a_door()
    for number in range(5):
        fail(door, address=f"2001:db8::{number + 1}")
    with pytest.raises(TooManyAttempts):
        log_in(door, address="2001:db8::ffff")
    log_in(door, address="2001:db8:0:1::1")


def test_a_ticket_is_good_once_within_a_minute() -> None:
    door = a_door()
    first, second, third = (door.open_ticket(T0) for _ in range(3))
    door.use_ticket(first, later(59_999))
    with pytest.raises(InvalidTicket):
        door.use_ticket(first, later(59_999))
    with pytest.raises(InvalidTicket):
        door.use_ticket(second, later(60_000))
    with pytest.raises(InvalidTicket):
        door.use_ticket(third, later(HOUR))


def test_only_so_many_tickets_are_kept() -> None:
    door = a_door()
    tickets = [door.open_ticket(T0) for _ in range(MOST_TICKETS + 1)]
    with pytest.raises(InvalidTicket):
        door.use_ticket(tickets[0], T0)
    for ticket in tickets[1:]:
        door.use_ticket(ticket, T0)


def test_the_password_is_in_no_representation() -> None:
    assert PASSWORD not in repr(a_door())
