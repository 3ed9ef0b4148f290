"""The one tree of errors, each with a stable code that API, command line and docs share.

An error says what is wrong (``message``) and what to do next (``hint``). Only edges (a command's
main, a route) turn one into an exit code, an HTTP status or a line of log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from runwisp.printable import clipped


class RunWispError(Exception):
    """Something a person can act on."""

    code = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(RunWispError):
    """The command line cannot be carried out as written."""

    code = "usage"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a configuration file, at a line and column counted from 1."""

    line: int
    column: int
    key: str
    message: str

    def spelled(self, path: str, label: str = "") -> str:
        """``label`` comes before key and message, such as "warning: "."""
        where = f"{self.key}: " if self.key else ""
        return f"{path}:{self.line}:{self.column}: {label}{where}{self.message}"


class ConfigError(RunWispError):
    """A configuration that cannot be used; carries every problem found, in file order."""

    code = "config_invalid"

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem.spelled(path) for problem in problems))
        self.path = path
        self.problems = tuple(problems)


class ConfigUnreadable(RunWispError):
    """The configuration file is missing, unreadable or not to be trusted."""

    code = "config_unreadable"


class UnknownTask(RunWispError):
    """No task or service of that name is in the configuration."""

    code = "unknown_task"


class NoSchedule(RunWispError):
    """The task or service has no schedule to be asked about."""

    code = "no_schedule"


class UnknownRun(RunWispError):
    """No run with that id is in the history."""

    code = "unknown_run"


class Refused(RunWispError):
    """The daemon understood the wish and does not carry it out; the message says what to do instead."""

    code = "refused"


class DataDirError(RunWispError):
    """The data directory cannot be used."""

    code = "data_dir"


class SymlinkRefused(DataDirError):
    """A file that may hold a secret would have been reached through a symlink."""

    code = "symlink_refused"


class DataDirLocked(DataDirError):
    """Another daemon holds the data directory."""

    code = "data_dir_locked"


class HistoryError(RunWispError):
    """The database cannot be opened."""

    code = "history"


class HistoryTooNew(HistoryError):
    """The database was written by a newer version."""

    code = "history_too_new"


class HistoryMalformed(HistoryError):
    """What lies in the database's file is not a database any more, or not ours."""

    code = "history_malformed"


class Obstacle(StrEnum):
    """Why the database cannot be written now."""

    FULL = "full"
    READ_ONLY = "read_only"
    FAILING = "failing"
    BUSY = "busy"


class HistoryUnwritable(HistoryError):
    """The database cannot be written now; nothing of what was to be saved is in it."""

    code = "history_unwritable"

    def __init__(self, message: str, hint: str, obstacle: Obstacle) -> None:
        super().__init__(message, hint)
        self.obstacle = obstacle


class LaunchError(RunWispError):
    """A process could not be started.

    ``exit_code`` is what the run ends with: 127 program missing, 126 not executable, -1 anything
    else. ``log_line`` is the line its log gets, empty for none. Both texts are cut when they are very long,
    as what they quote of a configuration may be.
    """

    code = "launch"
    LONGEST = 10_000

    def __init__(self, message: str, exit_code: int = -1, log_line: str = "") -> None:
        super().__init__(clipped(message, self.LONGEST))
        self.exit_code = exit_code
        self.log_line = clipped(log_line, self.LONGEST)


class LogUnavailable(RunWispError):
    """The log of a run is no longer on disk."""

    code = "log_unavailable"


class LinkClosed(RunWispError):
    """The process at the other end of a link is gone."""

    code = "link_closed"


class IllegalMove(RunWispError):
    """A state machine was asked for a move its table does not have: a bug, never a user's fault."""

    code = "illegal_move"
