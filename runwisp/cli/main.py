"""The command line: global flags, the table of commands, and the edge where an error becomes an exit code.

Imports only the module of the command that was asked for, as starting up is what a command mostly costs.
A command module has ``HELP``, ``configure(parser)``, which adds its own flags, and ``run(flags)``, which
returns the exit code or raises a RunWispError; nothing but this module turns one into text.
"""

from __future__ import annotations

import runwisp.unloaded  # noqa: F401  before all others, as it keeps some of theirs away

# isort: split

import argparse
import errno
import os
import select
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from types import ModuleType

from runwisp.errors import RunWispError, UsageError
from runwisp.printable import printable
from runwisp.version import VERSION

COMMANDS = {
    "daemon": "run tasks and services, in the foreground",
    "exec": "run one task here and now, without a daemon",
    "list": "show every task and service of the configuration",
    "logs": "show what a run printed",
    "next": "show when a task fires next",
    "notify-test": "send a test message through a notifier",
    "openapi": "print the OpenAPI document of the API",
    "restart": "restart a service",
    "run-task": "start a task in the running daemon",
    "runs": "show what ran, when, and how it ended",
    "status": "show how the daemon and its tasks fare",
    "stop": "stop a service, the runs of a task, or the daemon",
    "tui": "show the console of a running daemon",
    "validate": "check the configuration and show every problem",
}
"""Each in the module of its name beside this one, dashes being underscores."""

NONE_GIVEN = "alone"
"""The module of the command line without a command."""

HOST = "127.0.0.1"
PORT = 9477
HIGHEST_PORT = 65_535
LEVELS = ("debug", "info", "warn", "error")
FORMATS = ("text", "json")
SYSTEM_CONFIG = "/etc/runwisp/runwisp.toml"
"""Where it is, root without flags means the daemon of the system."""

SUCCESS = 0
FAILURE = 1
WRONG_USAGE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

NOT_TAKEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What write(2) says of a disk that does not take what is written."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line; the exit code."""
    _open_standard_streams()
    try:
        return _flushed(_command(sys.argv[1:] if argv is None else argv))
    except RunWispError as error:
        _complain(str(error))
        return WRONG_USAGE if isinstance(error, UsageError) else FAILURE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError as error:
        return _silenced(BROKEN_PIPE) if _is_reader_gone() else _failed(error)
    except OSError as error:
        # Whoever writes a file makes such an error a typed one: this was the output.
        return _unwritten(error, FAILURE) if error.errno in NOT_TAKEN else _failed(error)
    except Exception as error:
        return _failed(error)


def _command(argv: Sequence[str]) -> int:
    try:
        flags = _parser(argv).parse_args(argv)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else FAILURE
    _complete(flags)
    code: int = _module(flags.command or NONE_GIVEN).run(flags)
    return code


def _module(command: str) -> ModuleType:
    return import_module(f"runwisp.cli.{command.replace('-', '_')}")


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="runwisp",
        description="Runs scheduled tasks and always-on services, and keeps what each run did and printed. "
        "Without a command: shows the console of the daemon, which is started in the background where there "
        "is none.",
        epilog="'runwisp COMMAND --help' explains a command.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"runwisp {VERSION}")
    _add_global_flags(parser.add_argument)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, allow_abbrev=False)
        if name in argv:
            module = _module(name)
            command.description = module.HELP
            module.configure(command)
            _add_global_flags(command.add_argument_group("global options").add_argument)
    return parser


def _add_global_flags(add: Callable[..., argparse.Action]) -> None:
    """Without defaults, as those of a command's parser would undo what stood before the command."""

    def flag(*names: str, **rest: object) -> None:
        add(*names, default=argparse.SUPPRESS, **rest)

    flag("-c", "--config", metavar="FILE", help="the configuration (default: runwisp.toml; RUNWISP_CONFIG)")
    flag("--data", metavar="DIR", help="the data directory (default: data; RUNWISP_DATA)")
    flag("--host", metavar="ADDRESS", help=f"where the daemon listens (default: {HOST}; RUNWISP_HOST)")
    flag("-p", "--port", help=f"the port it listens on (default: {PORT}; RUNWISP_PORT)")
    flag("--log-level", choices=LEVELS, help="how much the daemon says (default: info; RUNWISP_LOG_LEVEL)")
    flag("--log-format", choices=FORMATS, help="how it says it (default: text; RUNWISP_LOG_FORMAT)")


def _complete(flags: argparse.Namespace) -> None:
    """Fill in the global flags that were not given: from the environment, else by default.

    Raises: UsageError for a value that cannot be.
    """
    is_bare = _given(flags, "config") is None and _given(flags, "data") is None
    if is_bare and os.geteuid() == 0 and os.path.exists(SYSTEM_CONFIG):
        import_module("runwisp.systemservice").adopt(os.environ)
    flags.config = _given(flags, "config") or "runwisp.toml"
    flags.data = _given(flags, "data") or "data"
    flags.host = _given(flags, "host") or HOST
    flags.port = _port(_given(flags, "port"))
    flags.log_level = _given(flags, "log_level", LEVELS) or "info"
    flags.log_format = _given(flags, "log_format", FORMATS) or "text"


def _given(flags: argparse.Namespace, name: str, choices: Sequence[str] = ()) -> str | None:
    """What was asked for by flag or, failing that, by variable; an empty variable is none at all."""
    flag: str | None = getattr(flags, name, None)
    if flag is not None:
        if not flag:
            raise UsageError(f"--{name.replace('_', '-')} is empty")
        return flag
    variable = f"RUNWISP_{name.upper()}"
    value = os.environ.get(variable) or None
    if value and choices and value not in choices:
        raise UsageError(f"{variable} is {value!r}; it can be {', '.join(choices)}")
    return value


def _port(text: str | None) -> int:
    """Port 0 is any free one, for a daemon."""
    if text is None:
        return PORT
    if not (text.isdecimal() and text.isascii() and len(text) <= 5 and int(text) <= HIGHEST_PORT):
        raise UsageError(f"{text!r} is not a port: it is a number up to {HIGHEST_PORT}")
    return int(text)


def _complain(text: str) -> None:
    # With its reader gone there is nobody left to tell; the exit code still says it.
    lines = [printable(line, longest=len(line)) for line in text.split("\n")]
    with suppress(OSError):
        print(*lines, sep="\n", file=sys.stderr, flush=True)


def _failed(error: Exception) -> int:
    if not os.access(os.__file__, os.R_OK):  # by the owner of a data directory, whom root became
        _complain(
            f"user id {os.geteuid()}, whose data directory this is, may not read {os.__file__}\n"
            "Install Python and RunWisp where that user can read them."
        )
        return FAILURE
    sys.excepthook(type(error), error, error.__traceback__)
    _complain(
        f"\nrunwisp {VERSION} failed in a way it should not: this is a bug, not a mistake of yours.\n"
        "Please report it with the lines above and what you did; take secrets out first."
    )
    return FAILURE


def _is_reader_gone() -> bool:
    """Whether it was our output that broke, and not some other pipe or socket."""
    output = select.poll()
    output.register(1, 0)
    return any(events & select.POLLERR for _, events in output.poll(0))


def _open_standard_streams() -> None:
    """See to it that 0, 1 and 2 are open: else the next file opened, say the database, would be stderr.

    Also lets odd names be printed in any locale.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Of a closed descriptor Python makes no stream at all.
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _flushed(code: int) -> int:
    """The exit code once all output is out: what could not be written is an error as well."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        return _unwritten(error, code or FAILURE)
    return code


def _unwritten(error: OSError, code: int) -> int:
    _complain(f"cannot write the output: {error.strerror}")
    return _silenced(code)


def _silenced(code: int) -> int:
    """Let the interpreter's last flush, which would complain on stderr, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return code
