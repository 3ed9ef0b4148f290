"""Warnings: what is allowed in a configuration and yet hardly meant, or not there on this machine yet.

Looks at files and accounts, each once, and at no file on a file system that may hang. None of it keeps a
daemon from starting. Called by ``config``, once a file has no faults.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from importlib.util import find_spec
from typing import Any

from runwisp import accounts, schedule
from runwisp.clock import Millis, spell
from runwisp.configfindings import Findings
from runwisp.errors import LaunchError
from runwisp.mounts import Mounts
from runwisp.notifier import Apprise, Notifier
from runwisp.task import AnyTask, CatchUp, OnOverlap, Service, Task
from runwisp.tomlplaces import Path

PROGRAM = re.compile(r"\s*(/[A-Za-z0-9_@%+=:,./-]+)(?=[\s;|&<>]|$)")
"""A command given by absolute path, when nothing in its name is for a shell to read."""

BACKGROUND = (
    re.compile(r"(?<![&>|<])&(?=\s*\Z)"),
    re.compile(r"(?<!\S)--(?:daemon|daemonize|background)(?!\S)"),
    re.compile(r"(?<!\S)docker(?:[ -]compose)?\s(?:[^\n]*\s)?(?:run|up)\s(?:[^\n]*\s)?(?:-d|--detach)(?!\S)"),
    re.compile(r"\A\s*(?:/\S*/)?(?:daemonize|start-stop-daemon|setsid -f|setsid --fork)(?!\S)"),
)
"""Signs of a script that leaves the foreground."""
FOREGROUND = re.compile(r"(?<!\S)--(?:no-?detach|no-?daemon|no-?fork|foreground)(?!\S)")

Look = Callable[[os.stat_result, str], str]


def add_warnings(
    found: Findings,
    document: Mapping[str, Any],
    definitions: Iterable[AnyTask],
    notifiers: Iterable[Notifier],
    shutdown_timeout: Millis,
) -> None:
    """``document`` tells which values are a definition's own and which come from ``[defaults]``."""
    with closing(Machine()) as machine:
        for definition in definitions:
            origin = Origin(document, definition)
            _warn_of_files(found, origin, definition, machine)
            _warn_of_stop(found, origin, definition, shutdown_timeout)
            match definition:
                case Task():
                    _warn_of_schedule(found, origin, definition)
                case Service():
                    _warn_of_background(found, origin, definition)
        for index, notifier in enumerate(notifiers):
            _warn_of_notifier(found, ("notifier", index), notifier, machine)


class Origin:
    """Where the values of one definition were set."""

    __slots__ = ("_document", "_own", "_path")

    def __init__(self, document: Mapping[str, Any], definition: AnyTask) -> None:
        table = f"{definition.kind}s"
        self._document = document
        self._path = (table, definition.name)
        self._own = document[table][definition.name]

    def of(self, key: str, fallback: Path = ()) -> Path:
        if key in self._own:
            return (*self._path, key)
        return ("defaults", key) if key in self._document.get("defaults", {}) else fallback


class Machine:
    """What is there on this machine; each path and name is asked for once."""

    def __init__(self) -> None:
        self._mounts = Mounts()
        self._flaws: dict[tuple[str, Look], str] = {}
        self._users: dict[str, str] = {}

    def flaw(self, path: str, look: Look) -> str:
        """What is wrong with a file; nothing when all is well or it must not be touched."""
        if (path, look) not in self._flaws:
            self._flaws[path, look] = _flaw(path, look) if self._mounts.is_local(path) else ""
        return self._flaws[path, look]

    def user_flaw(self, user: str) -> str:
        if user not in self._users:
            try:
                accounts.find(user)
                self._users[user] = ""
            except LaunchError as error:
                self._users[user] = error.message.removeprefix("user: ")
        return self._users[user]

    def close(self) -> None:
        self._mounts.close()


def _flaw(path: str, look: Look) -> str:
    try:
        return look(os.stat(path), path)
    except OSError as error:
        return (error.strerror or str(error)).lower()


def _program(status: os.stat_result, path: str) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "not a file"
    return "" if os.access(path, os.X_OK) else "not executable"


def _file(status: os.stat_result, _path: str) -> str:
    return "is a directory" if stat.S_ISDIR(status.st_mode) else ""


def _folder(status: os.stat_result, _path: str) -> str:
    return "" if stat.S_ISDIR(status.st_mode) else "not a directory"


def _warn_of_files(found: Findings, origin: Origin, definition: AnyTask, machine: Machine) -> None:
    program = PROGRAM.match(definition.run)
    if program and (flaw := machine.flaw(program[1], _program)):
        found.warn(origin.of("run"), f"{program[1]}: {flaw}; runs will fail until it can be started")
    if flaw := machine.flaw(definition.shell, _program):
        found.warn(origin.of("shell"), f"{definition.shell}: {flaw}; runs that need it will fail")
    if definition.env_file is not None and (flaw := machine.flaw(definition.env_file, _file)):
        found.warn(origin.of("env_file"), f"{definition.env_file}: {flaw}; runs will fail until it is there")
    if (path := origin.of("working_dir")) and (flaw := machine.flaw(definition.working_dir, _folder)):
        found.warn(path, f"{definition.working_dir}: {flaw}; runs will fail until it is there")
    if definition.user is not None and (flaw := machine.user_flaw(definition.user)):
        found.warn(origin.of("user"), f"{flaw}; runs will fail until then")


def _warn_of_stop(found: Findings, origin: Origin, definition: AnyTask, budget: Millis) -> None:
    if definition.graceful_stop > budget:
        path = origin.of("graceful_stop", fallback=("daemon", "shutdown_timeout"))
        grace = spell(definition.graceful_stop)
        found.warn(
            path,
            f"a graceful_stop of {grace} is longer than the shutdown_timeout of {spell(budget)}, "
            "after which a stopping daemon kills what is left",
        )


def _warn_of_schedule(found: Findings, origin: Origin, task: Task) -> None:
    if task.cron is None:
        return
    if not schedule.can_fire(task.cron):
        found.warn(origin.of("cron"), f'"{task.cron}" can never fire: the calendar has no such day')
    if task.catch_up is CatchUp.ALL and task.on_overlap is OnOverlap.SKIP:
        found.warn(
            origin.of("catch_up"),
            'on_overlap = "skip" would drop most of what "all" catches up with; use on_overlap = "queue"',
        )


def _warn_of_background(found: Findings, origin: Origin, service: Service) -> None:
    signs = [sign for pattern in BACKGROUND if (sign := pattern.search(service.run))]
    if signs and not FOREGROUND.search(service.run):
        found.warn(
            origin.of("run"),
            f'looks as if it put itself into the background ("{signs[0][0].strip()}"): the service would '
            "seem to end at once and be started again and again; keep it in the foreground",
        )


def _warn_of_notifier(found: Findings, path: Path, notifier: Notifier, machine: Machine) -> None:
    template = notifier.template_path
    if template is not None and (flaw := machine.flaw(template, _file)):
        found.warn(
            (*path, "template_path"), f"{template}: {flaw}; its messages use the usual text until it is there"
        )
    if isinstance(notifier, Apprise) and find_spec("apprise") is None:
        found.warn((*path, "type"), "the apprise library is not installed; nothing can be sent until it is")
