"""What only this machine can say: its clocks, its randomness, who it and this process are.

The one home of both clocks and of random bytes. Called by the processes' mains, which hand on what it says.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from runwisp.clock import Mono, Now, Wall

COMMAND_NAME = "runwisp"
_MILLI = 1_000_000


def now() -> Now:
    return Now(wall(), Mono(time.monotonic_ns() // _MILLI))


def wall() -> Wall:
    return Wall(time.time_ns() // _MILLI)


def random_bytes(count: int) -> bytes:
    return os.urandom(count)


def chance() -> float:
    """From 0 up to 1."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


def take_command_name() -> None:
    """What ps and pkill see of each process of ours. Source: proc_pid_comm(5)."""
    with open("/proc/self/comm", "wb", buffering=0) as comm:
        comm.write(COMMAND_NAME.encode())


def name() -> str:
    return os.uname().nodename


def machine_id() -> str:
    """The id of this installation; the name of the host where it has none, as in a container.

    Source: machine-id(5).
    """
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with suppress(OSError), open(path) as file:
            if found := file.read().strip():
                return found
    return os.uname().nodename
