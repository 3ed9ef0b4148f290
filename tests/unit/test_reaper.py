"""What a wait status means."""

from __future__ import annotations

import pytest

from runwisp.reaper import verdict


@pytest.mark.parametrize(
    ("status", "exit_code", "message"),
    [
        (0, 0, "exited with code 0"),
        (3 << 8, 3, "exited with code 3"),
        (255 << 8, 255, "exited with code 255"),
        (9, 137, "killed by SIGKILL"),
        (15, 143, "killed by SIGTERM"),
        (11 | 0x80, 139, "killed by SIGSEGV (core dumped)"),
        (40, 168, "killed by signal 40"),
    ],
)
def test_a_wait_status_is_told_as_code_and_words(status: int, exit_code: int, message: str) -> None:
    assert verdict(status) == (exit_code, message)
