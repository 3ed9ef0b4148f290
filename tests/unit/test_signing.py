"""When all sessions end: every change of the password that the API names, and none besides."""

from __future__ import annotations

from itertools import count

import pytest

from runwisp import signing as module
from runwisp.fingerprint import fingerprint
from runwisp.signing import Signing, signing

numbers = count(1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STRETCHED", 1)


def after(former: Signing | None, password: str, *, is_given: bool) -> Signing:
    return signing(
        former, password, is_given=is_given, random_bytes=lambda length: next(numbers).to_bytes(length, "big")
    )


def test_the_first_start_makes_a_secret_of_32_bytes_and_keeps_no_password() -> None:
    made = after(None, "first", is_given=False)
    assert len(made.secret) == 32
    assert b"first" not in made.password_hash + made.salt
    assert made.secret.hex() not in repr(made)
    assert str(made.secret) not in repr(made)


@pytest.mark.parametrize(
    ("before", "now", "is_kept"),
    [
        (("same", False), ("same", False), True),
        (("same", True), ("same", True), True),
        (("same", False), ("same", True), True),
        (("same", True), ("same", False), False),
        (("one", True), ("other", True), False),
        (("one", False), ("other", False), False),
        (("one", False), ("other", True), False),
        (("one", True), ("other", False), False),
    ],
    ids=[
        "the file as it was",
        "the variable as it was",
        "the variable has what the file had",
        "the variable is gone, the file has the same",
        "the variable was changed",
        "the file was replaced",
        "the variable differs from the file of the last start",
        "the variable is gone and the file differs",
    ],
)
def test_sessions_live_on_or_end(before: tuple[str, bool], now: tuple[str, bool], is_kept: bool) -> None:
    former = after(None, before[0], is_given=before[1])
    made = after(former, now[0], is_given=now[1])
    assert (made.secret == former.secret) is is_kept
    assert made.is_given is now[1]
    assert after(made, now[0], is_given=now[1]) == made


def test_a_new_secret_comes_with_a_new_salt() -> None:
    former = after(None, "one", is_given=False)
    made = after(former, "other", is_given=False)
    assert made.salt != former.salt


def test_a_fingerprint_tells_machines_and_directories_apart_and_gives_neither_away() -> None:
    ours = fingerprint("machine", "/var/lib/runwisp")
    assert ours == fingerprint("machine", "/var/lib/runwisp")
    assert len({ours, fingerprint("machine", "/other"), fingerprint("other", "/var/lib/runwisp")}) == 3
    assert len(ours) == 12
    assert int(ours, 16) >= 0
