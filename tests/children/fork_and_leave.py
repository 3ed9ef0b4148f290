"""Leaves a child in its process group that holds the output, prints the child's pid and ends."""

import os
import signal

child = os.fork()
if child:
    print(child, flush=True)
else:
    signal.pause()
