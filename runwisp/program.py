"""Finding a program, and what to say when one cannot be executed.

Looks at files, never runs one. Called by ``launch``. Source: POSIX 2.9.1.4 (command search and execution).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable

from runwisp.errors import LaunchError
from runwisp.printable import clipped

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


IsLocal = Callable[[str], bool]
"""Whether every step to an absolute path is on a file system that answers for sure."""

SHEBANG_MAX = 256
NO_LINE = re.compile(rb"[\n\0]")
"""Where the kernel stops reading the name of an interpreter, as no name can have these."""
PATH_MAX = 4096


def find_program(word: str, path: str, directory: str, is_local: IsLocal) -> str | None:
    """The file that a shell in ``directory`` would execute for ``word``, given the PATH ``path``.

    None when the search meets a file system that may hang.
    Raises: LaunchError when there is nothing to execute.
    """
    if "/" in word:
        return word if is_safe(word, directory, is_local) else None
    denied = ""
    for folder in path.split(":"):
        found = f"{folder or '.'}/{word}"
        full = os.path.join(directory, found)
        if not is_local(full):
            return None
        match _obstacle(full):
            case 0:
                return found if _has_safe_interpreter(found, directory, is_local) else None
            case errno.EACCES:
                denied = denied or found
    raise exec_error(denied, errno.EACCES) if denied else exec_error(word, errno.ENOENT)


def is_safe(path: str, directory: str, is_local: IsLocal) -> bool:
    """Whether neither a file nor the interpreter that its first line names can hang whoever executes it.

    Raises: LaunchError when it cannot be executed.
    """
    full = os.path.join(directory, path)
    if not is_local(full):
        return False
    if number := _obstacle(full):
        raise exec_error(path, number)
    return _has_safe_interpreter(path, directory, is_local)


def _has_safe_interpreter(path: str, directory: str, is_local: IsLocal) -> bool:
    named = _interpreter(os.path.join(directory, path))
    if not named:
        return True
    interpreter = os.path.join(directory, named)
    if not is_local(interpreter):
        return False
    if number := _obstacle(interpreter):
        raise exec_error(path, number, f"its first line names the interpreter {named}")
    return True


def _obstacle(path: str) -> int:
    """The error number that keeps us from executing a file, 0 for none."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        assert error.errno
        return error.errno
    if stat.S_ISDIR(mode):
        return errno.EISDIR
    return 0 if stat.S_ISREG(mode) and os.access(path, os.X_OK) else errno.EACCES


def _interpreter(path: str) -> str:
    """What a script's first line names, empty for any other file. Source: execve(2)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            first = NO_LINE.split(os.read(fd, SHEBANG_MAX), 1)[0]
        finally:
            os.close(fd)
    except OSError:
        # A program may be executed without being readable; a script, or what a disk fails to give, may not.
        return ""
    words = first[2:].split(maxsplit=1) if first.startswith(b"#!") else []
    return os.fsdecode(words[0]) if words else ""


def exec_error(path: str, number: int, advice: str = "") -> LaunchError:
    """The error of a program that could not be executed, with the exit code a shell would give."""
    line = f"exec: {clipped(path, PATH_MAX)}: {reason(number)}"
    advice = advice or _ADVICE.get(number, "")
    code = EXIT_MISSING if number in _MISSING else EXIT_NOT_EXECUTABLE if number in _NOT_EXECUTABLE else -1
    return LaunchError(f"{line} ({advice})" if advice else line, code, line)


def reason(number: int) -> str:
    """An error number in words, to stand inside a sentence."""
    return os.strerror(number).lower()
