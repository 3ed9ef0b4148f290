"""Prints every byte there is, NUL and invalid UTF-8 among them, and ends amid a line."""

import os

os.write(1, bytes(range(256)) * 40 + b"\n\x00\xff\xfe\x1b[31m\xc3")
