"""The one tree of errors, each with a stable code that API, command line and docs share.

An error says what is wrong (``message``) and what to do next (``hint``). Only edges (a command's
main, a route) turn one into an exit code, an HTTP status or a line of log.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from runwisp.configproblem import Problem
from runwisp.frozen import frozen
from runwisp.printable import clipped


class RunWispError(Exception):
    """Something a person can act on."""

    code = "error"
    retry_after = 0
    """Seconds after which the same may succeed; 0 if waiting does not help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(RunWispError):
    """The command line cannot be carried out as written."""

    code = "usage"


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


class UnknownCursor(RunWispError):
    """A list has no page that begins there."""

    code = "unknown_cursor"


class UnknownNotice(RunWispError):
    """The bell has no row with that id."""

    code = "unknown_notice"


class UnknownNotifier(RunWispError):
    """No notifier with that id is in the configuration."""

    code = "unknown_notifier"


class NotDelivered(RunWispError):
    """A message did not reach its channel, which may ask to be left alone for ``retry_after_ms``.

    Quotes others as they are: only ``deliver.attempt`` takes out secrets, and cuts after that.
    """

    code = "not_delivered"

    def __init__(self, message: str, *, is_final: bool, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.is_final = is_final
        self.retry_after_ms = retry_after_ms


class Refused(RunWispError):
    """The daemon understood the wish and does not carry it out; the message says what to do instead."""

    code = "refused"


class TriggerForbidden(Refused):
    """The configuration says that only the schedule starts it."""

    code = "trigger_forbidden"


class DaemonStarting(Refused):
    """The daemon still ends what a former one left running, and starts nothing yet."""

    code = "daemon_starting"
    retry_after = 1


class DaemonStopping(Refused):
    """The daemon is on its way down and starts nothing any more."""

    code = "daemon_stopping"


class NotStarted(Refused):
    """Everything runs that may run beside one another: the run was skipped, or found the queue full."""

    code = "not_started"


class RunUnfinished(Refused):
    """The run is running or waiting, and so cannot be deleted."""

    code = "run_unfinished"


class InvalidChallenge(RunWispError):
    """The challenge of a login is unknown, was used, or has expired."""

    code = "invalid_challenge"


class InvalidPassword(RunWispError):
    """The answer to a challenge was not made with the password."""

    code = "invalid_password"


class InvalidTicket(RunWispError):
    """The one-time ticket of a browser is unknown, was used, or has expired."""

    code = "invalid_ticket"


class TooManyAttempts(RunWispError):
    """Too many logins failed from one address."""

    code = "too_many_attempts"

    def __init__(self, message: str, hint: str = "", retry_after: int = 0) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class PasswordUnusable(RunWispError):
    """What is to be the password is there, but is none."""

    code = "password_unusable"


class CannotListen(RunWispError):
    """The daemon cannot listen at the address it was given."""

    code = "cannot_listen"


class PortInUse(CannotListen):
    """Another process listens there already."""

    code = "port_in_use"


class OtherDaemon(CannotListen):
    """A daemon of another data directory listens there already."""

    code = "other_daemon"


@frozen
class Fault:
    """One thing wrong with a request: ``where`` is the parameter or the field of the body."""

    where: str
    message: str


class RequestInvalid(RunWispError):
    """A request that cannot be understood; carries every fault found."""

    code = "request_invalid"

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class NotLoggedIn(RunWispError):
    """The request carries no token that counts."""

    code = "not_logged_in"


class CrossSite(RunWispError):
    """The page of another site asked for a change, by means of a person's browser."""

    code = "cross_site"


class NotLocal(RunWispError):
    """Answered only to this very machine, and not through a proxy."""

    code = "not_local"


class UnknownPath(RunWispError):
    """The API has nothing at that path, or the dashboard no such file."""

    code = "unknown_path"


class MethodNotAllowed(RunWispError):
    """What is at that path does not take this method."""

    code = "method_not_allowed"

    def __init__(self, message: str, hint: str = "", allowed: str = "") -> None:
        super().__init__(message, hint)
        self.allowed = allowed


class TooManyConnections(RunWispError):
    """All connections that may be open at once are waiting for their answers."""

    code = "too_many_connections"
    retry_after = 1


class TooManyStreams(RunWispError):
    """So many live streams are open that no other one is begun."""

    code = "too_many_streams"
    retry_after = 5


class RangeUnsatisfiable(RunWispError):
    """None of the bytes that were asked for are there; ``size`` is how many there are."""

    code = "range_unsatisfiable"

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class SearchTooLong(RunWispError):
    """A regular expression that takes for ever on one of the lines."""

    code = "search_too_long"


class SearchStuck(RunWispError):
    """A search that got nowhere, though it did not reckon: its disk does not answer."""

    code = "search_stuck"


class SearchBusy(RunWispError):
    """As many searches as may run at a time are under way."""

    code = "search_busy"
    retry_after = 1


class DaemonSilent(RunWispError):
    """The daemon did not answer a question in time."""

    code = "daemon_silent"


class Internal(RunWispError):
    """A bug; the daemon's log has the rest."""

    code = "internal"


class DaemonFailed(RunWispError):
    """A daemon that was started in the background did not come up."""

    code = "daemon_failed"


class Unreachable(RunWispError):
    """No daemon answers at the address that a command asks."""

    code = "unreachable"


class NoPassword(RunWispError):
    """A command has to log in and finds no password."""

    code = "no_password"


class NoTerminal(RunWispError):
    """The console needs a terminal, and has none that it can use."""

    code = "no_terminal"


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


class QueryTooLong(HistoryError):
    """What was asked of the history means reading too much of it."""

    code = "query_too_long"


class HistoryBusy(HistoryError):
    """Another long look at the history is under way."""

    code = "history_busy"
    retry_after = 1


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


def told(code: str, message: str, hint: str = "", retry_after: int = 0) -> RunWispError:
    """The error of that code, as another process told of it.

    What an error carries beside these is for its own process and is not there.
    """
    kind = _by_code(RunWispError).get(code, RunWispError)
    error = kind.__new__(kind)
    RunWispError.__init__(error, message, hint)
    error.retry_after = retry_after
    return error


def _by_code(kind: type[RunWispError]) -> dict[str, type[RunWispError]]:
    found = {kind.code: kind}
    for each in kind.__subclasses__():
        found |= _by_code(each)
    return found
