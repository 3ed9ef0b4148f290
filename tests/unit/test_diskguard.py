"""When the disk is looked at, and when it counts as low."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from runwisp.clock import Mono
from runwisp.diskguard import CHECK_BYTES, DiskGuard


class Disk:
    def __init__(self) -> None:
        self.free = 10**9
        self.inodes = 1000
        self.looks = 0

    def statvfs(self, _path: str) -> SimpleNamespace:
        self.looks += 1
        return SimpleNamespace(f_bavail=self.free, f_frsize=1, f_files=5000, f_favail=self.inodes)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(os, "statvfs", made.statvfs)
    return made


def test_the_disk_is_looked_at_every_second_and_every_ten_megabytes(disk: Disk) -> None:
    guard = DiskGuard("/", 1000)
    guard.spend(1, Mono(0))
    guard.spend(1, Mono(999))
    assert disk.looks == 1
    guard.spend(1, Mono(1000))
    assert disk.looks == 2
    guard.spend(CHECK_BYTES, Mono(1001))
    guard.spend(1, Mono(1002))
    assert disk.looks == 3


def test_it_is_looked_at_sooner_when_there_is_less_to_spare(disk: Disk) -> None:
    guard = DiskGuard("/", 1000)
    disk.free = 1500
    guard.spend(1, Mono(0))
    guard.spend(501, Mono(1))
    assert disk.looks == 2


def test_what_would_cross_the_minimum_is_not_written(disk: Disk) -> None:
    guard = DiskGuard("/", 1000)
    disk.free = 1500
    guard.spend(500, Mono(0))
    assert not guard.is_low
    guard.spend(501, Mono(1))
    assert guard.is_low


def test_low_is_below_the_minimum_and_well_again_a_little_above_it(disk: Disk) -> None:
    guard = DiskGuard("/", 1600)
    for free, is_low in (
        (1600, False),
        (1599, True),
        (1650, True),
        (1699, True),
        (1700, False),
        (1600, False),
    ):
        disk.free = free
        guard.check(Mono(0))
        assert guard.is_low is is_low, free


def test_a_disk_without_inodes_is_low(disk: Disk) -> None:
    guard = DiskGuard("/", 1000)
    disk.inodes = 3
    guard.check(Mono(0))
    assert guard.is_low


def test_a_minimum_of_zero_turns_the_guard_off(disk: Disk) -> None:
    guard = DiskGuard("/", 0)
    disk.free = 0
    guard.spend(10**9, Mono(0))
    guard.check(Mono(0))
    assert not guard.is_low
