"""How large the pump makes the pipes it reads: the writer of one that was full waits less often then."""

from __future__ import annotations

import sys
from fcntl import F_GETPIPE_SZ, fcntl
from pathlib import Path

import pytest

from tests.integration.pumphouse import PumpHouse

BY_DEFAULT = 64 * 1024
PRINTS_LINES = "import os\nwhile True: os.write(1, b'x' * {} + b'\\n')"
PRINTS_NOW_AND_THEN = "import os, sys, time\nwhile True: os.write(1, b'x\\n'); time.sleep(0.001)"


@pytest.mark.parametrize("length", [99, 2100, 5000, 65_499])
def test_a_pipe_that_is_always_full_is_enlarged_whatever_its_writer_writes_at_once(
    length: int, tmp_path: Path
) -> None:
    """A page is left unfilled when the next piece does not fit: a full pipe holds less than it could."""
    with PumpHouse(str(tmp_path)) as house:
        child = house.spawn(
            sys.executable, "-I", "-S", "-c", PRINTS_LINES.format(length), log_max_size=65_536
        )
        house.wait_until(lambda: fcntl(child.fds[0], F_GETPIPE_SZ) > BY_DEFAULT)


def test_a_pipe_with_little_in_it_stays_as_it_is(tmp_path: Path) -> None:
    with PumpHouse(str(tmp_path)) as house:
        child = house.spawn(sys.executable, "-I", "-S", "-c", PRINTS_NOW_AND_THEN)
        house.wait_until(lambda: house.text().count(b"\n") > 100)
        assert fcntl(child.fds[0], F_GETPIPE_SZ) == BY_DEFAULT
