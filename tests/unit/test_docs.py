"""Census: what the code can say stands in the documents, so that nothing is forgotten there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from docs.state_tables import MACHINES, replaced
from runwisp import dotenv, errors
from runwisp.cli.main import COMMANDS
from runwisp.clock import Wall
from runwisp.environment import told
from runwisp.errors import RunWispError
from runwisp.event import SEVERITIES, EventKind
from runwisp.run import MEANINGS, EndReason, Trigger, drafted
from runwisp.task import Service

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    return (ROOT / name).read_text()


def rows(text: str) -> dict[str, str]:
    """The rows of the simple tables of a page, by the literal that each begins with."""
    return {match[1]: match[2] for match in re.finditer(r"^``([^`]+)``  +(.*)$", text, re.MULTILINE)}


def codes(error: type[RunWispError]) -> set[str]:
    return {error.code}.union(*(codes(kind) for kind in error.__subclasses__()))


def test_the_state_tables_are_those_of_the_code() -> None:
    text = page("ARCHITECTURE.rst")
    assert replaced(text) == text


def test_every_table_of_moves_is_drawn() -> None:
    having = [path for path in (ROOT / "runwisp").rglob("*.py") if "\nMOVES = {" in path.read_text()]
    assert set(MACHINES) == {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in having}


def test_every_error_code_is_explained() -> None:
    ours = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, RunWispError)
    }
    assert codes(RunWispError) >= ours
    assert set(rows(page("docs/errors.rst"))) == ours


def test_every_end_reason_is_explained_with_what_follows_from_it() -> None:
    explained = rows(page("docs/runs.rst"))
    for reason in EndReason:
        meaning = MEANINGS[reason]
        assert reason in explained, f"docs/runs.rst does not explain {reason}"
        assert re.search(r"\byes\b" if meaning.is_retried else r"\bno\b", explained[reason])
        assert (f"``{meaning.event}``" if meaning.event else "none") in explained[reason]


def test_every_event_is_explained_with_its_severity() -> None:
    explained = rows(page("docs/runs.rst"))
    for kind in EventKind:
        assert explained[kind].split(":")[0] == SEVERITIES[kind]


def test_everything_a_run_is_told_about_itself_is_explained() -> None:
    definition = Service(name="web", run="true", working_dir="/")
    run = drafted("id", definition, Trigger.CRON, Wall(0), scheduled_for=Wall(0))
    explained = rows(page("docs/runs.rst"))
    assert {name for name in explained if name.startswith("RUNWISP_")} == {*told(definition, run, "/data")}
    assert {*re.findall("``([a-z]+)``", explained["RUNWISP_TRIGGER"])} == {*Trigger}


def test_the_env_file_that_is_shown_means_what_is_said_of_it() -> None:
    example = re.search(r"``#`` comments::\n\n((?: .+\n)+)", page("docs/runs.rst"))
    assert example
    assert dotenv.parse(textwrap.dedent(example[1]).encode()) == {
        "TOKEN": "abc$def",
        "PATTERN": r"\n is no newline",
        "GREETING": "first line\nsecond line",
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_explained(command: str) -> None:
    assert f"``runwisp {command}" in page("docs/commands.rst")


def test_the_manual_page_has_every_variable_that_the_package_offers_and_names_no_folder_of_ours() -> None:
    """It is drawn from this page, and a package installs no docs/ beside it."""
    manual = page("docs/commands.rst")
    offered = re.findall(r"^#(RUNWISP_\w+)=", page("debian/runwisp.default"), re.MULTILINE)
    assert offered
    assert [name for name in offered if name not in manual] == []
    assert "docs/" not in manual
