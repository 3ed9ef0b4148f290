"""Shows its progress as terminals do: one line, written over and over; then waits to be ended."""

import os
import signal

for percent in range(0, 101, 10):
    os.write(1, b"\r%3d%% done" % percent)
signal.pause()
