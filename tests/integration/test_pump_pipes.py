"""How large the pump makes the pipes it reads: the writer of one that was full waits less often then."""

from __future__ import annotations

import os
import sys
from fcntl import F_GETPIPE_SZ, F_SETPIPE_SZ, fcntl
from pathlib import Path

import pytest

from runwisp.logline import Stream
from runwisp.pump.stream import BLOCK, Block, Pipe
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


def test_a_pipe_that_the_run_itself_made_larger_stays_so_and_is_read() -> None:
    """To make it smaller while it is full is refused with EBUSY."""
    read_end, write_end = os.pipe()
    large = fcntl(write_end, F_SETPIPE_SZ, 4 * BLOCK)
    os.set_blocking(write_end, False)
    assert os.write(write_end, bytes(large)) == large
    block = Block()
    assert Pipe(read_end, Stream.STDOUT).read(block) == BLOCK
    assert fcntl(read_end, F_GETPIPE_SZ) == large
    os.close(read_end)
    os.close(write_end)
