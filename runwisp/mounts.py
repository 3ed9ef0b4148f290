"""Which paths lie on file systems of this machine.

Owns one open /proc/self/mountinfo. It never touches a path at or below a mount that may hang (network,
FUSE, autofs): the mount table is asked before each step and each symlink. Called by ``launch``.
Source: proc_pid_mountinfo(5).
"""

from __future__ import annotations

import os
import re
import select
import stat

_LOCAL = """
    aufs bcachefs btrfs devtmpfs erofs exfat ext2 ext3 ext4 f2fs iso9660 jffs2 jfs minix nilfs2 ntfs3 overlay
    ramfs reiserfs rootfs squashfs tmpfs ubifs udf vfat xfs zfs
"""
LOCAL_TYPES = frozenset(_LOCAL.split())
"""Types whose answers come from the kernel and its own disks. An unknown one is not trusted to answer."""

MAX_LINKS = 40
MAX_FOLDERS = 1024
_OCTAL = re.compile(rb"\\([0-7]{3})")


class Mounts:
    def __init__(self) -> None:
        self._fd = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._changes = select.poll()
        self._changes.register(self._fd, select.POLLPRI)
        self._is_local: dict[str, bool] = {}
        self._folders: dict[str, str | None] = {}
        self._learn()

    def is_local(self, path: str) -> bool:
        """Whether every step to an absolute path is on a local file system; a missing one counts as local.

        The way to its folder is remembered until a mount changes, so that a folder made a link to a mount
        that was there before goes unnoticed until then; a link at the path itself is followed each time.
        """
        if self._changes.poll(0):
            self._learn()
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            if len(self._folders) >= MAX_FOLDERS:
                self._folders.clear()
            self._folders[folder] = self._real("", folder)
        at = self._folders[folder]
        return at is not None and self._real(at, name) is not None

    def _real(self, at: str, path: str) -> str | None:
        """Where ``path`` from the real folder ``at`` leads; None when not all of it is on local ones."""
        if not self._is_local.get("/", True):
            return None
        steps, links = path.split("/")[::-1], 0
        while steps:
            step = steps.pop()
            if step in ("", "."):
                continue
            if step == "..":
                at = at.rpartition("/")[0]
                continue
            here = f"{at}/{step}"
            if not self._is_local.get(here, True):
                return None
            target = _link_target(here)
            if target is None:
                at = here
                continue
            links += 1
            if links > MAX_LINKS:
                break
            at = "" if target.startswith("/") else at
            steps += target.split("/")[::-1]
        return at

    def close(self) -> None:
        os.close(self._fd)

    def _learn(self) -> None:
        self._is_local = local_mounts(self._read())
        self._folders.clear()

    def _read(self) -> bytes:
        os.lseek(self._fd, 0, os.SEEK_SET)
        blocks = []
        while block := os.read(self._fd, 65_536):
            blocks.append(block)
        return b"".join(blocks)


def local_mounts(mountinfo: bytes) -> dict[str, bool]:
    """Mount point to "is local"; of several at one point the last, which hides the others, counts."""
    found = {}
    for line in mountinfo.splitlines():
        mount, _, source = line.partition(b" - ")
        point = _OCTAL.sub(lambda code: bytes([int(code[1], 8)]), mount.split()[4])
        found[os.fsdecode(point)] = source.split()[0].decode("ascii", "replace") in LOCAL_TYPES
    return found


def _link_target(path: str) -> str | None:
    try:
        return os.readlink(path) if stat.S_ISLNK(os.lstat(path).st_mode) else None
    except OSError:
        return None
