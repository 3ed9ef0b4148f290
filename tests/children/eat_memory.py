"""Takes ever more memory once the file that it is given is there, for as long as that process lives whose pid
is in it; its own, where there is none. Says how much it took."""

import os
import sys
import time

print("hungry", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
with open(sys.argv[1]) as file:
    watched = file.read() or "self"
eaten = []
while os.path.exists(f"/proc/{watched}/exe"):
    eaten.append(os.urandom(1 << 18))
    time.sleep(0.002)
print("full", len(eaten), flush=True)
