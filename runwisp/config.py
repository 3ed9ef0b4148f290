"""The configuration: ``runwisp.toml``, read whole and checked whole.

The one home of tomli. A pure function of the file, the machine's time zone and who reads: every command loads
with it, so that what one accepts, all accept. Never writes the file. Called by ``daemon``, ``exec`` and every
command that looks at tasks.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import tomli

from runwisp import hostzone
from runwisp.clock import DAY, SECOND, Millis
from runwisp.configdigest import digest
from runwisp.configfindings import Findings, read_named_table, spelled, unknown_key, unknown_table
from runwisp.configkeys import TOP_LEVEL, zone
from runwisp.confignotify import read_notifiers, read_routes, read_settings
from runwisp.configproblem import Problem
from runwisp.configtasks import Surroundings, read_defaults, read_definitions
from runwisp.configwarnings import add_warnings
from runwisp.errors import ConfigError, ConfigUnreadable
from runwisp.frozen import frozen
from runwisp.hostzone import HostZone
from runwisp.notifier import Notifier, NotifySettings, Secret, SecretSource
from runwisp.paths import user_name
from runwisp.printable import printable
from runwisp.route import Route
from runwisp.task import AnyTask, unknown_task
from runwisp.values import BadValue

POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
"""How tomli ends its messages; only newer ones tell it in fields as well."""
TWICE = re.compile(r"Cannot declare \((.*?),?\) twice")
TOO_DEEP = Problem(1, 1, "", "values are nested too deeply")
NAME_ANOTHER = "Write one, or name another with --config."


@frozen(kw_only=True)
class Config:
    """What a file says, defaults applied.

    ``path`` is as given, ``folder`` absolute. ``text_digest`` changes when the text does. ``tasks`` holds
    both kinds by name, in file order. ``timezone_source`` is "config" or "system". ``keep_runs`` and
    ``keep_for`` are those of ``[defaults]``, for the history of tasks that are no longer in the file.
    """

    path: str
    folder: str
    timezone: str
    timezone_source: str
    max_size: int = 0
    min_free_space: int = 0
    shutdown_timeout: Millis = 10 * SECOND
    external_url: str | None = None
    keep_runs: int | None = 10_000
    keep_for: Millis | None = 90 * DAY
    tasks: Mapping[str, AnyTask]
    notify: NotifySettings
    notifiers: Mapping[str, Notifier]
    routes: tuple[Route, ...]
    text_digest: str = ""
    warnings: tuple[Problem, ...] = ()

    @property
    def secret_variables(self) -> frozenset[str]:
        """The names of the variables that hold notifiers' secrets, which no run may see."""
        secrets = (
            getattr(notifier, field.name)
            for notifier in self.notifiers.values()
            for field in fields(notifier)
        )
        return frozenset(
            each.text for each in secrets if isinstance(each, Secret) and each.source is SecretSource.ENV
        )


@frozen
class Reader:
    """Who reads a file, and where."""

    is_root: bool
    host_zone: HostZone


def load(path: str, *, is_root: bool | None = None) -> Config:
    """Read and check a file.

    ``is_root``: whether processes can be started as another user (default: whether we are root).

    Raises: ConfigError with every problem, ConfigUnreadable.
    """
    is_root = os.geteuid() == 0 if is_root is None else is_root
    text = _decoded(_read(path, is_root), path)
    return parse(text, path, Reader(is_root, hostzone.find(os.environ)))


def parse(text: str, path: str, reader: Reader) -> Config:
    """Check the text of the file at ``path``.

    Raises: ConfigError with every problem.
    """
    document = _document(text, path)
    found = Findings(text.replace("\r\n", "\n"))
    try:
        config = _read_tables(found, document, path, reader)
        if problems := found.errors():
            raise ConfigError(path, problems)
        add_warnings(
            found, document, config.tasks.values(), config.notifiers.values(), config.shutdown_timeout
        )
        return replace(config, text_digest=digest(text.encode()), warnings=found.warnings())
    except RecursionError as error:
        raise ConfigError(path, [TOO_DEEP]) from error


def definition_named(config: Config, name: str) -> AnyTask:
    """Raises: UnknownTask, with the name that was probably meant."""
    if name not in config.tasks:
        raise unknown_task(name, config.tasks)
    return config.tasks[name]


def _read_tables(found: Findings, document: dict[str, Any], path: str, reader: Reader) -> Config:
    """Of what can be used; ``found`` has the rest."""
    _check_top_level(found, document)
    scheduler, storage, daemon = (
        read_named_table(found, document, name) for name in ("scheduler", "storage", "daemon")
    )
    timezone, source = _timezone(found, scheduler, reader.host_zone)
    folder = os.path.abspath(os.path.dirname(path))
    notifiers = read_notifiers(found, document, folder)
    around = Surroundings(found, folder, timezone, reader.is_root, notifiers)
    defaults = read_defaults(document, around)
    return Config(
        path=path,
        folder=folder,
        timezone=timezone,
        timezone_source=source,
        notify=read_settings(found, document, notifiers),
        tasks=read_definitions(document, defaults, around),
        notifiers=notifiers.usable,
        routes=read_routes(found, document, notifiers),
        **storage,
        **daemon,
        **{key: defaults[key] for key in ("keep_runs", "keep_for") if key in defaults},
    )


def _check_top_level(found: Findings, document: Mapping[str, Any]) -> None:
    for name, value in document.items():
        if name not in TOP_LEVEL:
            message = unknown_table(name) if isinstance(value, dict | list) else unknown_key(name, ())
            found.error((name,), message, is_key=True)


def _timezone(found: Findings, scheduler: Mapping[str, Any], host_zone: HostZone) -> tuple[str, str]:
    """The zone and where it is from. The machine's is checked as well: its data may not be installed."""
    if "timezone" in scheduler:
        return scheduler["timezone"], "config"
    path = ("scheduler", "timezone")
    if host_zone.doubt:
        found.warn(path, f"{host_zone.doubt}; write the zone that is meant")
    try:
        return zone(host_zone.name), "system"
    except BadValue as error:
        found.error(path, str(error))
        return host_zone.name, "system"


def _document(text: str, path: str) -> dict[str, Any]:
    """Raises: ConfigError with the first thing that is not TOML; the parser stops there."""
    try:
        return tomli.loads(text)
    except RecursionError as error:
        raise ConfigError(path, [TOO_DEEP]) from error
    except ValueError as error:
        raise ConfigError(path, [_syntax_problem(text, str(error))]) from error


def _syntax_problem(text: str, message: str) -> Problem:
    position = POSITION.search(message)
    line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    if position and position[1]:
        line, column = int(position[1]), int(position[2])
    if text.startswith("\ufeff"):
        return Problem(1, 1, "", "the file begins with a byte order mark; save it as UTF-8 without one")
    fault = printable(POSITION.sub("", message))
    return Problem(line, column, "", f"not TOML: {TWICE.sub(_twice, fault)}")


def _twice(found: re.Match[str]) -> str:
    steps = re.findall(r"'([^']*)'", found[1])
    return f"the table [{spelled(tuple(steps))}] is there twice; put all of it in one place"


def _read(path: str, is_root: bool) -> bytes:
    try:
        with open(path, "rb", opener=_opened) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigUnreadable(f"cannot read the configuration {path}: not a file", NAME_ANOTHER)
            if is_root:
                _refuse_untrusted(path, status)
            return file.read()
    except OSError as error:
        raise _unreadable(path, error) from error


def _opened(path: str, flags: int) -> int:
    """Without waiting for somebody to write into what turns out to be a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _unreadable(path: str, error: OSError) -> ConfigUnreadable:
    hint = NAME_ANOTHER
    if isinstance(error, PermissionError):
        hint = f"Let {user_name(os.geteuid())} read it, or run the command as one who may."
    return ConfigUnreadable(
        f"cannot read the configuration {path}: {(error.strerror or str(error)).lower()}", hint
    )


def _refuse_untrusted(path: str, status: os.stat_result) -> None:
    """What is in the file is done as root, so that nobody else may be able to write it."""
    place = shlex.quote(path)
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigUnreadable(
            f"refusing the configuration {path}: it belongs to {user_name(status.st_uid)}, who could have "
            "root do anything",
            f"If its content is right, make it root's:\n  sudo chown root {place}",
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigUnreadable(
            f"refusing the configuration {path}: users beside its owner may write it (mode "
            f"{stat.S_IMODE(status.st_mode):04o}), and could have root do anything",
            f"If its content is right, close it:\n  sudo chmod go-w {place}",
        )


def _decoded(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode()) + 1
        problem = Problem(line, column, "", "not UTF-8, which TOML must be; save the file in that encoding")
        raise ConfigError(path, [problem]) from error
