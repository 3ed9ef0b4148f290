"""Disks that are full, read-only or spoilt, under a daemon that goes on."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from runwisp.run import EndReason, Phase, Run
from tests.faults.recording import Seen
from tests.integration.asking import Door, password_of
from tests.integration.running import House, child, is_alive
from tests.integration.waiting import wait_for

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as house:
        yield house


@contextmanager
def disk_at(place: Path, size: str = "1m") -> Iterator[Path]:
    """A disk of its own; gives a file on it that takes up room, and none while it is removed."""
    place.mkdir(parents=True, mode=0o700)
    options = f"size={size},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield place / "ballast"
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(ballast: Path) -> None:
    """Takes all the room that is left."""
    with ballast.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def output(house: House, run: Run) -> list[str]:
    return [line for line in house.log(run).splitlines() if not line.startswith("[SYSTEM] ")]


# Logs


@pytest.mark.fault("pump", "disk full on a 1 MiB tmpfs, and space coming back")
def test_a_disk_that_fills_while_a_task_prints_costs_lines_that_are_counted_and_marked(
    house: House, seen: Seen
) -> None:
    house.data.mkdir(mode=0o700)
    with disk_at(house.data / "logs") as ballast:
        ballast.write_bytes(bytes(500_000))
        house.start(
            "[tasks.job]\nrun_on_start = true\nlog_max_size = 0\n"
            f"run = '{child('spew', 2_000_000)}; while ! test -e go; do sleep 0.05; done; echo back'\n"
            '[services.other]\nrun = "sleep 1000"\n'
        )
        [run] = house.running("job")
        house.logs(run, "[SYSTEM] Log output stopped: disk space critically low")
        [other] = house.running("other")
        ballast.unlink()
        house.logs(run, "[SYSTEM] Log output resumed: ")
        (house.folder / "go").touch()
        run = house.run_of("job")
        assert (run.end_reason, run.exit_code) == (EndReason.SUCCESS, 0)
        lines = output(house, run)
        assert lines[-1] == "back"
        assert set(lines[:-1]) <= {"x" * 99}, "no line is cut"
        assert (run.log_lines, run.log_bytes) == (20_001, 2_000_005)
        assert run.log_dropped_lines == 20_001 - len(lines) > 0
        assert f"resumed: {run.log_dropped_lines} lines were dropped" in house.log(run)
        assert [each.id for each in house.running("other")] == [other.id]
        assert house.said.count("disk space critically low") == 1, "one event a run"
        seen(f"of {run.log_lines:,} lines {run.log_dropped_lines:,} dropped, counted and marked; exit code 0")
        house.daemons[0].stop()


@pytest.mark.fault("pump", "disk full on a 1 MiB tmpfs, and space coming back")
def test_a_disk_that_stays_full_ends_no_task_whatever_its_log_may_do(house: House) -> None:
    house.data.mkdir(mode=0o700)
    with disk_at(house.data / "logs"):
        house.start(
            "[tasks.job]\nrun_on_start = true\nlog_max_size = '100MB'\nlog_on_full = 'kill_task'\n"
            f"run = '{child('spew', 3_000_000)}'\n"
            "[tasks.after]\nrun_on_start = true\nrun = 'sleep 0.5; echo never kept; exit 3'\n"
        )
        run, after = house.run_of("job"), house.run_of("after")
        assert (run.end_reason, run.log_lines) == (EndReason.SUCCESS, 30_000)
        assert run.log_dropped_lines == 30_000 - len(output(house, run)) > 0
        assert (after.end_reason, after.exit_code, after.log_lines) == (EndReason.FAILED, 3, 1)
        house.daemons[0].stop()


@pytest.mark.fault("pump", "disk full on a 1 MiB tmpfs, and space coming back")
def test_below_min_free_space_a_task_is_refused_and_a_service_starts_without_its_output(house: House) -> None:
    house.start(
        '[storage]\nmin_free_space = "4000tb"\n'
        '[tasks.job]\nrun_on_start = true\nrun = "echo x"\n'
        '[services.s]\nrun = "echo a; echo b; exit 1"\nrestart_delay = "1m"\n'
    )
    run = house.run_of("job")
    assert (run.end_reason, run.exit_code) == (EndReason.FAILED, -1)
    assert run.message.startswith("insufficient disk space: ")
    assert run.message.endswith(" free, minimum 4000 TB required")
    service = house.run_of("s")
    assert (service.exit_code, service.log_lines, service.log_dropped_lines) == (1, 2, 2)
    assert not output(house, service)


# The database


@pytest.mark.fault("daemon", "full data directory")
def test_on_a_full_disk_tasks_are_refused_loudly_services_go_on_and_rows_come_later(
    house: House, seen: Seen
) -> None:
    with disk_at(house.data, "8m") as ballast:
        daemon = house.start(
            '[tasks.tick]\ncron = "@every 1s"\nrun = "echo $RUNWISP_RUN_ID >> ran"\n'
            '[services.s]\nrun = "echo $RUNWISP_RUN_ID >> served; sleep 0.2"\n'
            'restart_delay = "50ms"\nrestart_backoff = "constant"\n'
        )
        house.ended("tick")
        fill(ballast)
        daemon.says("not started, since the history cannot be written")
        served = len((house.folder / "served").read_text().split())
        wait_for(lambda: len((house.folder / "served").read_text().split()) > served + 2)
        ballast.unlink()
        refused = wait_for(
            lambda: [run for run in house.runs("tick") if "cannot be written" in run.message], house.runs
        )
        assert {(run.end_reason, run.exit_code) for run in refused} == {(EndReason.FAILED, -1)}
        count = len(house.ended("tick"))
        house.ended("tick", count + 1)
        assert daemon.stop() == 0
        runs = house.runs("tick")
        why = refused[0].message.replace(str(house.folder), "")
        seen(f"{len(runs)} firings, each with its row, {len(refused)} of them refused: “{why}”")
        times = [run.scheduled_for or 0 for run in runs]
        assert sorted(times) == list(range(min(times), max(times) + 1, 1000)), "every firing has its row"
        assert not set((house.folder / "ran").read_text().split()) & {run.id for run in refused}
        assert set((house.folder / "served").read_text().split()) <= {run.id for run in house.runs("s")}
        house.check()


@pytest.mark.fault("daemon", "full data directory")
def test_rows_that_wait_for_room_are_written_when_the_daemon_is_stopped_after_all(house: House) -> None:
    with disk_at(house.data) as ballast:
        daemon = house.start('[tasks.tick]\ncron = "@every 1s"\nrun = "true"\n')
        house.ended("tick")
        fill(ballast)
        daemon.says("not started, since the history cannot be written")
        refused = daemon.said.count("not started, since the history cannot be written")
        ballast.unlink()
        assert daemon.stop() == 0
        assert len([run for run in house.runs("tick") if run.exit_code == -1]) >= refused
        assert not [run for run in house.runs() if run.phase is Phase.RUNNING]


@pytest.mark.fault("daemon", "full data directory")
def test_services_come_up_on_a_disk_that_is_full_already(house: House) -> None:
    with disk_at(house.data) as ballast:
        house.start('[services.s]\nrun = "true"\nrestart_delay = "1m"\n').stop()
        fill(ballast)
        daemon = house.start('[services.s]\nrun = "echo up >> up; sleep 1000"\n')
        house.wait_for_file("up")
        ballast.unlink()
        assert house.running("s")
        assert daemon.stop() == 0


@pytest.mark.fault("daemon", "full data directory")
def test_a_password_that_finds_no_room_lasts_until_the_next_start(house: House) -> None:
    with disk_at(house.data) as ballast:
        house.start('[services.s]\nrun = "sleep 1000"\n').stop()
        (house.data / "password").unlink()
        fill(ballast)
        daemon = house.start()
        found = re.fullmatch(
            r"The password is (\w{22}) until the next start: there was no room to keep it in .*/password\n",
            daemon.stdout.read_text(),
        )
        assert found
        assert not (house.data / "password").exists()
        assert Door(daemon).log_in(found[1]).token
        ballast.unlink()
        assert daemon.stop() == 0
        assert len(password_of_a_start(house)) == 22


def password_of_a_start(house: House) -> str:
    house.start().stop()
    return password_of(house)


@pytest.mark.fault("daemon", "read-only data directory")
def test_a_data_directory_on_a_read_only_disk_is_refused(house: House) -> None:
    with disk_at(house.data):
        subprocess.run(["mount", "-o", "remount,ro", str(house.data)], check=True)
        house.write('[tasks.job]\nrun = "true"\n')
        done = house.run("daemon")
        assert done.returncode == 1
        assert "cannot use the data directory" in done.stderr
        assert "Read-only file system" in done.stderr


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", str(path), str(path)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(path)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.fault("daemon", "read-only database")
def test_a_database_that_is_read_only_is_refused_and_left_as_it_is(house: House, seen: Seen) -> None:
    house.start('[tasks.job]\nrun_on_start = true\nrun = "true"\n')
    house.run_of("job")
    house.daemons[0].stop()
    before = house.database.read_bytes()
    with read_only(house.database):
        done = house.run("daemon")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    told, hint = done.stderr.splitlines()
    assert told.endswith(f"cannot open {house.database}: Read-only file system")
    assert hint == "Put that right, or name another directory with --data."
    assert house.database.read_bytes() == before
    house.start()
    assert len(house.ended("job", 2)) == 2
    seen(f"exit code 1, “{told.replace(str(house.folder), '')}”; once it is writable it goes on")


@pytest.mark.fault("daemon", "malformed database")
def test_a_malformed_database_is_set_aside_and_the_history_rebuilt_from_the_logs(house: House) -> None:
    house.start('[tasks.job]\nrun_on_start = true\nrun = "echo kept"\n')
    before = house.run_of("job")
    house.daemons[0].stop()
    house.database.write_bytes(b"no database at all" * 500)
    daemon = house.start('[tasks.other]\nrun = "true"\n')
    daemon.says("the database was malformed and is set aside")
    [aside] = house.data.glob("runwisp.db.corrupt-*")
    assert aside.read_bytes() == b"no database at all" * 500
    [rebuilt] = house.runs("job")
    assert (rebuilt.id, rebuilt.end_reason, rebuilt.log_lines) == (before.id, EndReason.SUCCESS, 1)
    assert house.log(rebuilt) == "kept\n"


@pytest.mark.fault("daemon", "database of a newer version")
def test_a_newer_database_is_refused_and_left_alone(house: House) -> None:
    house.start('[tasks.job]\nrun = "true"\n').stop()
    with closing(sqlite3.connect(house.database)) as database:
        database.execute("PRAGMA user_version = 99")
    done = house.run("daemon")
    assert done.returncode == 1
    assert "was written by a newer version of runwisp (schema 99" in done.stderr
    assert "Traceback" not in done.stderr
    assert house.query("PRAGMA user_version")[0][0] == 99


def test_a_data_directory_that_is_moved_away_refuses_tasks_and_ends_nothing(house: House) -> None:
    house.start(
        '[storage]\nmin_free_space = "1B"\nmax_size = "1KB"\n'
        '[services.s]\nrun = "exec sleep 1000"\n[tasks.tick]\ncron = "@every 1s"\nrun = "true"\n'
    )
    [service] = house.running("s")
    house.ended("tick")
    elsewhere = house.data.rename(house.folder / "elsewhere")
    house.daemons[0].says("does not say what is free")
    elsewhere.rename(house.data)
    house.ended("tick", 1 + len([run for run in house.runs("tick") if run.end_at]))
    assert is_alive(service.pid or 0)
    assert EndReason.FAILED in {run.end_reason for run in house.runs("tick")}
