"""The data directory: where it is, who may touch it, and the lock that gives it to one daemon.

Owns the directory itself, the names and modes of the files directly in it, and ``daemon.pid``. Must never
write through a symlink, and never trust a pid for being written in a file. Called by the commands that
read or write history, before they do anything else.
"""

from __future__ import annotations

import errno
import os
import pwd
import shlex
import stat
import struct
from fcntl import F_OFD_GETLK, F_OFD_SETLK, F_UNLCK, F_WRLCK, fcntl
from grp import getgrgid

from runwisp.errors import DataDirError, DataDirLocked, SymlinkRefused

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
OURS = frozenset({"runwisp.db", "daemon.pid"})
"""One of these is in every data directory that was used."""
FLOCK = "hhqqi4x"
"""struct flock of fcntl_locking(2): type, whence, start, len, pid. Length 0 is the whole file."""


class DataDir:
    """One data directory.

    ``path`` is as given and is what messages show; ``absolute`` and the paths below it stay right when the
    working directory changes. Nothing is touched before a method is called.
    """

    __slots__ = ("absolute", "path")

    def __init__(self, path: str) -> None:
        self.path = _trimmed(path)
        self.absolute = _canonical(self.path)

    @property
    def database(self) -> str:
        return f"{self.absolute}/runwisp.db"

    @property
    def logs(self) -> str:
        return f"{self.absolute}/logs"

    @property
    def pid_file(self) -> str:
        return f"{self.absolute}/daemon.pid"

    @property
    def daemon_log(self) -> str:
        return f"{self.absolute}/daemon.log"

    @property
    def password(self) -> str:
        return f"{self.absolute}/password"

    def become_owner(self) -> None:
        """As root with a directory that someone else owns: become that user, for good.

        Comes before anything else touches the directory, so that no file in it ever belongs to root. What
        this process may no longer do afterwards includes writing its own /proc/self/comm.

        Raises: SymlinkRefused, DataDirError.
        """
        if os.geteuid() != 0:
            return
        try:
            owner = self._status()
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._explained(error, "cannot look at it") from error
        if owner.st_uid != 0:
            _become(owner.st_uid, owner.st_gid)

    def prepare(self) -> None:
        """Make the directory, and those above it, 0700 where missing; refuse one that is not safe to use.

        Raises: SymlinkRefused, DataDirError.
        """
        try:
            _make_directories(self.absolute)
            status = self._status()
        except OSError as error:
            raise self._explained(error, "cannot make it") from error
        if not os.access(self.absolute, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
            is_read_only = os.statvfs(self.absolute).f_flag & os.ST_RDONLY
            cause = errno.EROFS if is_read_only else errno.EACCES
            refused = OSError(cause, os.strerror(cause))
            raise self._explained(refused, "cannot write in it") from refused
        if status.st_mode & stat.S_IWOTH:
            raise DataDirError(
                f"every user of this machine may write the data directory {self.path}",
                f"Close it, then start again:\n  chmod 0700 {shlex.quote(self.path)}",
            )
        self._check_logs()

    def open(self, name: str, flags: int) -> int:
        """Open a file directly in the directory, 0600 whatever the umask, never through a symlink.

        Raises: SymlinkRefused, DataDirError, FileNotFoundError (without O_CREAT), FileExistsError (O_EXCL).
        """
        try:
            directory = os.open(self.absolute, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                return open_private(name, flags, shown=f"{self.path}/{name}", dir_fd=directory)
            finally:
                os.close(directory)
        except (FileNotFoundError, FileExistsError):
            raise
        except OSError as error:
            raise self._explained(error, f"cannot open {self.path}/{name}") from error

    def lock(self) -> Lock:
        """Take the directory for this daemon, until release or death.

        It is an open file description lock: unlike a lock of the process it survives that another
        descriptor of the file is closed, and unlike flock(2) it can be asked for without being taken. The
        descriptor is closed on exec, so no child keeps it.

        Raises: DataDirLocked while another daemon has it, DataDirError, SymlinkRefused.
        """
        while True:
            fd = self.open("daemon.pid", os.O_RDWR | os.O_CREAT)
            try:
                fcntl(fd, F_OFD_SETLK, struct.pack(FLOCK, F_WRLCK, os.SEEK_SET, 0, 0, 0))
                if _is_at(fd, self.pid_file):
                    is_inherited = _read_pid(fd) != 0
                    _write_pid(fd)
                    return Lock(fd, self.pid_file, is_inherited=is_inherited)
            except BlockingIOError as error:
                holder = _read_pid(fd)
                os.close(fd)
                raise self._locked(holder) from error
            except OSError as error:
                os.close(fd)
                raise self._explained(error, f"cannot lock {self.path}/daemon.pid") from error
            # The former holder removed the file between our open and our lock: ours has no name any more.
            os.close(fd)

    def holder(self) -> int | None:
        """The pid of the daemon that has the lock, without taking it; None for nobody, 0 if not known.

        Raises: DataDirError, SymlinkRefused.
        """
        try:
            fd = self.open("daemon.pid", os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            question = struct.pack(FLOCK, F_WRLCK, os.SEEK_SET, 0, 0, 0)
            answer = struct.unpack(FLOCK, fcntl(fd, F_OFD_GETLK, question))
            return None if answer[0] == F_UNLCK else _read_pid(fd)
        finally:
            os.close(fd)

    def _check_logs(self) -> None:
        """Output is written there by the pump, which could only drop it."""
        try:
            mode = os.lstat(self.logs).st_mode
        except FileNotFoundError:
            return
        shown = f"{self.path}/logs"
        if stat.S_ISLNK(mode):
            raise symlink_refused(shown)
        if not stat.S_ISDIR(mode):
            raise DataDirError(f"{shown} is not a directory", "Move it away, then start again.")
        if not os.access(self.logs, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
            raise self._permission_denied(f"cannot write in {shown}", self.logs) from PermissionError()

    def _status(self) -> os.stat_result:
        status = os.lstat(self.absolute)
        if stat.S_ISLNK(status.st_mode):
            raise symlink_refused(self.path)
        if not stat.S_ISDIR(status.st_mode):
            raise DataDirError(
                f"the data directory {self.path} is not a directory", "Name another one with --data."
            )
        return status

    def _locked(self, holder: int) -> DataDirLocked:
        return DataDirLocked(
            f"another daemon (pid {holder or 'unknown'}) is already using data directory {self.path}",
            "Stop it first, or give this one a directory of its own with --data.",
        )

    def _explained(self, error: OSError, what: str) -> DataDirError:
        if error.errno in (errno.EACCES, errno.EPERM):
            return self._permission_denied(what, self.absolute)
        if error.errno == errno.ENOTDIR and os.path.islink(self.absolute):
            return symlink_refused(self.path)
        return DataDirError(
            f"cannot use the data directory {self.path}: {what}: {error.strerror}",
            "Put that right, or name another directory with --data.",
        )

    def _permission_denied(self, what: str, place: str) -> DataDirError:
        place = _nearest(place)
        user, group = user_name(os.geteuid()), group_name(os.getegid())
        target = shlex.quote(self.absolute)
        commands = [f"sudo chown -R {user}:{group} {target}", f"sudo chmod 0700 {target}"]
        if not place.startswith(self.absolute):
            commands.insert(0, f"sudo mkdir -p {target}")
        advice = "Give it to that user, then start again:\n" + "\n".join(f"  {each}" for each in commands)
        if place == self.absolute and _is_of_others(place):
            # chown -R of /etc would be the end of the machine.
            advice = "It holds other things than RunWisp's; name a directory of its own with --data."
        return DataDirError(
            f"permission denied on the data directory {self.path}: {what}; {_owned(place)}, the daemon runs "
            f"as {user}",
            advice,
        )


def denied(data: DataDir, error: DataDirError, hint: str = "") -> DataDirError:
    """What a command says where it is only the daemon's user that may look; any other error as it is."""
    place = _nearest(data.absolute)
    uid = os.stat(place).st_uid
    is_missing = place != data.absolute and os.access(place, os.X_OK, effective_ids=True)
    is_other_s = isinstance(error.__cause__, PermissionError) and uid != os.geteuid()
    if is_missing or not is_other_s:
        return error
    owner = user_name(uid)
    return DataDirError(
        f"permission denied on the data directory {data.path}: {_owned(place)}, this command runs as "
        f"{user_name(os.geteuid())}",
        f"Put `sudo` before it, or `sudo -u {owner}`.{hint}",
    )


class Lock:
    """Holds a data directory. ``release`` gives it up; the death of the process does so as well.

    ``is_inherited``: its former holder died without releasing it.
    """

    __slots__ = ("_fd", "_path", "is_inherited")

    def __init__(self, fd: int, path: str, *, is_inherited: bool) -> None:
        self._fd = fd
        self._path = path
        self.is_inherited = is_inherited

    def release(self) -> None:
        """Remove the file, then let go.

        In this order, as a successor that already has the file open sees, once it gets the lock, that the
        name is gone and makes the file anew; the other way round we could remove the successor's.
        """
        if _is_at(self._fd, self._path):
            os.unlink(self._path)
        os.close(self._fd)


def open_private(name: str, flags: int, *, shown: str, dir_fd: int | None = None) -> int:
    """Open a regular file, giving it mode 0600 when it may be created; a symlink is refused as ``shown``.

    Raises: SymlinkRefused, DataDirError for anything but a regular file, OSError.
    """
    try:
        # O_NONBLOCK: a pipe put in place of the file must not make us wait for its other end.
        fd = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, FILE_MODE, dir_fd=dir_fd)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise symlink_refused(shown) from error
        raise
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise DataDirError(f"{shown} is not a regular file", "Move it away, then start again.")
        if flags & os.O_CREAT and stat.S_IMODE(status.st_mode) != FILE_MODE:
            os.fchmod(fd, FILE_MODE)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _nearest(place: str) -> str:
    """What is there of it and can be reached."""
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    return place


def _owned(place: str) -> str:
    status = os.stat(place)
    owner = f"{user_name(status.st_uid)}:{group_name(status.st_gid)}"
    return f"{place} belongs to {owner} (mode {stat.S_IMODE(status.st_mode):04o})"


def symlink_refused(shown: str) -> SymlinkRefused:
    return SymlinkRefused(
        f"refusing to write {shown}: path is a symlink",
        "Replace the symlink with a real file (or a real directory) and start again.",
    )


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    try:
        return getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _is_of_others(directory: str) -> bool:
    """Whether it is in use, and not by us. One that cannot be looked into gets the benefit of the doubt."""
    try:
        names = {*os.listdir(directory)} - {"lost+found"}  # a file system has that from the beginning
    except OSError:
        return False
    return bool(names) and not OURS & names


def _trimmed(path: str) -> str:
    """Without what would make the kernel follow a symlink in the last place: ``data/``, ``data/.``."""
    while len(path) > 1 and path.endswith(("/", "/.")):
        path = path.removesuffix(".").rstrip("/") or "/"
    return path


def _canonical(path: str) -> str:
    """Absolute, symlinks resolved but for one in the last place, which is to be refused, not followed.

    Raises: DataDirError.
    """
    parent, name = os.path.split(path)
    try:
        if name in ("", os.curdir, os.pardir):
            return os.path.realpath(path)
        return os.path.join(os.path.realpath(parent), name)
    except FileNotFoundError as error:  # from getcwd(2), as realpath itself takes what is missing
        raise DataDirError(
            f"cannot tell where the data directory {path} is: the working directory was deleted",
            "Change to one that exists, or give --data an absolute path.",
        ) from error


def _make_directories(path: str) -> None:
    if os.path.lexists(path):
        return
    _make_directories(os.path.dirname(path))
    try:
        os.mkdir(path, DIRECTORY_MODE)
    except FileExistsError:
        return
    os.chmod(path, DIRECTORY_MODE)


def _become(uid: int, gid: int) -> None:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        os.setgroups([])
        os.setgid(gid)
    else:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.environ.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
    os.setuid(uid)


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except FileNotFoundError:
        return False


def _read_pid(fd: int) -> int:
    text = os.pread(fd, 32, 0).strip()
    return int(text) if text.isdigit() else 0


def _write_pid(fd: int) -> None:
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        # The lock is what counts: a full disk must not keep services down for want of a number.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
