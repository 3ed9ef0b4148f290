"""``runwisp stop [TASK]``: stops a service or the runs of a task, or, alone, ends the daemon.

The one command that signals a process: the daemon, known by the lock that it holds.
"""

from __future__ import annotations

import argparse
import os
import select
import shlex
import signal
import sys

from runwisp import host, procfs
from runwisp.cli.reached import reached, task_name
from runwisp.client import path
from runwisp.errors import DataDirError, Refused
from runwisp.paths import DataDir, denied

HELP = (
    "Stop a service for as long as the daemon lives, or the running and waiting runs of a task. "
    "Without TASK: end the daemon, and wait until it has stopped everything."
)

QUIET = 2000
"""Milliseconds after which a person is told what is being waited for."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "task", type=task_name, metavar="TASK", nargs="?", help="its name in the configuration"
    )


def run(flags: argparse.Namespace) -> int:
    if flags.task:
        print(reached(flags).post(path("tasks", flags.task, "stop"))["message"])
    else:
        pid = end_daemon(DataDir(flags.data))
        print(f"The daemon (pid {pid}) has stopped.")
    return 0


def end_daemon(data: DataDir) -> int:
    """The pid that it had. Raises: Refused, DataDirError."""
    data.become_owner()
    pid = _holder(data)
    try:
        fd = os.pidfd_open(pid)
        try:
            # Looked at after it was opened, so that it is this process, and no later one, that is signalled.
            if not _is_daemon(pid, data):
                raise Refused(
                    f"process {pid}, named in {data.path}/daemon.pid, is not the daemon that uses it",
                    "If that runs in a container, stop it there.",
                )
            signal.pidfd_send_signal(fd, signal.SIGTERM)
            _wait(fd, pid)
        finally:
            os.close(fd)
    except ProcessLookupError:
        return pid
    except OSError as error:
        raise Refused(f"cannot stop process {pid}: {error.strerror}", f"Try `kill {pid}`.") from error
    return pid


def _holder(data: DataDir) -> int:
    try:
        pid = data.holder()
    except DataDirError as error:
        raise denied(data, error) from error
    if pid is None:
        raise Refused(
            f"no daemon uses the data directory {data.path}", "Name the one of the daemon with --data."
        )
    if pid == 0:
        raise Refused(
            f"{data.path}/daemon.pid does not say which process the daemon is",
            f"Find it with `lsof {shlex.quote(data.pid_file)}` and end it with `kill`.",
        )
    return pid


def _is_daemon(pid: int, data: DataDir) -> bool:
    try:
        return procfs.has_open(pid, data.pid_file)
    except PermissionError:
        # What has given up root hides its descriptors, also from who has done the same, but not its name.
        return procfs.command_name(pid) == host.COMMAND_NAME


def _wait(fd: int, pid: int) -> None:
    ended = select.poll()
    ended.register(fd, select.POLLIN)
    if not ended.poll(QUIET):
        print(
            f"The daemon (pid {pid}) stops what it runs; ctrl-C ends the waiting, not the stopping.",
            file=sys.stderr,
            flush=True,
        )
        ended.poll()
