"""Starting processes: those of runs, and the daemon's own helpers.

The one home of ``os.posix_spawn``. Everything that a process inherits is decided here; nothing is waited for,
and no Python ever runs between fork and exec. Called by the daemon and by `exec`, which is one. Never to be
used in a process with threads: for the instant of a spawn it changes what the whole process has.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from runwisp import accounts, dotenv, environment
from runwisp.accounts import Account
from runwisp.chain import Command, Identity, guarded
from runwisp.command import is_bypassed, plain_words, shell_argv
from runwisp.errors import LaunchError
from runwisp.mounts import Mounts
from runwisp.procfs import start_ticks
from runwisp.program import exec_error, find_program, obstacle, reason
from runwisp.run import Run
from runwisp.task import AnyTask

ENV_FILE_MAX = 1024 * 1024
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
LINK_FD = 3
ALL_SIGNALS = tuple(signal.valid_signals())
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Launched:
    """A process and the read ends of its output, non-blocking; whoever gets it reaps it and closes them."""

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
        self._mounts = Mounts()
        self._our_limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._their_limits = (open_files, self._our_limits[1])

    def close(self) -> None:
        os.close(self._cwd_fd)
        os.close(self._null_fd)
        self._mounts.close()

    def launch(self, definition: AnyTask, run: Run) -> Launched:
        """Start a run.

        Raises: LaunchError. Invariant: then neither a process nor a descriptor is left of the attempt.
        """
        account = accounts.find(definition.user) if definition.user else None
        env = self._environment(definition, run, account)
        if definition.working_dir != self._cwd and self._mounts.is_local(definition.working_dir):
            _check_directory(definition.working_dir)
        program = self._program(definition, env)
        if program:
            try:
                return self._start(definition, program, account, env)
            except OSError as error:
                if error.errno != errno.ENOEXEC:
                    raise _failed(program, error) from error
        shell = self._shell(definition)
        try:
            return self._start(definition, shell, account, env)
        except OSError as error:
            raise _failed(shell, error) from error

    def _environment(self, definition: AnyTask, run: Run, account: Account | None) -> dict[str, str]:
        """PWD is set as a shell would: the daemon's own names another folder."""
        return {
            **self._inherited,
            "PWD": definition.working_dir,
            **(accounts.variables(account) if account else {}),
            **(read_env_file(definition.env_file) if definition.env_file else {}),
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
        shell = definition.shell
        if self._mounts.is_local(shell) and (number := obstacle(shell)):
            raise exec_error(shell, number)
        return Command(shell, shell_argv(shell, definition.run))

    def _start(
        self, definition: AnyTask, command: Command, account: Account | None, env: dict[str, str]
    ) -> Launched:
        """Raises: OSError when the last program of the chain that is ours to start cannot be."""
        directory = definition.working_dir if definition.working_dir != self._cwd else None
        remote = directory if directory and not self._mounts.is_local(directory) else None
        path = os.path.join(definition.working_dir, command.path)
        if account or remote or not self._mounts.is_local(path):
            command, env = guarded(command, env, remote, _identity(account) if account else None)
        return self._spawn(command, env, None if remote else directory, definition.umask)

    def _spawn(
        self, command: Command, env: Mapping[str, str], directory: str | None, umask: int | None
    ) -> Launched:
        out_read, out_write, err_read, err_write = _pipes()
        try:
            with self._lent(directory, umask):
                pid = os.posix_spawn(
                    command.path,
                    command.argv,
                    env,
                    file_actions=(
                        (os.POSIX_SPAWN_DUP2, self._null_fd, 0),
                        (os.POSIX_SPAWN_DUP2, out_write, 1),
                        (os.POSIX_SPAWN_DUP2, err_write, 2),
                    ),
                    setsid=True,
                    setsigmask=(),
                    setsigdef=ALL_SIGNALS,
                )
        except BaseException:
            _close(out_read, err_read)
            raise
        finally:
            _close(out_write, err_write)
        return Launched(pid, start_ticks(pid) or 0, out_read, err_read)

    @contextmanager
    def _lent(self, directory: str | None, umask: int | None) -> Iterator[None]:
        """What posix_spawn cannot set for a child, it inherits from us: we have it for that instant.

        The soft limit of open files is why stdin is a dup2 of an open /dev/null: opening it in the child
        could find no free number below a limit that our own descriptors fill already (setrlimit(2)).
        """
        former = os.umask(umask) if umask is not None else None
        try:
            if directory is not None:
                _enter(directory)
            resource.setrlimit(resource.RLIMIT_NOFILE, self._their_limits)
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, self._our_limits)
            if directory is not None:
                os.fchdir(self._cwd_fd)
            if former is not None:
                os.umask(former)


def start_helper(module: str, link_fd: int) -> int:
    """Run ``main(fd)`` of one of our modules in an interpreter of its own, with a link as its descriptor 3.

    It has our environment, module path and standard output, and is born with the stop signals blocked: those
    that reach the whole group are not for it. Raises: LaunchError.
    """
    path = [folder for folder in sys.path if folder]
    script = f"import sys; sys.path[:] = {path!r}; from {module} import main; sys.exit(main({LINK_FD}))"
    command = Command(sys.executable, (sys.executable, "-I", "-S", "-c", script))
    try:
        return os.posix_spawn(
            command.path,
            command.argv,
            os.environ,
            file_actions=(
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, link_fd, LINK_FD),
            ),
            setsigmask=STOP_SIGNALS,
            setsigdef=ALL_SIGNALS,
        )
    except OSError as error:
        raise _failed(command, error) from error


def read_env_file(path: str) -> dict[str, str]:
    """The variables in an ``env_file``.

    Raises: LaunchError naming file and line, and never quoting what is there. Opened so that a FIFO cannot
    hang us.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise _refused(f"env_file {path}: not a regular file")
            content = file.read(ENV_FILE_MAX + 1)
        if len(content) > ENV_FILE_MAX:
            raise _refused(f"env_file {path}: longer than {ENV_FILE_MAX} bytes")
        return dotenv.parse(content)
    except OSError as error:
        raise _refused(f"env_file {path}: {reason(error.errno or 0)}") from error
    except dotenv.DotenvError as error:
        raise _refused(f"env_file {path}:{error.line}: {error.message}") from error


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


def _enter(directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise _refused(f"working_dir {directory}: {reason(error.errno or 0)}") from error


def _refused(line: str) -> LaunchError:
    return LaunchError(line, log_line=line)


def _failed(command: Command, error: OSError) -> LaunchError:
    """That a file we found is not there means that what it needs to be run is not."""
    number = error.errno or 0
    missing = number == errno.ENOENT and "the file is there: the interpreter it names is not"
    return exec_error(command.path, number, missing or "")


def _pipes() -> list[int]:
    """Read and write end of two pipes. Only the read ends never block: the others are the run's."""
    fds: list[int] = []
    try:
        for _ in range(2):
            fds += os.pipe2(os.O_CLOEXEC)
            os.set_blocking(fds[-2], False)
    except OSError:
        _close(*fds)
        raise
    return fds


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)
