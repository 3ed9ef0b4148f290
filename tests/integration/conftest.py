"""Integration tests use real processes and files, and leave none behind."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import pytest

MARK = "TEST_THAT_STARTED_THIS"
"""In the environment of everything a test starts, so that a process that left its parent is found too."""

PATIENCE = 5.0
"""Seconds that what a test has ended may take to disappear; only a leak costs them."""


def pytest_collection_finish() -> None:
    """What there is before the first test stays, and need not be looked through after each of them."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, None, None]:
    os.environ[MARK] = f"{os.getpid()}:{item.nodeid}"
    yield
    del os.environ[MARK]


@pytest.fixture(autouse=True)
def no_file_is_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """Gives each test, and what it starts, a folder of its own for temporary files; fails it if any stay."""
    tmp_path_factory.getbasetemp()  # made when it is first asked for, and not to be in one test's folder
    folder = Path(tempfile.mkdtemp(prefix="runwisp-test-"))
    folder.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setenv("TMPDIR", str(folder))
        yield
    left = os.listdir(folder)
    shutil.rmtree(folder, ignore_errors=True)
    assert not left, f"files left behind: {left}"
    assert not folder.exists(), f"{folder} cannot be removed"


@pytest.fixture(autouse=True)
def nothing_is_left_behind(no_file_is_left_behind: None) -> Generator[None, None, None]:
    """Fails the test that leaves a process or a descriptor of its own, or its working directory."""
    fds, children, folder = open_fds(), child_pids(), os.getcwd()
    yield
    strayed = os.readlink("/proc/self/cwd")
    os.chdir(folder)
    gc.collect()
    leaked_pids = _lasting(lambda: (child_pids() - children) | marked_pids(os.environ[MARK]))
    names = {pid: command_line(pid) for pid in leaked_pids}
    for pid in leaked_pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    leaked_fds = {fd: name for fd, name in open_fds().items() if fd not in fds}
    for fd in leaked_fds:
        with suppress(OSError):
            os.close(fd)
    assert not names, f"processes left behind: {names}"
    assert not leaked_fds, f"descriptors left open: {leaked_fds}"
    assert strayed == folder, f"left in {strayed}"


@pytest.fixture
def open_folder() -> Generator[Path, None, None]:
    """A folder that every user may enter; pytest's own are for their owner."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _lasting(look: Callable[[], set[int]]) -> set[int]:
    deadline = time.monotonic() + PATIENCE
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def open_fds() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the descriptor of this very listing
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def child_pids() -> set[int]:
    """Children of this process, zombies among them: whoever starts one reaps it."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # none at all, as mostly: no need to look at every process there is
        return set()
    return {pid for pid in all_pids() if parent_pid(pid) == os.getpid()}


def marked_pids(mark: str) -> set[int]:
    wanted = f"{MARK}={mark}".encode()
    return {pid for pid in all_pids() if pid != os.getpid() and wanted in environment(pid)}


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parent_pid(pid: int) -> int:
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])
    return 0


def environment(pid: int) -> list[bytes]:
    with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
        return file.read().split(b"\0")
    return []


def command_line(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().replace(b"\0", b" ").decode(errors="replace").strip() or "a zombie"
    return "gone"
