"""Reads ``[notify]``, ``[[notifier]]`` and ``[[notification_route]]``, and checks addresses.

Touches nothing outside. Reads no secret: only that each is given in exactly one way. Called by ``config``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from runwisp.closest import did_you_mean
from runwisp.configfindings import Findings, read_named_table, read_table, table_of, tables_of
from runwisp.configkeys import (
    MATCH,
    NOTIFIER,
    NOTIFIER_TYPES,
    OPTIONAL_SECRET,
    ROUTE,
    SECRET_FORMS,
    Keys,
    NotifierType,
    notifier_keys,
)
from runwisp.configpaths import resolved
from runwisp.frozen import frozen
from runwisp.notifier import INAPP, Notifier, NotifySettings, Secret, SecretSource
from runwisp.route import Match, Route, split
from runwisp.tomlplaces import Path
from runwisp.values import BadValue, filled_text, one_of

SOURCES = dict(zip(SECRET_FORMS, SecretSource, strict=True))


@frozen
class Declared:
    """A notifier as far as addresses are concerned; ``kind`` is None when its type is not known."""

    kind: NotifierType | None
    has_target: bool


@dataclass(slots=True)
class Notifiers:
    """Those that can be used by their id, and all that are declared, so that one flaw is told once."""

    usable: dict[str, Notifier] = field(default_factory=dict)
    declared: dict[str, Declared] = field(default_factory=dict)


def read_notifiers(found: Findings, document: Mapping[str, Any], folder: str) -> Notifiers:
    """Paths of templates are relative to ``folder``."""
    notifiers = Notifiers()
    for path, table in tables_of(found, ("notifier",), document.get("notifier", [])):
        kind = _kind(found, path, table)
        values = read_table(found, path, table, notifier_keys(kind) if kind else _any_keys(table))
        is_whole = len(values) == len(table) and _has_required(found, path, table, ("id", "type"))
        identity = values.get("id")
        if identity in notifiers.declared:
            found.error((*path, "id"), f'"{identity}" is taken by another notifier; choose another id')
        if kind:
            is_whole &= _has_required(found, path, table, kind.required)
            is_whole &= _fold_secrets(found, path, values, table, kind)
        if isinstance(identity, str):
            notifiers.declared[identity] = Declared(kind, kind is not None and kind.target in table)
            if kind and is_whole:
                notifiers.usable[identity] = _made(kind, values, folder)
    return notifiers


def read_settings(found: Findings, document: Mapping[str, Any], notifiers: Notifiers) -> NotifySettings:
    values = read_named_table(found, document, "notify")
    table = document.get("notify")
    given = table.get("default_notifiers") if isinstance(table, dict) else None
    check_addresses(found, ("notify", "default_notifiers"), given, notifiers)
    return NotifySettings(**values)


def read_routes(found: Findings, document: Mapping[str, Any], notifiers: Notifiers) -> tuple[Route, ...]:
    routes = []
    for path, table in tables_of(found, ("notification_route",), document.get("notification_route", [])):
        values = read_table(found, path, table, ROUTE | {"match": lambda value: value})
        match = _read_match(found, (*path, "match"), values.get("match", {}))
        check_addresses(found, (*path, "notify"), table.get("notify"), notifiers)
        _has_required(found, path, table, ("notify",))
        if match is not None and "notify" in values:
            routes.append(Route(match, values["notify"]))
    return tuple(routes)


def _read_match(found: Findings, path: Path, value: object) -> Match | None:
    table = table_of(found, path, value)
    if table is None or not _has_required(found, path, table, ("kind",)):
        return None
    values = read_table(found, path, table, MATCH)
    return Match(**values | {"kind": frozenset(values["kind"])}) if "kind" in values else None


def check_addresses(found: Findings, path: Path, given: object, notifiers: Notifiers) -> None:
    """Each must be a declared notifier, with a target where it needs one and none where it has none.

    ``given`` is as in the file: what is no text in it is told already, and keeps no other from being told.
    """
    for index, address in enumerate(given if isinstance(given, list) else ()):
        with suppress(BadValue):
            if message := _address_flaw(filled_text(address), notifiers):
                found.error((*path, index), message)


def _address_flaw(address: str, notifiers: Notifiers) -> str:
    name, target = split(address)
    if name == INAPP:
        return f'the bell has no targets; write "{INAPP}"' if target is not None else ""
    if name not in notifiers.declared:
        hint = did_you_mean(name, (INAPP, *notifiers.declared)) or "; declare it with [[notifier]]"
        return f'"{name}" is not the id of a notifier{hint}'
    kind, has_target = notifiers.declared[name].kind, notifiers.declared[name].has_target
    if kind is None:
        return ""
    if target is None:
        is_aimless = kind.needs_target and not has_target
        return (
            f'"{name}" has no {kind.target}; give it one, or write "{name}:TARGET" here' if is_aimless else ""
        )
    if not kind.target:
        return f'a notifier of type {kind.make.type} has no targets; write "{name}"'
    try:
        kind.read_target(target)
    except BadValue as error:
        return str(error)
    return ""


def _kind(found: Findings, path: Path, table: Mapping[str, Any]) -> NotifierType | None:
    if "type" not in table:
        return None
    try:
        return NOTIFIER_TYPES[one_of(table["type"], NOTIFIER_TYPES)]
    except BadValue as error:
        found.error((*path, "type"), str(error))
        return None


def _any_keys(table: Mapping[str, Any]) -> Keys:
    """For a notifier of no known type: its own keys are checked, all others may be right."""
    own = {name: read for name, read in NOTIFIER.items() if name != "type"}
    return dict.fromkeys(table, lambda value: value) | own


def _has_required(found: Findings, path: Path, table: Mapping[str, Any], required: Sequence[str]) -> bool:
    missing = [name for name in required if name not in table]
    for name in missing:
        found.error((*path, name), "is missing", is_key=True)
    return not missing


def _fold_secrets(
    found: Findings, path: Path, values: dict[str, Any], table: Mapping[str, Any], kind: NotifierType
) -> bool:
    """Turn the one form in which each secret is given into a Secret; False when there is none or two."""
    is_whole = True
    for name in kind.secrets:
        given = [form for form in SECRET_FORMS if f"{name}{form}" in table]
        texts = {form: values.pop(f"{name}{form}", None) for form in given}
        if len(given) != 1:
            is_whole = False
            found.error(
                (*path, f"{name}{given[-1]}" if given else name), _secret_flaw(kind, name, given), is_key=True
            )
        elif texts[given[0]] is not None:
            values[name] = Secret(SOURCES[given[0]], texts[given[0]])
    return is_whole


def _secret_flaw(kind: NotifierType, name: str, given: Sequence[str]) -> str:
    if given:
        return f"is given in {len(given)} ways ({', '.join(name + form for form in given)}); keep one of them"
    ways = f"is missing; give one of {', '.join(name + form for form in SECRET_FORMS)}"
    is_optional = kind.secrets[name] is OPTIONAL_SECRET
    return f'{ways}, or {name} = "" where none is asked for' if is_optional else ways


def _made(kind: NotifierType, values: dict[str, Any], folder: str) -> Notifier:
    if "template_path" in values:
        values["template_path"] = resolved(values["template_path"], folder)
    fields = {"from_" if name == "from" else name: value for name, value in values.items() if name != "type"}
    return kind.make(**fields)
