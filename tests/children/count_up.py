"""Prints ever higher numbers, a line and some milliseconds apart, until the file that it is given exists."""

import os
import sys
import time

number = 0
while not os.path.exists(sys.argv[1]):
    number += 1
    os.write(1, b"%d\n" % number)
    time.sleep(0.005)
os.write(1, b"end %d\n" % number)
