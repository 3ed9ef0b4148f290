"""What lies on a local file system, asked without touching what does not."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwisp.mounts import Mounts


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    mounts = Mounts()
    yield mounts
    mounts.close()


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are looked at."""
    paths: list[str] = []
    lstat = os.lstat

    def noting(path: str) -> os.stat_result:
        paths.append(path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", noting)
    return paths


def test_a_path_that_is_not_there_cannot_hang(mounts: Mounts) -> None:
    assert mounts.is_local("/no/such/path")
    assert mounts.is_local("/bin/sh/x")


@pytest.mark.parametrize("path", ["/proc", "/proc/self/exe", "/etc/../proc/self", "//proc/./self"])
def test_nothing_below_a_foreign_mount_is_touched(mounts: Mounts, touched: list[str], path: str) -> None:
    assert not mounts.is_local(path)
    assert not [each for each in touched if each.startswith("/proc")]


def test_symlinks_are_followed_step_by_step(mounts: Mounts, tmp_path: Path, touched: list[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "near").symlink_to("deep/../far")
    (tmp_path / "far").symlink_to("/proc/self")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "home").symlink_to(tmp_path)
    assert not mounts.is_local(f"{tmp_path}/near/exe")
    assert not [each for each in touched if each.startswith("/proc")]
    assert mounts.is_local(f"{tmp_path}/loop/x")
    assert mounts.is_local(f"{tmp_path}/home/deep")


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount")
def test_a_new_mount_is_noticed(mounts: Mounts, tmp_path: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    folder = tmp_path / "with space"
    folder.mkdir()
    assert mounts.is_local(f"{folder}/x")
    if libc.mount(b"proc", os.fsencode(folder), b"proc", 0, None):
        pytest.skip(f"mounting is not possible here: {os.strerror(ctypes.get_errno())}")
    try:
        assert not mounts.is_local(f"{folder}/x")
    finally:
        assert libc.umount2(os.fsencode(folder), 2) == 0
    assert mounts.is_local(f"{folder}/x")
