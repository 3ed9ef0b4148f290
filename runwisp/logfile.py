"""The four files of a run's log: their names, opening, replacing and removing them.

Owns everything below the logs directory as names; what is in the files belongs to ``logindex``, ``logwriter``
and ``logreader``. Every file is 0600 and every folder 0700 whatever the umask, and no symlink is followed on
the way from the logs directory to a file. Called by those modules and by the pump.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from runwisp.frozen import frozen

LOG = ".log"
PREV = ".log.prev"
INDEX = ".log.idx"
META = ".log.meta"
SUFFIXES = (LOG, PREV, INDEX, META)
DRAFT = ".tmp"
"""Added to the name of a file that is being replaced; one that is left over is overwritten or removed."""

FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
SAFE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""O_NONBLOCK: a FIFO put in the place of a file must not make anybody wait."""


@frozen
class LogFiles:
    """The files of one run.

    Raises: ValueError for a task name or stem that is not the plain name of a file; from its methods OSError.
    """

    logs_dir: str
    task_name: str
    stem: str

    def __post_init__(self) -> None:
        for name in (self.task_name, self.stem):
            if name in ("", ".", "..") or "/" in name or "\0" in name:
                raise ValueError(f"not the name of a log: {name!r}")

    def alternatives(self, run_id: str) -> Iterator[LogFiles]:
        """These files, then those of longer stems: the last part of a stem is the end of the run's id."""
        yield self
        time, _, ending = self.stem.rpartition("_")
        for length in range(len(ending) + 1, len(run_id) + 1):
            yield replace(self, stem=f"{time}_{run_id[-length:]}")

    def open(self, suffix: str, flags: int) -> int:
        """Opens one of the files; the folder is made when the file is."""
        with self.folder(is_made=bool(flags & os.O_CREAT)) as folder:
            return _open_regular(self.stem + suffix, flags, folder)

    def replace(self, suffix: str, content: bytes) -> int:
        """Puts a new file in the place of the old one, so that a reader sees the one or the other, whole.
        Gives it open."""
        name = self.stem + suffix
        with self.folder(is_made=True) as folder:
            fd = _open_regular(name + DRAFT, os.O_RDWR | os.O_CREAT | os.O_TRUNC, folder)
            try:
                write_all(fd, content)
                os.rename(name + DRAFT, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.close(fd)
                raise
            return fd

    def overwrite(self, suffix: str, content: bytes, folder: int) -> None:
        """Writes over a file, or makes it: one write below a page, so that being killed cannot tear it.

        It never becomes shorter: what is left of the old content is blanked. Unlike ``replace`` it needs no
        room on a full disk, and does not make ext4 allocate at once (auto_da_alloc, ext4(5)).
        """
        fd = _open_regular(self.stem + suffix, os.O_WRONLY | os.O_CREAT, folder)
        try:
            write_all(fd, content.ljust(os.fstat(fd).st_size))
        finally:
            os.close(fd)

    def supersede(self, suffix: str, by: str) -> None:
        """Gives one file the name of another, which goes: removed first, as a rename onto it would make ext4
        allocate and write the new one at once."""
        with self.folder(is_made=False) as folder:
            with suppress(FileNotFoundError):
                os.unlink(self.stem + suffix, dir_fd=folder)
            os.rename(self.stem + by, self.stem + suffix, src_dir_fd=folder, dst_dir_fd=folder)

    def read(self, suffix: str) -> bytes:
        """A whole file, for the small ones."""
        fd = self.open(suffix, os.O_RDONLY)
        with os.fdopen(fd, "rb") as file:
            return file.read()

    def sizes(self, folder: int) -> dict[str, int]:
        """The length of each file there is, by suffix."""
        found = {}
        for suffix in SUFFIXES:
            with suppress(FileNotFoundError):
                found[suffix] = os.stat(self.stem + suffix, dir_fd=folder, follow_symlinks=False).st_size
        return found

    def remove(self) -> None:
        """Removes all files and, if nothing else is in it, the folder; whatever is gone already is well."""
        with suppress(FileNotFoundError):
            with self.folder(is_made=False) as folder:
                for suffix in (*SUFFIXES, INDEX + DRAFT, META + DRAFT):
                    with suppress(FileNotFoundError):
                        os.unlink(self.stem + suffix, dir_fd=folder)
            _remove_if_empty(f"{self.logs_dir}/{self.task_name}")

    @contextmanager
    def folder(self, is_made: bool) -> Iterator[int]:
        """The task's folder as a descriptor, reached without following a symlink."""
        try:
            folder = self._open_folder()
        except FileNotFoundError:
            if not is_made:
                raise
            self._make_folders()
            folder = self._open_folder()
        try:
            yield folder
        finally:
            os.close(folder)

    def _open_folder(self) -> int:
        logs = os.open(self.logs_dir, FOLDER)
        try:
            return os.open(self.task_name, FOLDER, dir_fd=logs)
        finally:
            os.close(logs)

    def _make_folders(self) -> None:
        _make_folder(self.logs_dir, None)
        logs = os.open(self.logs_dir, FOLDER)
        try:
            _make_folder(self.task_name, logs)
        finally:
            os.close(logs)


def write_all(fd: int, content: bytes | memoryview, at: int | None = None) -> None:
    """Writes to the end, or raises the reason why not: a short write is tried again to learn it. ``at``: from
    this place of the file on."""
    view = memoryview(content)
    while view:
        count = os.write(fd, view) if at is None else os.pwrite(fd, view, at)
        view = view[count:]
        at = None if at is None else at + count


def _open_regular(name: str, flags: int, folder: int) -> int:
    fd = os.open(name, flags | SAFE, FILE_MODE, dir_fd=folder)
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", name)
        if flags & os.O_CREAT and stat.S_IMODE(mode) != FILE_MODE:
            os.fchmod(fd, FILE_MODE)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _make_folder(name: str, parent: int | None) -> None:
    try:
        os.mkdir(name, DIRECTORY_MODE, dir_fd=parent)
    except FileExistsError:
        return
    os.chmod(name, DIRECTORY_MODE, dir_fd=parent)


def _remove_if_empty(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
            raise
