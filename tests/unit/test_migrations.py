"""The words that the database accepts are the words of the code."""

from __future__ import annotations

import re
from dataclasses import fields
from enum import StrEnum
from pathlib import Path

import pytest

from runwisp import store
from runwisp.history import FIXED, WRITTEN
from runwisp.historyrows import COLUMNS, NOTICE_COLUMNS
from runwisp.life import Life, LifeKind
from runwisp.notice import Notice
from runwisp.run import Run
from runwisp.runmeta import WORDS
from runwisp.store import MIGRATIONS, TABLES, statements

FOLDER = Path(store.__file__).parent / "migrations"
SCHEMA = "".join((FOLDER / name).read_text() for name in MIGRATIONS)


def table(name: str) -> str:
    [text] = [each for each in statements(SCHEMA) if f"CREATE TABLE {name} (" in each]
    return text


def accepted(text: str, column: str) -> set[str]:
    found = re.search(rf"CHECK \({column} IN \((.*?)\)\)", text, re.DOTALL)
    assert found, f"no CHECK for {column}"
    return set(re.findall(r"'(\w+)'", found[1]))


@pytest.mark.parametrize(("column", "words"), WORDS.items())
def test_the_database_accepts_exactly_the_words_of_the_code(column: str, words: type[StrEnum]) -> None:
    assert accepted(table("runs"), column) == set(words)


def test_the_database_knows_every_kind_of_life() -> None:
    assert accepted(table("lives"), "kind") == set(LifeKind)


def columns(text: str) -> list[str]:
    return re.findall(r"^    (\w+) (?:TEXT|INTEGER|REAL)\b", text, re.MULTILINE)


def test_a_column_is_called_like_the_field_and_stands_in_its_order() -> None:
    assert columns(table("runs")) == [
        "seq",
        *(each.name for each in fields(Run)),
        "life_id",
        "log_removed_at",
    ]
    assert columns(table("lives")) == ["id", *(each.name for each in fields(Life))]


def test_every_field_is_written() -> None:
    assert sorted(WRITTEN) == sorted((*COLUMNS, "life_id"))
    assert set(COLUMNS) >= FIXED


def test_every_migration_of_the_folder_is_listed_in_order() -> None:
    assert [path.name for path in sorted(FOLDER.glob("*.sql"))] == list(MIGRATIONS)


def test_every_table_is_strict_and_known() -> None:
    tables = re.findall(r"CREATE TABLE (\w+) \(.*?^\) (.*?);", SCHEMA, re.DOTALL | re.MULTILINE)
    assert {name for name, _ in tables} == TABLES
    assert all("STRICT" in options for _, options in tables)


def test_a_script_is_split_into_whole_statements() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a\nBEGIN\n    DELETE FROM a;\n    DELETE FROM b;\nEND;\n"
    assert list(statements("CREATE TABLE a (x); -- first\n" + trigger)) == [
        "CREATE TABLE a (x); -- first\n",
        trigger,
    ]


def test_a_row_of_the_bell_has_all_that_a_notice_has() -> None:
    assert tuple(field.name for field in fields(Notice)) == NOTICE_COLUMNS
