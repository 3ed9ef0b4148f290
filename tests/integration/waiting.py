"""Waiting for something to become so, which every test does that has another process in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 30.0
EVERY = 0.01
T = TypeVar("T")


def wait_for(look: Callable[[], T], tell: Callable[[], object] = lambda: "") -> T:
    """What ``look`` gives once that is something; ``tell`` explains a wait in vain."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain; {tell()}"
        time.sleep(EVERY)
    return found
