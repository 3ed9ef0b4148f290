"""Whether the disk has room for output: ``[storage] min_free_space`` and free inodes.

Owns the asking of statvfs(2). Decides nothing about any one log. Called by the pump as it writes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from runwisp.clock import SECOND, Millis, Mono

CHECK_BYTES = 10 * 1024 * 1024
CHECK_EVERY: Millis = SECOND
LEAST_INODES = 16


@dataclass(slots=True)
class DiskGuard:
    """``min_free_bytes`` 0 turns the guard off. ``free_bytes`` is what the last check found."""

    path: str
    min_free_bytes: int
    is_low: bool = False
    free_bytes: int = 0
    _written: int = 0
    _allowance: int = 0
    _checked_at: Mono | None = None

    def spend(self, count: int, now: Mono) -> None:
        """So many bytes are about to be written: looks again every second and every 10 MB, or sooner when
        there are fewer to spare."""
        if not self.min_free_bytes:
            return
        self._written += count
        is_new = self._checked_at is not None and now - self._checked_at < CHECK_EVERY
        if not is_new or self._written > self._allowance:
            self.check(now, count)

    def check(self, now: Mono, count: int = 0) -> None:
        """Low is also a disk that ``count`` bytes more would make so. Once low, it takes a sixteenth more
        than the minimum to be well again, lest it flutter."""
        self._checked_at = now
        self._written = 0
        found = self.measure()
        if not self.min_free_bytes or not found:
            return
        needed = self.min_free_bytes + (self.min_free_bytes // 16 if self.is_low else 0)
        has_inodes = found.f_files == 0 or found.f_favail >= LEAST_INODES
        self.is_low = self.free_bytes - count < needed or not has_inodes
        self._allowance = min(CHECK_BYTES, max(0, self.free_bytes - count - needed))

    def measure(self) -> os.statvfs_result | None:
        """Only looks; None when it is a disk that cannot even say."""
        try:
            found = _statvfs(self.path)
        except OSError:
            return None
        self.free_bytes = found.f_bavail * found.f_frsize
        return found


def _statvfs(folder: str) -> os.statvfs_result:
    """Of the folder or, until the first log makes it, of the one that it will be made in."""
    try:
        return os.statvfs(folder)
    except FileNotFoundError:
        return os.statvfs(os.path.dirname(folder))
