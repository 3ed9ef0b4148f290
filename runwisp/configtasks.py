"""Reads ``[defaults]``, ``[tasks.*]`` and ``[services.*]`` into tasks and services.

Makes paths absolute and zones the scheduler's where a table names none. Looks at no file: whether what is
named exists is ``configwarnings``' question. Called by ``config``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runwisp.configfindings import Findings, read_named_table, read_table, table_of
from runwisp.configkeys import INSTEAD_IN_SERVICE, INSTEAD_IN_TASK, SERVICE, TASK, Keys
from runwisp.confignotify import Notifiers, check_addresses
from runwisp.configpaths import resolved
from runwisp.frozen import frozen
from runwisp.task import AnyTask, Kind, Restart, Service, Task
from runwisp.tomlplaces import Path
from runwisp.values import is_name


@frozen
class Surroundings:
    """What a definition depends on beside its own table. ``folder`` is the absolute one of the file."""

    found: Findings
    folder: str
    timezone: str
    is_root: bool
    notifiers: Notifiers


@frozen
class Shape:
    """What the tables of one kind may hold."""

    table: str
    make: type[Task] | type[Service]
    keys: Keys
    instead: Mapping[str, str]


SHAPES = (
    Shape("tasks", Task, TASK, INSTEAD_IN_TASK),
    Shape("services", Service, SERVICE, INSTEAD_IN_SERVICE),
)
NAME_RULE = 'a name has 1 to 100 letters, digits, ".", "_" and "-", and is not "." or ".."'


def read_defaults(document: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    """What ``[defaults]`` gives, by key."""
    defaults = read_named_table(around.found, document, "defaults")
    _resolve_paths(defaults, around)
    return defaults


def read_definitions(
    document: Mapping[str, Any], defaults: Mapping[str, Any], around: Surroundings
) -> dict[str, AnyTask]:
    """All that can be used, by name, in file order."""
    found = around.found
    definitions: dict[str, AnyTask] = {}
    kinds: dict[str, Kind] = {}
    for shape, name, value in _in_file_order(found, document):
        if name in kinds:
            message = f"the name is taken by a {kinds[name]}; choose another"
            found.error((shape.table, name), message, is_key=True)
        kinds[name] = shape.make.kind
        definition = _definition(around, shape, name, value, defaults)
        if definition is not None:
            definitions[name] = definition
    return definitions


def _in_file_order(found: Findings, document: Mapping[str, Any]) -> list[tuple[Shape, str, Any]]:
    """The tables of both kinds. A parser keeps the order within each; between them only the text tells."""
    tables = [
        (shape, name, value)
        for shape in SHAPES
        for name, value in (table_of(found, (shape.table,), document.get(shape.table, {})) or {}).items()
    ]
    if len({shape.table for shape, _, _ in tables}) > 1:
        tables.sort(key=lambda each: found.places.key((each[0].table, each[1])))
    return tables


def _definition(
    around: Surroundings, shape: Shape, name: str, value: object, defaults: Mapping[str, Any]
) -> AnyTask | None:
    found = around.found
    path = (shape.table, name)
    if not is_name(name):
        found.error(path, NAME_RULE, is_key=True)
    table = table_of(found, path, value)
    if table is None:
        return None
    values = read_table(found, path, table, shape.keys, shape.instead)
    if "run" not in table:
        found.error((*path, "run"), "is missing; write the command to start", is_key=True)
    _check(path, values, around)
    for key in ("notify_on_failure", "notify_on_success"):
        check_addresses(found, (*path, key), table.get(key), around.notifiers)
    if "run" not in values:
        return None
    _resolve_paths(values, around)
    inherited = {key: given for key, given in defaults.items() if key in shape.keys}
    if "env" in inherited and "env" in values:
        values["env"] = inherited["env"] | values["env"]
    origin = {"name": name, "working_dir": around.folder}
    if shape.make is Task:
        origin["timezone"] = around.timezone
    return shape.make(**(origin | inherited | values))


def _check(path: Path, values: Mapping[str, Any], around: Surroundings) -> None:
    """What depends on more than one key or on who reads the file."""
    found = around.found
    if "user" in values and not around.is_root:
        message = (
            "only a daemon that runs as root, on a data directory of root's, can start processes as another "
            "user; remove it, or run as root"
        )
        found.error((*path, "user"), message, is_key=True)
    if values.get("restart") is Restart.ON_FAILURE and values.get("retry_attempts"):
        message = 'excludes restart = "on_failure", which goes on until it succeeds; remove one of them'
        found.error((*path, "retry_attempts"), message, is_key=True)


def _resolve_paths(values: dict[str, Any], around: Surroundings) -> None:
    """``~`` is the home of the user that the command runs as."""
    for key in ("working_dir", "env_file"):
        if key in values:
            values[key] = resolved(values[key], around.folder, values.get("user"))
