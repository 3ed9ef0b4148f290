"""Unit tests touch nothing outside memory: no socket, no process, no sleep."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator

import pytest

FORBIDDEN = {
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.kill",
    "os.posix_spawn",
    "os.system",
    "socket.__new__",
    "socket.bind",
    "socket.connect",
    "sqlite3.connect",
    "subprocess.Popen",
}
"""Events of the table in the documentation of sys.addaudithook."""


class OutsideMemory(AssertionError):
    """A unit test reached for something real."""


class Guard:
    is_on = False


def _audit(event: str, _args: tuple[object, ...]) -> None:
    if Guard.is_on and event in FORBIDDEN:
        raise OutsideMemory(f"{event} in a unit test: it belongs to tests/integration")


def _no_sleep(seconds: float) -> None:
    raise OutsideMemory(f"a unit test sleeps {seconds} s: give it a clock that jumps")


sys.addaudithook(_audit)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", _no_sleep)
        Guard.is_on = True
        try:
            yield
        finally:
            Guard.is_on = False
