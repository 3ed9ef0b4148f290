"""Leaves a child in a session of its own that holds the output, prints the child's pid and ends.

With an argument the child says so on its output when SIGTERM reaches it, and ends.
"""

import os
import signal
import sys

gate_out, gate_in = os.pipe()
child = os.fork()
if child:
    os.close(gate_in)
    os.read(gate_out, 1)
    print(child, flush=True)
else:
    os.setsid()
    if len(sys.argv) > 1:

        def say(number: int, frame: object) -> None:
            os.write(1, b"told to end\n")
            os._exit(0)

        signal.signal(signal.SIGTERM, say)
    os.close(gate_in)
    signal.pause()
