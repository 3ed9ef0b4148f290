"""Starting the processes of runs.

The home of ``os.posix_spawn``. Everything that a process inherits is decided here; nothing is waited for,
and no Python ever runs between fork and exec. Called by the daemon and by `exec`, which is one. Never to be
used in a process with threads: for the instant of a spawn it changes what the whole process has.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from runwisp import accounts, dotenv, environment
from runwisp.accounts import Account
from runwisp.chain import Command, Identity, guarded
from runwisp.command import is_bypassed, plain_words, shell_argv
from runwisp.errors import LaunchError
from runwisp.frozen import frozen
from runwisp.mounts import Mounts
from runwisp.procfs import start_ticks
from runwisp.program import exec_error, find_program, is_safe, reason
from runwisp.run import Run
from runwisp.task import AnyTask

ENV_FILE_MAX = 1024 * 1024
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SPARE_FDS = 32
"""Descriptors that no run gets. At its very limit a daemon could not look into /proc nor replace its pump,
which for its part has some more open than the daemon.
"""
ALL_SIGNALS = tuple(signal.valid_signals())


@frozen
class Launched:
    """A process and the read ends of its output, non-blocking; whoever gets it reaps it and closes them.

    ``pid_started`` in clock ticks since boot, 0 where unknown.
    """

    pid: int
    pid_started: int
    stdout_fd: int
    stderr_fd: int


class Launcher:
    """Starts processes of runs.

    ``base_env`` is the daemon's own environment, ``hidden`` the names of secrets in it, ``data_dir`` is
    absolute, ``open_files`` the soft limit that runs get, ``cwd`` the daemon's current directory.
    """

    def __init__(
        self, base_env: Mapping[str, str], hidden: frozenset[str], data_dir: str, open_files: int, cwd: str
    ) -> None:
        self._inherited = environment.inherited(base_env, hidden)
        self._data_dir = data_dir
        self._cwd = cwd
        self._cwd_fd = os.open(cwd, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._null_fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._stdout_fd, self._stderr_fd = os.dup(self._null_fd), os.dup(self._null_fd)
        self._mounts = Mounts()
        self._our_limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._their_limits = (open_files, self._our_limits[1])

    def close(self) -> None:
        _close(self._cwd_fd, self._null_fd, self._stdout_fd, self._stderr_fd)
        self._mounts.close()

    def launch(self, definition: AnyTask, run: Run) -> Launched:
        """Start a run.

        Raises: LaunchError. Invariant: then neither a process nor a descriptor is left of the attempt.
        """
        account = accounts.find(definition.user) if definition.user else None
        env = self._environment(definition, run, account)
        is_near = self._mounts.is_local(definition.working_dir)
        if is_near:
            _check_directory(definition.working_dir)
        program = self._program(definition, env)
        if program and (launched := self._start(definition, program, is_near, account, env)):
            return launched
        shell = self._shell(definition)
        if launched := self._start(definition, shell, is_near, account, env):
            return launched
        raise exec_error(shell.path, errno.ENOEXEC)

    def _environment(self, definition: AnyTask, run: Run, account: Account | None) -> dict[str, str]:
        """PWD is set as a shell would: the daemon's own names another folder."""
        return {
            **self._inherited,
            "PWD": definition.working_dir,
            **(accounts.variables(account) if account else {}),
            **(read_env_file(definition.env_file, _trusted(account)) if definition.env_file else {}),
            **definition.env,
            **environment.told(definition, run, self._data_dir),
        }

    def _program(self, definition: AnyTask, env: Mapping[str, str]) -> Command | None:
        """The program of a plain command; None when the shell must see to it."""
        words = plain_words(definition.run) if is_bypassed(definition.shell, env) else None
        if not words or "PATH" not in env:
            return None
        path = find_program(words[0], env["PATH"], definition.working_dir, self._mounts.is_local)
        return Command(path, words) if path else None

    def _shell(self, definition: AnyTask) -> Command:
        may_hang = not is_safe(definition.shell, "/", self._mounts.is_local)
        return Command(definition.shell, shell_argv(definition.shell, definition.run), may_hang)

    def _start(
        self,
        definition: AnyTask,
        command: Command,
        is_near: bool,
        account: Account | None,
        env: dict[str, str],
    ) -> Launched | None:
        """None when the kernel does not know the file for a program, which makes it a script for the shell.

        ``is_near``: the working directory is on a local file system. Raises: LaunchError.
        """
        directory = definition.working_dir
        far = directory if not is_near and directory != self._cwd else None
        link = command
        if account or command.may_hang or far:
            link, env = guarded(command, env, far, _identity(account) if account else None)
        try:
            return self._spawn(link, env, directory if is_near else None, definition.umask)
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                return None
            raise exec_error(command.path, error.errno or 0) from error
        except ValueError as error:
            raise _refused(
                "a NUL character in `run`, `env` or `env_file`: no process can be given it"
            ) from error

    def _spawn(
        self, command: Command, env: Mapping[str, str], directory: str | None, umask: int | None
    ) -> Launched:
        fds: list[int] = []
        try:
            fds.append(_pipe_into(self._stdout_fd))
            fds.append(_pipe_into(self._stderr_fd))
            if max(fds) >= self._our_limits[0] - SPARE_FDS:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            with self._lent(directory, umask):
                pid = os.posix_spawn(
                    command.path,
                    command.argv,
                    env,
                    file_actions=(
                        (os.POSIX_SPAWN_DUP2, self._null_fd, 0),
                        (os.POSIX_SPAWN_DUP2, self._stdout_fd, 1),
                        (os.POSIX_SPAWN_DUP2, self._stderr_fd, 2),
                    ),
                    setsid=True,
                    setsigmask=(),
                    setsigdef=ALL_SIGNALS,
                )
        except BaseException:
            _close(*fds)
            raise
        finally:
            for fd in (self._stdout_fd, self._stderr_fd):
                os.dup2(self._null_fd, fd, inheritable=False)
        return Launched(pid, _start_ticks(pid), *fds)

    @contextmanager
    def _lent(self, directory: str | None, umask: int | None) -> Iterator[None]:
        """What posix_spawn cannot set for a child, it inherits from us: we have it for that instant.

        The soft limit of open files is why the child opens nothing, and why what it gets has low numbers that
        we keep: glibc refuses actions on numbers above the limit of that moment, which our own may well be.
        """
        _enter(self._cwd_fd, self._cwd)  # that we can come back is known before we leave
        former = os.umask(umask) if umask is not None else None
        try:
            if directory is not None:
                _enter(directory, directory)
            resource.setrlimit(resource.RLIMIT_NOFILE, self._their_limits)
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, self._our_limits)
            os.fchdir(self._cwd_fd)
            if former is not None:
                os.umask(former)


def read_env_file(path: str, trusted: Collection[int] | None = None) -> dict[str, str]:
    """The variables in an ``env_file``, which only the ``trusted`` users, where given, may be able to write:
    whoever can decides which programs are found and what is loaded into them.

    Raises: LaunchError naming file and line, and never quoting what is there. Opened so that a FIFO cannot
    hang us.
    """
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _refused(f"env_file {path}: not a regular file")
            if trusted is not None and (status.st_uid not in trusted or status.st_mode & WRITABLE_BY_OTHERS):
                mode = f"{stat.S_IMODE(status.st_mode):04o}"
                raise _refused(
                    f"env_file {path}: users that this run does not belong to may write it (owner "
                    f"{status.st_uid}, mode {mode}); give it to root and close it: chmod go-w"
                )
            content = file.read(ENV_FILE_MAX + 1)
        if len(content) > ENV_FILE_MAX:
            raise _refused(f"env_file {path}: longer than {ENV_FILE_MAX} bytes")
        return dotenv.parse(content)
    except OSError as error:
        raise _refused(f"env_file {path}: {reason(error.errno or 0)}") from error
    except dotenv.DotenvError as error:
        raise _refused(f"env_file {path}:{error.line}: {error.message}") from error


def _trusted(account: Account | None) -> Collection[int] | None:
    """Whose env_file a run may take its environment from; anyone's where we are not root."""
    if os.geteuid() != 0:
        return None
    return {0, account.uid} if account else {0}


def _identity(account: Account) -> Identity:
    setpriv = find_program("setpriv", SYSTEM_PATH, "/", lambda _: True)
    assert setpriv
    return Identity(setpriv, account.uid, account.gid)


def _check_directory(directory: str) -> None:
    try:
        mode = os.stat(directory).st_mode
    except OSError as error:
        raise _refused(f"working_dir {directory}: {reason(error.errno or 0)}") from error
    if not stat.S_ISDIR(mode):
        raise _refused(f"working_dir {directory}: {reason(errno.ENOTDIR)}")


def _enter(directory: str | int, name: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise _refused(f"working_dir {name}: {reason(error.errno or 0)}") from error


def _start_ticks(pid: int) -> int:
    """0 where /proc does not tell, be it that this machine has as many files open as it may: what has started
    is no failure, and whoever finds 0 knows the process by its environment.
    """
    try:
        return start_ticks(pid) or 0
    except OSError:
        return 0


def _refused(line: str) -> LaunchError:
    return LaunchError(line, log_line=line)


def _pipe_into(number: int) -> int:
    """A new pipe with its write end at ``number``; the read end, which alone never blocks."""
    read, write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read, False)
    os.dup2(write, number, inheritable=False)
    os.close(write)
    return read


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)
