"""The database's file: private, whole after every kill, migrated with a copy kept, malformed set aside."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from runwisp import store
from runwisp.clock import DAY, Wall
from runwisp.errors import (
    DataDirError,
    HistoryError,
    HistoryMalformed,
    HistoryTooNew,
    HistoryUnwritable,
    Obstacle,
    SymlinkRefused,
)
from runwisp.firing import Mark
from runwisp.history import History, open_history
from runwisp.paths import DataDir
from runwisp.recorder import Recorder
from runwisp.run import EndReason
from runwisp.store import HINTS
from tests.integration.forked import as_nobody
from tests.integration.rows import (
    LIFE,
    T0,
    a_data_dir,
    a_run,
    a_running,
    an_ended,
    history_in,
    opened,
    scribble,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return a_data_dir(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[DataDir]:
    """A data directory on a file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True)
    yield a_data_dir(place)
    subprocess.run(["umount", str(place)], check=True)


def checked(data: DataDir) -> str:
    with closing(sqlite3.connect(data.database)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


def filled(data: DataDir, count: int = 200) -> list[str]:
    runs = [an_ended(f"task-{number % 7}", T0 + number) for number in range(count)]
    with history_in(data) as history:
        history.save(runs, [Mark("task-1", "@daily", T0)])
    return [run.id for run in runs]


def names(data: DataDir) -> set[str]:
    return set(os.listdir(data.absolute))


# Private files


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777], ids=oct)
def test_all_its_files_are_private_whatever_the_umask(data: DataDir, umask: int) -> None:
    before = os.umask(umask)
    try:
        with history_in(data) as history:
            history.save([a_run()])
            modes = {name: stat.S_IMODE(os.stat(f"{data.absolute}/{name}").st_mode) for name in names(data)}
    finally:
        os.umask(before)
    assert modes == {"runwisp.db": 0o600, "runwisp.db-wal": 0o600, "runwisp.db-shm": 0o600}


def test_files_that_others_could_read_are_closed_to_them(data: DataDir) -> None:
    with history_in(data) as history:
        history.save([a_run()])
        paths = [f"{data.absolute}/{name}" for name in names(data)]
        assert len(paths) == 3
        for path in paths:
            os.chmod(path, 0o644)
        with history_in(data):
            assert {stat.S_IMODE(os.stat(path).st_mode) for path in paths} == {0o600}


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_no_file_of_it_is_reached_through_a_symlink(data: DataDir, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "target"
    os.symlink(target, data.database + suffix)
    with pytest.raises(SymlinkRefused, match=f"refusing to write .*runwisp.db{suffix}: path is a symlink"):
        open_history(data, LIFE, T0)
    assert not target.exists()


# Malformed


def test_what_is_no_database_is_set_aside_and_kept(data: DataDir) -> None:
    Path(data.database).write_bytes(b"certainly no database\n" * 500)
    with opened(data, now=T0 + 7) as found:
        assert found.set_aside
        assert found.set_aside.path == f"{data.path}/runwisp.db.corrupt-20231114T221320.007Z"
        assert "not a database" in found.set_aside.why
        assert Path(found.set_aside.path).read_bytes().startswith(b"certainly no database")
        found.history.save([a_run()])
    assert checked(data) == "ok"


def test_another_program_s_database_is_set_aside(data: DataDir) -> None:
    with closing(sqlite3.connect(data.database)) as connection:
        connection.execute("CREATE TABLE runs (who TEXT)")
    with opened(data) as found:
        assert found.set_aside
        assert "no history" in found.set_aside.why


def test_a_history_that_lacks_a_table_is_set_aside(data: DataDir) -> None:
    filled(data)
    with closing(sqlite3.connect(data.database)) as connection:
        connection.execute("DROP TABLE marks")
    with opened(data) as found:
        assert found.set_aside
        assert found.set_aside.why.endswith("it lacks marks")


@pytest.mark.parametrize("kept", [600, 4096, 9000, 40_000], ids=lambda kept: f"{kept} bytes")
def test_a_truncated_database_is_set_aside(data: DataDir, kept: int) -> None:
    filled(data)
    os.truncate(data.database, kept)
    with opened(data) as found:
        assert found.set_aside
        found.history.save([a_run()])
    assert checked(data) == "ok"


def test_an_empty_file_is_a_new_database(data: DataDir) -> None:
    Path(data.database).touch()
    with opened(data) as found:
        assert not found.set_aside
        found.history.save([a_run()])


def test_a_page_scribbled_over_anywhere_is_noticed_at_once_while_the_history_is_small(data: DataDir) -> None:
    filled(data)
    pages = os.path.getsize(data.database) // 4096
    whole = Path(data.database).read_bytes()
    assert pages > 15
    for page in range(pages):
        Path(data.database).write_bytes(whole)
        scribble(data.database, page)
        with opened(data, now=T0 + page) as found:
            assert found.set_aside, f"page {page} of {pages}"
            found.history.save([a_run()])


def test_damage_in_a_large_history_is_an_error_when_it_is_met_never_a_wrong_answer(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if too large to be checked wholly at open."""
    monkeypatch.setattr(store, "CHECKED_WHOLE", 0)
    ids = filled(data)
    pages = os.path.getsize(data.database) // 4096
    whole = Path(data.database).read_bytes()
    met = 0
    for page in range(pages):
        Path(data.database).write_bytes(whole)
        scribble(data.database, page)
        with opened(data, now=T0 + page) as found:
            try:
                answers = [found.history.run(run_id) for run_id in ids]
            except HistoryMalformed:
                met += 1
                continue
            assert found.set_aside or all(
                run and run.id == wanted for run, wanted in zip(answers, ids, strict=True)
            )
    assert met


def test_a_database_found_malformed_at_work_is_set_aside_with_what_its_wal_holds(data: DataDir) -> None:
    with opened(data) as found:
        found.history.save([an_ended()])
        again = found.history.renewed(Wall(T0 + 1), "malformed: said the test")
        assert again.set_aside
        assert again.set_aside.path.endswith("runwisp.db.corrupt-20231114T221320.001Z")
        assert again.history.unfinished() == []
        again.history.save([a_run()])
        again.history.close()
    with closing(sqlite3.connect(again.set_aside.path)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_damage_where_a_start_reads_sets_a_large_history_aside_too(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHECKED_WHOLE", 0)
    with history_in(data) as history:
        history.save([a_running() for _ in range(200)])
    pages = os.path.getsize(data.database) // 4096
    whole = Path(data.database).read_bytes()
    set_aside = 0
    for page in range(pages):
        Path(data.database).write_bytes(whole)
        scribble(data.database, page)
        with opened(data, now=T0 + page) as found:
            found.history.unfinished()
            set_aside += found.set_aside is not None
    assert set_aside > pages // 2


def test_while_no_new_database_can_be_made_the_old_one_stays_malformed_and_nobody_fails(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise HistoryUnwritable("the disk is full", "Free space", Obstacle.FULL)

    with opened(data) as found:
        found.history.save([an_ended()])
        with monkeypatch.context() as full:
            full.setattr(store, "_make_ready", refuse)
            with pytest.raises(HistoryUnwritable):
                found.history.renewed(T0, "malformed: said the test")
            for ask in (found.history.unfinished, found.history.marks, lambda: found.history.save([a_run()])):
                with pytest.raises(HistoryMalformed, match="is set aside"):
                    ask()
        again = found.history.renewed(Wall(T0 + 1), "malformed: said the test")
        again.history.save([a_run()])
        again.history.close()
        assert again.set_aside and os.path.exists(again.set_aside.path)


def test_a_database_that_cannot_be_renamed_is_not_lost(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with opened(data) as found:
        found.history.save([an_ended()])
        with monkeypatch.context() as broken:
            broken.setattr(os, "rename", refuse)
            with pytest.raises(HistoryError, match=r"cannot set the malformed .* aside: Read-only"):
                found.history.renewed(T0, "malformed: said the test")
        assert found.history.task_names() == ["backup"]


# Versions

LATEST = len(store.MIGRATIONS)


def test_a_newer_database_is_refused_and_left_as_it_is(data: DataDir) -> None:
    filled(data)
    with closing(sqlite3.connect(data.database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = Path(data.database).read_bytes()
    with pytest.raises(HistoryTooNew, match="schema 99") as caught:
        open_history(data, LIFE, T0)
    assert "before-v99" in caught.value.hint
    assert Path(data.database).read_bytes() == before
    assert names(data) == {"runwisp.db"}


@pytest.fixture
def newer_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "9999_colours.sql"
    script.write_text("CREATE TABLE colours (name TEXT) STRICT;\nINSERT INTO colours VALUES ('blue');\n")
    monkeypatch.setattr(store, "MIGRATIONS", (*store.MIGRATIONS, str(script)))
    return script


def version_of(path: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_an_older_database_is_migrated_and_a_copy_of_it_kept(
    data: DataDir, newer_version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(store, "MIGRATIONS", store.MIGRATIONS[:-1])
        ids = filled(data)
    with opened(data) as found:
        assert not found.set_aside
        assert all(found.history.run(run_id) for run_id in ids)
    copy = f"{data.database}.before-v{LATEST + 1}"
    assert (version_of(data.database), version_of(copy)) == (LATEST + 1, LATEST)
    assert stat.S_IMODE(os.stat(copy).st_mode) == 0o600
    assert names(data) == {"runwisp.db", f"runwisp.db.before-v{LATEST + 1}"}
    monkeypatch.setattr(store, "MIGRATIONS", store.MIGRATIONS[:-1])
    shutil.move(copy, data.database)
    with history_in(data) as history:
        assert all(history.run(run_id) for run_id in ids)


def test_a_migration_that_fails_changes_nothing(
    data: DataDir, newer_version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(store, "MIGRATIONS", store.MIGRATIONS[:-1])
        filled(data)
    good = newer_version.read_text()
    newer_version.write_text(good + "DROP TABLE nothing;\n")
    with pytest.raises(sqlite3.OperationalError, match="nothing"):
        open_history(data, LIFE, T0)
    assert version_of(data.database) == LATEST
    newer_version.write_text(good)
    with history_in(data):
        assert version_of(data.database) == LATEST + 1


def test_a_database_of_the_first_version_is_brought_up_to_date_with_all_that_was_in_it(data: DataDir) -> None:
    folder = Path(store.__file__).parent / "migrations"
    with closing(sqlite3.connect(data.database)) as first, first:
        first.executescript((folder / "0001_history.sql").read_text())
        first.execute("PRAGMA user_version = 1")
        first.execute("INSERT INTO lives VALUES (7, 'daemon', 'boot', 1, 2, 3)")
        for index, (phase, reason) in enumerate(
            [("ended", "success"), ("ended", "success"), ("ended", "failed"), ("running", None)]
        ):
            first.execute(
                "INSERT INTO runs (id, task_name, kind, phase, triggered_by, created_at, log_stem, message, "
                "end_at, end_reason, exit_code, replica_index, retry_attempt, log_lines, log_bytes, "
                "log_dropped_lines, log_disk_bytes, life_id) "
                "VALUES (?, 'backup', 'task', ?, 'cron', ?, 'stem', '', ?, ?, 0, 0, 0, 0, 0, 0, 0, ?)",
                (f"{index:026}", phase, T0, T0 if reason else None, reason, None if reason else 7),
            )
    with opened(data) as found:
        assert not found.set_aside
        assert [run.end_reason for run in found.history.last_runs("backup", 9)] == [
            None,
            EndReason.FAILED,
            EndReason.SUCCESS,
            EndReason.SUCCESS,
        ]
        assert found.history.signing() is None
    assert version_of(data.database) == LATEST
    with closing(sqlite3.connect(data.database)) as database:
        ends = database.execute("SELECT * FROM run_ends ORDER BY end_reason").fetchall()
        assert ends == [(T0 // 1_800_000, "failed", 1), (T0 // 1_800_000, "success", 2)]
    copy = f"{data.database}.before-v{LATEST}"
    assert version_of(copy) == 1


@as_root
def test_without_room_for_the_copy_nothing_is_migrated(
    small_disk: DataDir, newer_version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(store, "MIGRATIONS", store.MIGRATIONS[:-1])
        filled(small_disk, 1100)
    Path(small_disk.absolute, "ballast").write_bytes(b"x" * 300_000)
    with pytest.raises(HistoryError, match="cannot keep a copy") as caught:
        open_history(small_disk, LIFE, T0)
    assert "Make room" in caught.value.hint
    assert version_of(small_disk.database) == LATEST


# Disk and rights


@as_root
def test_a_full_disk_loses_nothing_that_was_saved_and_no_half_of_what_was_not(small_disk: DataDir) -> None:
    saved: list[str] = []
    with history_in(small_disk) as history:
        ballast = Path(small_disk.absolute, "ballast")
        ballast.write_bytes(b"x" * 300_000)
        with pytest.raises(HistoryUnwritable) as caught:
            while True:
                runs = [an_ended() for _ in range(20)]
                history.save(runs, [Mark("backup", "@daily", T0, Wall(T0 + len(saved)))])
                saved += [run.id for run in runs]
        assert caught.value.obstacle is Obstacle.FULL
        assert not any(history.run(run.id) for run in runs)
        assert history.marks()["backup"].last_fired_at == T0 + len(saved) - 20
        ballast.unlink()
        history.save(runs)
    with history_in(small_disk) as history:
        assert all(history.run(run_id) for run_id in [*saved, *(run.id for run in runs)])
    assert checked(small_disk) == "ok"


@as_root
def test_little_room_on_a_full_disk_is_enough_for_ever_as_the_wal_moves_into_the_database(
    small_disk: DataDir,
) -> None:
    """SQLite does that at 4 MiB by itself, which such a disk has no room for."""
    runs = [an_ended() for _ in range(20)]
    with history_in(small_disk) as history:
        recorder = Recorder(history)
        ballast = Path(small_disk.absolute, "ballast")
        ballast.write_bytes(b"x" * 300_000)
        turns = count()
        while recorder.save([replace(run, message=f"turn {next(turns)}") for run in runs]):
            pass
        assert not recorder.retry()
        os.truncate(ballast, 100_000)
        assert recorder.retry(), recorder.reason
        for turn in range(100):
            saved = recorder.save([replace(run, message=f"later {turn}") for run in runs])
            assert saved, (turn, recorder.reason)
        assert {history.run(run.id).message for run in runs} == {"later 99"}  # type: ignore[union-attr]
    assert checked(small_disk) == "ok"


@as_root
def test_with_a_disk_that_is_wholly_full_a_history_still_opens_and_is_shared_once_there_is_room(
    small_disk: DataDir,
) -> None:
    """Services have to come up: what cannot be written meanwhile waits elsewhere."""
    done, running = an_ended(), a_running()
    with history_in(small_disk) as history:
        history.save([done, running], [Mark("backup", "@daily", T0)])
    ballast = Path(small_disk.absolute, "ballast")
    with pytest.raises(OSError, match="No space"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    with opened(small_disk) as found:
        history = found.history
        assert not found.set_aside
        assert history.unfinished() == [(running, LIFE)]
        assert history.marks().keys() == {"backup"}
        with pytest.raises(HistoryUnwritable) as caught:
            history.save([a_run()])
        assert caught.value.obstacle is Obstacle.FULL
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            checked(small_disk)
        ballast.unlink()
        history.save([an_ended()])
        assert checked(small_disk) == "ok"
        history.save([an_ended()])
        assert history.run_count("backup") == 4


def test_what_is_saved_is_saved_though_it_cannot_be_shared_yet(data: DataDir, tmp_path: Path) -> None:
    """Not even opened: somebody has taken the data directory away, for now."""
    elsewhere = tmp_path / "elsewhere"
    place, _ = store.open_database(data, T0, lambda _: None)

    def save(row: int) -> None:
        with place.transaction():
            place.write("INSERT INTO removals VALUES (?, 'id', 'backup', 'stem')", (row,))

    with closing(place):
        place.be_alone()
        os.rename(data.absolute, elsewhere)
        save(1)
        save(2)
        os.rename(elsewhere, data.absolute)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            checked(data)
        save(3)
        assert checked(data) == "ok"
        assert place.read("SELECT id FROM removals") == [(1,), (2,), (3,)]


@as_root
def test_a_first_history_is_not_begun_on_a_full_disk(small_disk: DataDir) -> None:
    ballast = Path(small_disk.absolute, "ballast")
    with pytest.raises(OSError, match="No space"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(HistoryUnwritable) as caught:
        open_history(small_disk, LIFE, T0)
    assert caught.value.obstacle is Obstacle.FULL
    ballast.unlink()
    filled(small_disk)


@as_root
def test_a_directory_that_became_read_only_is_said_to_be(open_folder: Path) -> None:
    os.chmod(open_folder, 0o777)

    def daemon() -> list[str]:
        data = a_data_dir(open_folder)
        filled(data)
        os.chmod(data.absolute, 0o500)
        try:
            open_history(data, LIFE, T0)
        except HistoryUnwritable as error:
            return [error.obstacle, error.hint]
        return []

    assert as_nobody(daemon) == [Obstacle.READ_ONLY, HINTS[Obstacle.READ_ONLY]]


def test_a_database_that_another_process_keeps_locked_is_said_to_be(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_FOR", 0.01)
    with history_in(data) as history, closing(sqlite3.connect(data.database, isolation_level=None)) as other:
        history.save([a_run()])
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryUnwritable) as caught:
            history.save([a_run()])
        assert caught.value.obstacle is Obstacle.BUSY
        other.execute("ROLLBACK")
        history.save([a_run()])


def test_a_directory_in_the_place_of_the_database_is_refused(data: DataDir) -> None:
    os.mkdir(data.database)
    with pytest.raises(DataDirError):
        open_history(data, LIFE, T0)


# Kills


def write_until_killed(data: DataDir, life: int, out: int) -> None:
    """Saves batches for ever, telling the ids of each batch once it is saved."""
    history: History = open_history(data, LIFE, T0).history
    number = 0
    while True:
        runs = [an_ended("killed", T0 + life * DAY) for _ in range(1 + number % 30)]
        history.save(runs, [Mark("killed", "@daily", T0, Wall(number))])
        os.write(out, json.dumps([number, [run.id for run in runs]]).encode() + b"\n")
        number += 1


def test_a_writer_killed_at_any_moment_leaves_whole_transactions_and_a_sound_file(data: DataDir) -> None:
    total = 0
    for life in range(12):
        out, into = os.pipe()
        pid = os.fork()
        if not pid:
            write_until_killed(data, life, into)
        os.close(into)
        with open(out, "rb") as told:
            lines = [told.readline() for _ in range(3 + life * 7)]
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            lines += told.readlines()
        batches = [json.loads(line) for line in lines if line.endswith(b"\n")]
        total += sum(len(ids) for _, ids in batches)
        with opened(data) as found:
            assert not found.set_aside
            assert all(found.history.run(run_id) for _, ids in batches for run_id in ids)
            marked = found.history.marks()["killed"].last_fired_at
            assert marked in (batches[-1][0], batches[-1][0] + 1), "the mark goes with its rows"
            unheard = found.history.run_count("killed") - total
            assert unheard in (0, 1 + (batches[-1][0] + 1) % 30), "a batch is saved wholly or not at all"
            total += unheard
    assert checked(data) == "ok"
