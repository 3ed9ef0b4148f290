"""A task that prints: ``writer.py GATE BYTES`` waits for the FIFO to end, then writes lines of 100 bytes."""

from __future__ import annotations

import os
import sys

LINES = (b"x" * 99 + b"\n") * 655
"""Just below 64 KiB, what a pipe takes at once."""


def write(count: int) -> None:
    left = count
    while left > 0:
        view = memoryview(LINES)[:left]
        left -= len(view)
        while view:
            view = view[os.write(1, view) :]


if __name__ == "__main__":
    gate = os.open(sys.argv[1], os.O_RDONLY)
    os.read(gate, 1)
    write(int(sys.argv[2]))
