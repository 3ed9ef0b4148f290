"""`runwisp list` and `runwisp validate`, as a person or a script meets them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tempfile
import termios
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runwisp import host
from runwisp.cli import table
from runwisp.cli.main import main
from runwisp.cli.table import fitted
from runwisp.clock import Mono, Now, wall_of

NOBODY = 65534
ROOT = Path(__file__).parents[2]
NEW_YEAR = wall_of(datetime(2030, 1, 1, tzinfo=UTC))

TABLE = """
[scheduler]
timezone = "Europe/Berlin"
[tasks.backup]
run = "true"
cron = "30 2 * * *"
on_overlap = "skip"
parallelism = 2
description = "nightly\\u001b[31m\\n"
[services.web]
run = "true"
instances = 3
api_trigger = false
[tasks.tokyo]
run = "true"
cron = "@daily"
timezone = "Asia/Tokyo"
[tasks.pulse]
run = "true"
cron = "@every 90s"
[tasks.hello]
run = "true"
run_on_start = true
[tasks.hand]
run = "true"
[tasks.feb]
run = "true"
cron = "0 0 30 2 *"
"""


LISTED = r"""NAME    SCHEDULE      NEXT                    PARALLELISM  OVERLAP  API  DESCRIPTION
backup  30 2 * * *    2030-01-01 02:30+01:00  2            skip     yes  nightly\x1b[31m\n
web     (service x3)  -                       -            -        no
tokyo   @daily        2030-01-02 00:00+09:00  1            queue    yes
pulse   @every 90s    within 1m30s            1            queue    yes
hello   (manual)      daemon start            1            queue    yes
hand    (manual)      -                       1            queue    yes
feb     0 0 30 2 *    never                   1            queue    yes

6 tasks, 1 service
Time zone: Europe/Berlin (config)
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(host, "now", lambda: Now(NEW_YEAR, Mono(0)))
    path = tmp_path / "runwisp.toml"
    path.touch(0o600)
    return path


def test_list_shows_every_task_aligned_and_in_file_order(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TABLE)
    assert main(["list"]) == 0
    out, err = capsys.readouterr()
    assert out == LISTED
    assert err.startswith('runwisp.toml:28:8: warning: tasks.feb.cron: "0 0 30 2 *" can never fire')


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("", ""),
        ("12345678", "12345678"),
        ("123456789", "1234567…"),
        ("1234567日", "1234567…"),
        ("123456日", "123456日"),
        ("123456日9", "123456…"),
        ("日本語の説", "日本語…"),
        ("e\u0301" * 8, "e\u0301" * 8),
        ("e\u0301" * 9, "e\u0301" * 7 + "…"),
    ],
)
def test_a_line_is_cut_to_the_columns_of_a_terminal(line: str, shown: str) -> None:
    assert fitted(line, 8) == shown


def test_list_keeps_to_the_width_of_a_terminal_and_is_whole_elsewhere(file: Path) -> None:
    file.write_text(TABLE)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 60))
    command = [sys.executable, "-m", "runwisp", "list"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=environ, stdout=theirs, stderr=subprocess.DEVNULL, check=True)
    lines = os.read(ours, 100_000).decode().splitlines()
    os.close(ours)
    os.close(theirs)
    assert [line for line in lines if len(line) > 60] == []
    assert lines[0] == "NAME    SCHEDULE      NEXT                    PARALLELISM  …"
    assert lines[-1] == "Time zone: Europe/Berlin (config)"


def test_one_long_name_leaves_the_rest_of_every_row_to_be_seen(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "_terminal_width", lambda: 60)
    file.write_text(f'{TABLE}[tasks.{"a" * 100}]\nrun = "true"\n')
    assert main(["list"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1] == "backup                  30 2 * * *    2030-01-01 02:30+01:0…"
    assert told[-4].startswith(f"{'a' * 21}…  (manual)  ")


def test_list_of_nothing_says_so(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text('[scheduler]\ntimezone = "UTC"')
    assert main(["list"]) == 0
    assert capsys.readouterr().out == "No task and no service is in runwisp.toml.\nTime zone: UTC (config)\n"


def test_list_as_json_has_instants_in_utc(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(TABLE)
    assert main(["list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["timezone"], told["timezone_source"]) == ("Europe/Berlin", "config")
    assert [each["name"] for each in told["tasks"]] == [
        "backup",
        "web",
        "tokyo",
        "pulse",
        "hello",
        "hand",
        "feb",
    ]
    assert told["tasks"][0] == {
        "name": "backup",
        "kind": "task",
        "group": "Tasks",
        "description": "nightly\x1b[31m\n",
        "api_trigger": True,
        "cron": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "next_at": "2030-01-01T01:30:00.000Z",
        "parallelism": 2,
        "on_overlap": "skip",
        "run_on_start": False,
        "instances": None,
    }
    assert told["tasks"][1]["instances"] == 3
    assert told["tasks"][6]["next_at"] is None


def test_list_passes_over_a_firing_that_will_not_run(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At 02:30 on the night clocks go back the job has run an hour ago; the second 02:30 is skipped."""
    between = wall_of(datetime(2030, 10, 27, 1, tzinfo=UTC))
    monkeypatch.setattr(host, "now", lambda: Now(between, Mono(0)))
    file.write_text(TABLE)
    main(["list"])
    assert "backup  30 2 * * *    2030-10-28 02:30+01:00" in capsys.readouterr().out


def test_validate_tells_counts_and_zone(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(TABLE.replace('30 2 *"\n', '28 2 *"\n'))
    assert main(["validate", "--strict"]) == 0
    out, err = capsys.readouterr()
    assert out == (
        "runwisp.toml: 6 tasks, 1 service, 0 notifiers, 0 routes\nTime zone: Europe/Berlin (config)\nValid\n"
    )
    assert err == ""


def test_validate_tells_warnings_and_fails_for_them_when_strict(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TABLE)
    assert main(["validate"]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("Valid, with 1 warning\n")
    assert err.startswith("runwisp.toml:28:8: warning: tasks.feb.cron: ")
    assert main(["validate", "--strict"]) == 1
    assert main(["validate", "--strict", "--json"]) == 1


def test_validate_tells_every_problem_one_a_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text('[tasks.backup]\nrun = ""\nretires = 3\n')
    assert main(["validate"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "runwisp.toml:2:7: tasks.backup.run: is blank; write what it should be, or remove the key\n"
        'runwisp.toml:3:1: tasks.backup.retires: unknown key, did you mean "retry_attempts"?\n'
    )


@pytest.mark.parametrize("command", ["list", "validate"])
def test_a_file_that_is_missing_is_an_error(
    file: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.unlink()
    assert main([command]) == 1
    assert capsys.readouterr().err.startswith("cannot read the configuration runwisp.toml: no such file")


def test_validate_as_json_is_the_answer_also_for_an_invalid_file(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TABLE)
    assert main(["validate", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["is_valid"] is True
    assert (told["task_count"], told["service_count"], told["timezone"]) == (6, 1, "Europe/Berlin")
    assert [each["key"] for each in told["warnings"]] == ["tasks.feb.cron"]
    file.write_text("[tasks.a]\n")
    assert main(["validate", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["is_valid"] is False
    assert told["problems"] == [
        {"line": 1, "column": 8, "key": "tasks.a.run", "message": "is missing; write the command to start"}
    ]
    assert set(told) == {"path", "is_valid", "problems"}


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else")
@pytest.mark.parametrize("words", [("list",), ("validate",), ("next", "a")], ids=" ".join)
def test_root_judges_as_the_owner_of_the_data_directory_would(words: tuple[str, ...]) -> None:
    """Else root would find valid what its daemon, which runs as that user, refuses."""
    with tempfile.TemporaryDirectory() as folder:
        data, config = Path(folder, "data"), Path(folder, "runwisp.toml")
        data.mkdir()
        config.write_text('[tasks.a]\nrun = "true"\ncron = "@daily"\nuser = "root"\n')
        config.chmod(0o644)
        for path in (folder, data):
            os.chown(path, NOBODY, NOBODY)
        command = [sys.executable, "-m", "runwisp", *words, "-c", str(config), "--data", str(data)]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "tasks.a.user: only a daemon that runs as root" in done.stderr


@pytest.mark.parametrize("data", ["link", "runwisp.toml/data", "x" * 300])
def test_a_data_directory_that_no_daemon_could_use_keeps_nobody_from_looking(file: Path, data: str) -> None:
    file.write_text(TABLE)
    (file.parent / "link").symlink_to("elsewhere")
    assert main(["list", "-c", str(file), "--data", str(file.parent / data)]) == 0
