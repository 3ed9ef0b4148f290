"""``runwisp next``, from the command line to what it prints."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from runwisp.cli.main import main

CONFIG = """
[scheduler]
timezone = "Europe/Berlin"

[tasks.backup]
run = "true"
cron = "30 2 * * *"

[tasks.half-hourly]
run = "true"
cron = "*/30 * * * *"

[tasks.tokyo]
run = "true"
cron = "0 9 * * MON-FRI"
timezone = "Asia/Tokyo"

[tasks.pulse]
run = "true"
cron = "@every 90s"

[tasks.never]
run = "true"
cron = "0 0 30 2 *"

[tasks.by-hand]
run = "true"

[services.web]
run = "sleep 60"
"""


class Shell:
    def __init__(self, config: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = config
        self.capsys = capsys

    def next(self, *words: str) -> str:
        assert main(["-c", self.config, "next", *words]) == 0
        return self.capsys.readouterr().out

    def notes(self, *words: str) -> list[tuple[str, str | None]]:
        return [(each["local"], each["note"]) for each in json.loads(self.next(*words, "--json"))]

    def refusal(self, code: int, *words: str) -> str:
        assert main(["-c", self.config, "next", *words]) == code
        printed = self.capsys.readouterr()
        assert printed.out == ""
        return printed.err


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    path = tmp_path / "runwisp.toml"
    path.write_text(CONFIG)
    path.chmod(0o600)
    return Shell(str(path), capsys)


def test_a_table_tells_each_firing_with_its_offset_and_what_notes_mean(shell: Shell) -> None:
    assert shell.next("backup", "-n", "3", "--from", "2025-03-29") == (
        '"backup" fires at "30 2 * * *" in Europe/Berlin.\n'
        "\n"
        "2025-03-29 02:30:00+01:00  Sat\n"
        "2025-03-30 03:00:00+02:00  Sun  moved\n"
        "2025-03-31 02:30:00+02:00  Mon\n"
        "\n"
        "moved: the clocks skip the time this is set for; it runs once, right after the change\n"
    )


def test_json_has_instant_local_time_and_note(shell: Shell) -> None:
    found = json.loads(shell.next("backup", "-n", "2", "--from", "2025-10-26T00:00", "--json"))
    assert found == [
        {"at": "2025-10-26T00:30:00.000Z", "local": "2025-10-26T02:30:00+02:00", "note": None},
        {"at": "2025-10-26T01:30:00.000Z", "local": "2025-10-26T02:30:00+01:00", "note": "dst_skipped"},
    ]


def test_what_is_repeated_is_marked(shell: Shell) -> None:
    assert shell.notes("half-hourly", "-n", "3", "--from", "2025-10-26T00:00Z") == [
        ("2025-10-26T02:30:00+02:00", None),
        ("2025-10-26T02:00:00+01:00", "repeated"),
        ("2025-10-26T02:30:00+01:00", "repeated"),
    ]


def test_the_zone_of_the_task_counts_for_what_is_shown_and_for_from(shell: Shell) -> None:
    assert shell.notes("tokyo", "-n", "1", "--from", "2025-01-03T09:00") == [
        ("2025-01-06T09:00:00+09:00", None)
    ]
    assert shell.notes("tokyo", "-n", "1", "--from", "2025-01-03T08:59:59.9") == [
        ("2025-01-03T09:00:00+09:00", None)
    ]


def test_without_from_it_starts_now_and_shows_ten(shell: Shell) -> None:
    before = datetime.now().astimezone()
    found = [datetime.fromisoformat(local) for local, _ in shell.notes("half-hourly")]
    assert len(found) == 10
    assert all(at > before for at in found)
    assert (found[0] - before).total_seconds() <= 1800 + 60


def test_every_says_from_where_it_counts(shell: Shell) -> None:
    printed = shell.next("pulse", "-n", "2", "--from", "2025-01-01T00:00")
    assert "It counts from its last firing" in printed
    assert printed.endswith("2025-01-01 00:01:30+01:00  Wed\n2025-01-01 00:03:00+01:00  Wed\n")


def test_every_shows_no_more_digits_than_a_schedule_has(shell: Shell) -> None:
    printed = shell.next("pulse", "-n", "1", "--from", "2025-01-01T00:00:00.25")
    assert printed.endswith("2025-01-01 00:01:30.250+01:00  Wed\n")


def test_what_never_fires_says_so(shell: Shell) -> None:
    assert shell.next("never") == '"never" never fires: the calendar has no day for "0 0 30 2 *".\n'
    assert shell.notes("never") == []


@pytest.mark.parametrize(
    ("code", "words", "sentence"),
    [
        (1, ["bakcup"], 'no task or service is called "bakcup", did you mean "backup"?'),
        (1, ["by-hand"], '"by-hand" has no cron and is started by hand only'),
        (1, ["web"], '"web" is a service: it is kept up all the time and has no schedule'),
        (2, ["backup", "--from", "yesterday"], "'yesterday' is not a time"),
        (2, ["backup", "--from", "0001-01-01"], "is not a time of the years 1971 to 8999"),
        (2, ["backup", "-n", "0"], "'0' is not a count from 1 to 100000"),
        (2, ["backup", "-n", "ten"], "'ten' is not a count from 1 to 100000"),
        (2, [], "TASK"),
    ],
)
def test_what_cannot_be_told_is_refused(shell: Shell, code: int, words: list[str], sentence: str) -> None:
    assert sentence in shell.refusal(code, *words)
