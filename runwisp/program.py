"""Finding a program, and what to say when one cannot be executed.

Looks at files, never runs one. Called by ``launch``. Source: POSIX 2.9.1.4 (command search and execution).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from runwisp.errors import LaunchError

EXIT_MISSING = 127
EXIT_NOT_EXECUTABLE = 126

_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
_NOT_EXECUTABLE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOEXEC, errno.ETXTBSY, errno.ELIBBAD, errno.EINVAL}
)
_ADVICE = {
    errno.ENOENT: "is it installed, and in the PATH of the run?",
    errno.EACCES: "is it executable (chmod +x) for the user of the run?",
    errno.EISDIR: "name a program in it",
    errno.EAGAIN: "no more processes are allowed (ulimit -u, or pids.max of the control group)",
    errno.ENOMEM: "there is not enough memory for another process",
    errno.E2BIG: "`run` and the environment are longer together than the kernel takes",
    errno.EMFILE: "the daemon has as many files open as it may (raise its LimitNOFILE or ulimit -n)",
    errno.ENFILE: "this machine has as many files open as it may (fs.file-max)",
}


def find_program(word: str, path: str, directory: str, is_local: Callable[[str], bool]) -> str | None:
    """The file that a shell in ``directory`` would execute for ``word``, given the PATH ``path``.

    None when the search meets a file system that may hang.
    Raises: LaunchError when there is nothing to execute.
    """
    if "/" in word:
        full = os.path.join(directory, word)
        if not is_local(full):
            return None
        if number := obstacle(full):
            raise exec_error(word, number)
        return word
    denied = ""
    for folder in path.split(":"):
        found = f"{folder or '.'}/{word}"
        full = os.path.join(directory, found)
        if not is_local(full):
            return None
        number = obstacle(full)
        if not number:
            return found
        if number == errno.EACCES:
            denied = denied or found
    raise exec_error(denied, errno.EACCES) if denied else exec_error(word, errno.ENOENT)


def obstacle(path: str) -> int:
    """The error number that keeps us from executing a file, 0 for none."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        assert error.errno
        return error.errno
    if stat.S_ISDIR(mode):
        return errno.EISDIR
    return 0 if stat.S_ISREG(mode) and os.access(path, os.X_OK) else errno.EACCES


def exec_error(path: str, number: int, advice: str = "") -> LaunchError:
    """The error of a program that could not be executed, with the exit code a shell would give."""
    line = f"exec: {path}: {reason(number)}"
    advice = advice or _ADVICE.get(number, "")
    code = EXIT_MISSING if number in _MISSING else EXIT_NOT_EXECUTABLE if number in _NOT_EXECUTABLE else -1
    return LaunchError(f"{line} ({advice})" if advice else line, code, line)


def reason(number: int) -> str:
    """An error number in words, to stand inside a sentence."""
    return os.strerror(number).lower()
