"""Census: the tables of keys, the dataclasses they fill, and the reference page say the same."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
import tomli

from runwisp import configkeys
from runwisp.config import Config
from runwisp.configkeys import FOREIGN_WORDS, HOMES, NOTIFIER_TYPES, SECRET_FORMS, Keys, notifier_keys
from runwisp.event import Severity
from runwisp.notifier import NotifySettings
from runwisp.route import Match
from runwisp.task import Service, Task

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.rst").read_text()


def section(title: str) -> str:
    found = re.search(
        rf"^{re.escape(title)}\n([=-])\1+\n(.*?)(?=^[^\n]+\n([=-])\3{{3,}}\n\n|\Z)", PAGE, re.M | re.S
    )
    assert found, f"the reference has no section {title}"
    return found[2]


def cells(title: str) -> list[list[str]]:
    """The first simple table of a section, without its header; the last column goes on as far as it likes."""
    ruler, _, _, *body = section(title)[section(title).index("\n===") + 1 :].splitlines()
    starts = [column.start() for column in re.finditer("=+", ruler)]
    ends: list[int | None] = [*starts[1:], None]
    return [
        [row[start:end].strip().strip("`") for start, end in zip(starts, ends, strict=True)]
        for row in body[: body.index(ruler)]
    ]


def rows(title: str) -> dict[str, str]:
    """Key to default as written, empty for none."""
    return {key: default for key, default, _ in cells(title)}


SECTIONS: dict[str, tuple[Keys, type]] = {
    "``[scheduler]``": (configkeys.SCHEDULER, Config),
    "``[storage]``": (configkeys.STORAGE, Config),
    "``[daemon]``": (configkeys.DAEMON, Config),
    "``[defaults]``": (configkeys.DEFAULTS, Task),
    "``[tasks.NAME]``": (configkeys.ONLY_TASK, Task),
    "``[services.NAME]``": (configkeys.ONLY_SERVICE, Service),
    "Both kinds": (configkeys.BOTH, Service),
    "``[notify]``": (configkeys.NOTIFY, NotifySettings),
}
SET_BY_THE_LOADER = {"timezone", "run", "group", "working_dir"}


def default_of(kind: type, key: str) -> object:
    (found,) = (each for each in fields(kind) if each.name == key)
    return found.default if found.default_factory is MISSING else found.default_factory()


@pytest.mark.parametrize("title", SECTIONS)
def test_every_key_is_in_the_reference(title: str) -> None:
    keys, _ = SECTIONS[title]
    assert set(rows(title)) == set(keys)


@pytest.mark.parametrize("title", SECTIONS)
def test_every_default_is_the_one_in_the_reference(title: str) -> None:
    keys, kind = SECTIONS[title]
    for key, written in rows(title).items():
        if key in SET_BY_THE_LOADER:
            assert not written
        elif written:
            assert keys[key](tomli.loads(f"it = {written}")["it"]) == default_of(kind, key), key
        else:
            assert default_of(kind, key) in (None, {}), key


def test_every_key_of_every_type_of_notifier_is_in_the_reference() -> None:
    assert set(rows("``[[notifier]]``")) == set(configkeys.NOTIFIER)
    documented = {(name, key): default for name, key, default, _ in cells("Types of notifiers")}
    assert set(documented) == {
        (name, key) for name, kind in NOTIFIER_TYPES.items() for key in {**kind.keys, **kind.secrets}
    }
    for (name, key), written in documented.items():
        if written:
            kind = NOTIFIER_TYPES[name]
            assert kind.keys[key](tomli.loads(f"it = {written}")["it"]) == default_of(kind.make, key)


def test_every_key_of_a_route_is_in_the_reference() -> None:
    expected = {f"match.{key}" for key in configkeys.MATCH} | set(configkeys.ROUTE)
    assert set(rows("``[[notification_route]]``")) == expected
    assert rows("``[[notification_route]]``")["match.severity"] == '"info"'
    assert default_of(Match, "severity") is Severity.INFO


@pytest.mark.parametrize("kind", NOTIFIER_TYPES.values(), ids=NOTIFIER_TYPES)
def test_a_notifier_has_a_field_for_each_key_of_its_type(kind: configkeys.NotifierType) -> None:
    forms = {f"{name}{form}" for name in kind.secrets for form in SECRET_FORMS if form}
    named = {each.name.removesuffix("_") for each in fields(kind.make)}
    assert named == set(notifier_keys(kind)) - forms - {"type"}
    assert set(kind.required) <= set(kind.keys)
    assert not kind.target or kind.target in kind.keys


def test_a_definition_has_a_field_for_each_key_of_its_table() -> None:
    assert {each.name for each in fields(Task)} == set(configkeys.TASK) | {"name"}
    assert {each.name for each in fields(Service)} == set(configkeys.SERVICE) | {"name"}


def test_a_foreign_word_stands_for_a_key_and_is_none_itself() -> None:
    known = {key for keys in HOMES.values() for key in keys}
    assert set(FOREIGN_WORDS.values()) <= known
    assert not set(FOREIGN_WORDS) & known
