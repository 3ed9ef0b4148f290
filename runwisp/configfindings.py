"""What is wrong in a configuration, and reading one of its tables.

Pure. Readers name a fault by the path of its key; lines and columns are looked for only when there is any.
Called by the readers of the tables (``configtasks``, ``confignotify``) and by ``config``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from runwisp.closest import closest, did_you_mean
from runwisp.configkeys import FOREIGN_WORDS, HOMES, TABLES, TOP_LEVEL, Keys
from runwisp.configproblem import Problem
from runwisp.printable import printable
from runwisp.tomlplaces import Path, Places
from runwisp.values import BadValue

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
NOTHING_INSTEAD: Mapping[str, str] = {}


class Findings:
    """Collects faults and warnings of one text, and tells where each is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._errors: dict[tuple[Path, str], bool] = {}
        self._warnings: dict[tuple[Path, str], bool] = {}

    def error(self, path: Path, message: str, *, is_key: bool = False) -> None:
        """``is_key``: it is the key that is wrong, not its value."""
        self._errors[path, message] = is_key

    def warn(self, path: Path, message: str, *, is_key: bool = False) -> None:
        """The same said twice of one key is said once."""
        self._warnings[path, message] = is_key

    @cached_property
    def places(self) -> Places:
        return Places(self._text)

    def errors(self) -> tuple[Problem, ...]:
        """In file order."""
        return self._located(self._errors)

    def warnings(self) -> tuple[Problem, ...]:
        return self._located(self._warnings)

    def _located(self, found: Mapping[tuple[Path, str], bool]) -> tuple[Problem, ...]:
        problems = []
        for (path, message), is_key in found.items():
            line, column = self.places.key(path) if is_key else self.places.value(path)
            problems.append(Problem(line, column, spelled(path), printable(message)))
        return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))


def spelled(path: Path) -> str:
    """A path as TOML writes it, with indexes in brackets."""
    words = ""
    for step in path:
        if isinstance(step, int):
            words += f"[{step}]"
        else:
            words += f".{step}" if BARE_KEY.fullmatch(step) else f'."{printable(step, 100)}"'
    return words.removeprefix(".")


def table_of(found: Findings, path: Path, value: object) -> dict[str, Any] | None:
    """The value when it is a table; something else is told."""
    if isinstance(value, dict):
        return value
    is_in_array = any(isinstance(step, int) for step in path)
    found.error(
        path, "expected a table" if is_in_array else f"expected a table; write [{spelled(path)}]", is_key=True
    )
    return None


def tables_of(found: Findings, path: Path, value: object) -> list[tuple[Path, dict[str, Any]]]:
    """The tables of an array of tables, each with its path; something else is told."""
    if not isinstance(value, list):
        found.error(path, f"expected an array of tables; write [[{spelled(path)}]]", is_key=True)
        return []
    tables = (((*path, index), table_of(found, (*path, index), each)) for index, each in enumerate(value))
    return [(place, table) for place, table in tables if table is not None]


def read_named_table(found: Findings, document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The values of one of ``TABLES``, wherever there is one."""
    table = table_of(found, (name,), document.get(name, {}))
    return read_table(found, (name,), table or {}, TABLES[name])


def read_table(
    found: Findings,
    path: Path,
    table: Mapping[str, object],
    keys: Keys,
    instead: Mapping[str, str] = NOTHING_INSTEAD,
) -> dict[str, Any]:
    """The values of a table that can be used; every other key and value is told.

    ``instead`` has a sentence for each key of another kind of table.
    """
    values = {}
    for name, value in table.items():
        read = keys.get(name)
        if read is None:
            message = instead.get(name) or unknown_key(name, keys)
            found.error((*path, name), message, is_key=True)
            continue
        try:
            values[name] = read(value)
        except BadValue as error:
            for flaw in error.flaws:
                found.error((*path, name, *flaw.at), flaw.message, is_key=flaw.is_key)
    return values


def unknown_key(name: str, keys: Iterable[str]) -> str:
    """What to say of a key that is not among those of its table."""
    known = {key: key for key in keys}
    known |= {word: key for word, key in FOREIGN_WORDS.items() if key in known and word not in known}
    likest = closest(name, tuple(known))
    if likest is not None:
        return f'unknown key, did you mean "{known[likest]}"?'
    homes = [home for home, its_keys in HOMES.items() if name in its_keys]
    return f"unknown key here; it belongs in {' or '.join(homes)}" if homes else "unknown key"


def unknown_table(name: str) -> str:
    return f"unknown table{did_you_mean(name, TOP_LEVEL)}"
