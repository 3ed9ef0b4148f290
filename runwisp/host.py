"""What only this machine can say: its clocks, its randomness, its time zone.

The one home of both clocks and of random bytes. Called by the processes' mains, which hand on what it says.
"""

from __future__ import annotations

import os
import time

from runwisp.clock import Mono, Now, Wall

_MILLI = 1_000_000


def now() -> Now:
    return Now(wall(), Mono(time.monotonic_ns() // _MILLI))


def wall() -> Wall:
    return Wall(time.time_ns() // _MILLI)


def random_bytes(count: int) -> bytes:
    return os.urandom(count)
