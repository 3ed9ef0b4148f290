"""Prints so many numbered lines at once, again and again, with so many seconds in between, for ever."""

import os
import sys
import time

count, pause = int(sys.argv[1]), float(sys.argv[2])
number = 0
while True:
    os.write(1, b"".join(b"%d steadily said\n" % (number + n) for n in range(count)))
    number += count
    time.sleep(pause)
