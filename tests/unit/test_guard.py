"""What keeps unit tests inside memory does keep them there."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.socket(socket.AF_UNIX),
        lambda: sqlite3.connect(":memory:"),
        lambda: subprocess.run([sys.executable, "-c", ""], check=False),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        os.fork,
        lambda: os.kill(os.getpid(), 0),
        lambda: time.sleep(0),
    ],
    ids=["socket", "database", "subprocess", "posix_spawn", "fork", "kill", "sleep"],
)
def test_a_unit_test_cannot_reach_outside_memory(reach: Callable[[], object]) -> None:
    with pytest.raises(AssertionError, match="unit test"):
        reach()
