"""A small configuration to begin with, written where a person who has none says so.

Must never write over anything, nor without consent. Called by ``alone``.
"""

from __future__ import annotations

import os
import sys

from runwisp.errors import ConfigUnreadable
from runwisp.printable import printable

TEXT = """\
# What RunWisp runs. `runwisp validate` checks this file; the daemon reads it when it starts.

[tasks.hello]
cron = "* * * * *"
run = "echo hello from $RUNWISP_TASK"

# [tasks.backup]
# cron = "30 2 * * *"
# run = "./backup.sh"
# timeout = "1h"
# retry_attempts = 3

# [services.worker]
# run = "./worker"
"""
MODE = 0o644
YES = frozenset({"y", "yes"})


def offer(path: str) -> None:
    """Asks on the terminal whether to write one. Raises: ConfigUnreadable when it is not there in the end."""
    shown = printable(path)
    print(f"There is no {shown} yet.")
    print("A small one to begin with has one task, which says hello every minute.")
    if _answer("Write it? [y/N] ") not in YES:
        raise ConfigUnreadable(f"there is no configuration {path}", "Write one, or name it with --config.")
    _write(path)
    print(f"Wrote {shown}.", flush=True)


def _answer(question: str) -> str:
    try:
        return input(question).strip().lower()
    except (EOFError, UnicodeDecodeError):  # ctrl-D, or what is no letter
        print()
        return ""


def is_wanted(path: str) -> bool:
    """Whether there is nothing at the path, and a person who can be asked."""
    return not os.path.lexists(path) and all(os.isatty(stream.fileno()) for stream in (sys.stdin, sys.stdout))


def _write(path: str) -> None:
    try:
        with open(path, "x", opener=_new) as file:
            file.write(TEXT)
    except OSError as error:
        raise ConfigUnreadable(
            f"cannot write {path}: {error.strerror}", "Name another place with --config."
        ) from error


def _new(path: str, flags: int) -> int:
    """Through no symlink, as O_EXCL takes none."""
    return os.open(path, flags, MODE)
