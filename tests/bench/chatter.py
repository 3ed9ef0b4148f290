"""A task that prints so many lines a second: ``chatter.py RATE``. Each begins with when it was printed."""

from __future__ import annotations

import os
import sys
import time

if __name__ == "__main__":
    began = time.monotonic()
    printed = 0
    while True:
        for _ in range(int((time.monotonic() - began) * int(sys.argv[1])) - printed):
            os.write(1, b"%d of the monotonic clock, and what a task may have to say\n" % time.monotonic_ns())
            printed += 1
        time.sleep(0.001)
