"""Rows: what is saved comes back, whole and in its order, and a lost history is rebuilt from the logs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwisp import store
from runwisp.clock import HOUR, Wall
from runwisp.delivery import Delivery, DeliveryState
from runwisp.event import Event, EventKind
from runwisp.firing import Mark
from runwisp.history import UNKNOWN_LIFE, open_history
from runwisp.ids import spelled
from runwisp.life import Life, LifeKind
from runwisp.logcap import LogTotals
from runwisp.metafiles import Metas
from runwisp.paths import DataDir
from runwisp.run import EndReason, Phase, Run, WaitsFor, ended, with_totals
from runwisp.runmeta import meta_of
from runwisp.series import Series
from tests.integration.rows import LIFE, T0, a_data_dir, a_run, a_running, an_ended, history_in, opened
from tests.unit.anyrun import runs

EXEC = Life(LifeKind.EXEC, boot_id="that boot", pid=200, pid_started=6, started_at=Wall(T0 + 1))


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return a_data_dir(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    return a_data_dir(tmp_path_factory.mktemp("shared"))


def raw(data: DataDir, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(data.database)) as connection:
        return connection.execute(sql).fetchall()


# Saving and asking


@given(run=runs())
def test_every_run_comes_back_as_it_was(shared: DataDir, run: Run) -> None:
    """But for bytes that are no text, which are spelled out."""
    run = replace(run, id=a_run().id)
    with history_in(shared) as history:
        history.save([run])
        message = run.message.encode(errors="backslashreplace").decode()
        assert history.run(run.id) == replace(run, message=message)


@given(first=runs(), then=runs())
def test_a_later_state_of_a_run_replaces_all_that_can_change(shared: DataDir, first: Run, then: Run) -> None:
    first = replace(first, id=a_run().id, message="first")
    then = replace(
        then,
        message="then",
        id=first.id,
        task_name=first.task_name,
        kind=first.kind,
        triggered_by=first.triggered_by,
        created_at=first.created_at,
        scheduled_for=first.scheduled_for,
        replica_index=first.replica_index,
        retry_attempt=first.retry_attempt,
        retry_of_run_id=first.retry_of_run_id,
    )
    with history_in(shared) as history:
        history.save([first])
        history.save([then])
        assert history.run(first.id) == then


def test_an_unknown_run_is_none(data: DataDir) -> None:
    with history_in(data) as history:
        assert history.run(spelled(1)) is None


def test_unfinished_are_all_pending_and_running_ones_with_the_life_that_saved_them_last(
    data: DataDir,
) -> None:
    waiting, running, done = replace(a_run(), waits_for=WaitsFor.QUEUE), a_running(), an_ended()
    with history_in(data) as history:
        history.save([done, running, waiting])
        assert history.unfinished() == [(running, LIFE), (waiting, LIFE)]
    with history_in(data, EXEC) as history:
        history.save([running])
        assert history.unfinished() == [(running, EXEC), (waiting, LIFE)]
        history.save([ended(running, EndReason.CRASHED, -2, "", T0)])
        assert history.unfinished() == [(waiting, LIFE)]


def test_two_lives_write_beside_each_other(data: DataDir) -> None:
    with history_in(data) as daemon, history_in(data, EXEC) as other:
        for _ in range(20):
            daemon.save([a_running("daemon's")])
            other.save([a_running("exec's")])
        assert Counter(life.kind for _, life in daemon.unfinished()) == {
            LifeKind.DAEMON: 20,
            LifeKind.EXEC: 20,
        }


def test_marks_are_kept_by_task_and_replaced(data: DataDir) -> None:
    first = Mark("backup", "0 3 * * * UTC", T0)
    second = replace(first, last_fired_at=Wall(T0 + 5))
    other = Mark("report", "@hourly UTC", T0, T0)
    with history_in(data) as history:
        assert history.marks() == {}
        history.save([], [first, other])
        history.save([], [second])
    with history_in(data) as history:
        assert history.marks() == {"backup": second, "report": other}


def test_tokens_that_have_expired_are_forgotten_and_no_others(data: DataDir) -> None:
    with history_in(data) as history:
        history.revoke_token("old", T0)
        history.revoke_token("young", Wall(T0 + 1))
        history.forget_tokens(T0)
        assert history.revoked_tokens() == {"young": T0 + 1}


def test_newest_is_what_was_recorded_last_whatever_the_clock_said(data: DataDir) -> None:
    from_the_future = an_ended(at=T0 + 10**12)
    after_it = an_ended(at=T0)
    with history_in(data) as history:
        history.save([an_ended("other"), from_the_future])
        history.save([after_it])
        history.save([replace(from_the_future, message="saved again")])
        assert [run.id for run in history.last_runs("backup", 5)] == [after_it.id, from_the_future.id]
        assert history.last_run_of_each()["backup"] == after_it
        assert history.last_run_of_each().keys() == {"backup", "other"}


def test_a_message_with_bytes_that_are_no_text_is_saved(data: DataDir) -> None:
    run = replace(a_run(), message=os.fsdecode(b"exec: /caf\xe9: no such file"))
    with history_in(data) as history:
        history.save([run])
        saved = history.run(run.id)
        assert saved
        assert saved.message == r"exec: /caf\udce9: no such file"


def test_what_the_code_could_not_mean_is_refused_wholly(data: DataDir) -> None:
    with history_in(data) as history:
        good = a_run()
        with pytest.raises(sqlite3.IntegrityError):
            history.save([good, replace(a_run(), id="short")])
        assert history.run(good.id) is None


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from([*EndReason, *Phase]), st.integers(0, 5000), st.booleans()
        ),
        max_size=40,
    )
)
def test_counters_are_what_counting_gives(shared: DataDir, states: list[tuple[int, str, int, bool]]) -> None:
    with history_in(shared) as history:
        known = [a_run(f"counted-{number}") for number in range(4)]
        for number, state, size, is_deleted in states:
            run = known[number]
            if state in list(EndReason):
                run = replace(run, phase=Phase.ENDED, end_reason=EndReason(state), end_at=T0)
            elif state != Phase.ENDED:
                run = replace(run, phase=Phase(state))
            history.save([replace(run, log_disk_bytes=size)])
            if is_deleted:
                history.delete_aged(run.task_name, Wall(T0 + 1), 10)
    counted = raw(
        shared,
        "SELECT task_name, coalesce(end_reason, phase), count(*), sum(log_disk_bytes) "
        "FROM runs GROUP BY 1, 2",
    )
    assert raw(shared, "SELECT * FROM run_counts WHERE run_count > 0 ORDER BY 1, 2") == sorted(counted)
    assert raw(shared, "SELECT count(*) FROM run_counts WHERE run_count <= 0 AND log_disk_bytes <> 0") == [
        (0,)
    ]


def test_unfinished_runs_come_in_the_order_they_were_recorded_whatever_the_clock_said(data: DataDir) -> None:
    first, second = a_run(at=T0 + HOUR), a_run(at=T0)
    assert second.id < first.id
    with history_in(data) as history:
        history.save([first])
        history.save([second])
        assert [run.id for run, _ in history.unfinished()] == [first.id, second.id]


def test_lives_with_nothing_unfinished_are_forgotten_and_no_others(data: DataDir) -> None:
    with history_in(data) as history:
        history.save([a_run()])
    with history_in(data, replace(LIFE, pid=101)) as history:
        history.save([an_ended()])
    with history_in(data, replace(LIFE, pid=102)) as history:
        history.save([an_ended()])
        history.forget_lives(T0)
        assert raw(data, "SELECT pid FROM lives WHERE boot_id <> ''") == [(100,), (101,), (102,)]
        history.forget_lives(Wall(T0 + 1))
        assert raw(data, "SELECT pid FROM lives") == [(100,), (102,)]
        history.save([a_run()])


def test_questions_of_the_daemon_are_answered_by_an_index(data: DataDir) -> None:
    """A million rows must not be walked at a start, nor for each task of a sweep."""
    seen: list[str] = []
    with history_in(data) as history:
        history._store._connection.set_trace_callback(seen.append)
        history.save([an_ended(), a_run()], [Mark("backup", "@daily", T0)])
        history.unfinished()
        history.run(spelled(1))
        history.last_runs("backup", 5)
        history.last_run_of_each()
        history.running_logs()
        history.newest_beyond("backup", 10)
        history.delete_beyond("backup", 10, 100)
        history.delete_aged("backup", T0, 100)
        history.delete_without_log(T0, 100)
        history.remove_logs(1, 100, T0)
        history.forget_lives(T0)
        history._store._connection.set_trace_callback(None)
    asked = [sql for sql in seen if "runs" in sql and not sql.startswith("--")]
    assert len(asked) > 12
    for sql in asked:
        steps = [step for *_, step in raw(data, f"EXPLAIN QUERY PLAN {sql}")]
        walks = [step for step in steps if step.startswith("SCAN runs")]
        assert not [walk for walk in walks if not walk.endswith(("unfinished_runs", "runs_with_log"))], sql


# A new database


def write_meta(data: DataDir, run: Run, log: object = None, is_final: bool = True) -> Path:
    """As the pump does."""
    folder = Path(data.logs, run.task_name)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.log_stem}.log.meta"
    totals = {"log_lines": 1, "log_bytes": 20, "log_dropped_lines": 0, "log_disk_bytes": 300, "rotations": 0}
    meta = {"run": meta_of(run), "log": log if log is not None else totals, "finalized": is_final}
    path.write_text(json.dumps(meta))
    return path


def test_a_lost_history_is_rebuilt_from_the_logs_in_the_order_of_the_runs(data: DataDir) -> None:
    past = [an_ended(f"task-{number % 3}", T0 + number * 1000) for number in range(30)]
    running = a_running("task-1", T0 + 40_000)
    for run in [*reversed(past), running]:
        write_meta(data, run)
    Path(data.database).write_bytes(b"no database" * 1000)
    with opened(data) as found:
        assert found.set_aside
        assert (found.rebuilt_count, found.unreadable_count) == (31, 0)
        totals = LogTotals(1, 20, 0, 300)
        assert found.history.unfinished() == [(with_totals(running, totals), UNKNOWN_LIFE)]
        assert [found.history.run(run.id) for run in past] == [with_totals(run, totals) for run in past]
    assert [row[0] for row in raw(data, "SELECT id FROM runs ORDER BY seq")] == [
        *(run.id for run in past),
        running.id,
    ]


def test_a_first_history_is_empty(data: DataDir) -> None:
    with opened(data) as found:
        assert (found.set_aside, found.rebuilt_count, found.unreadable_count) == (None, 0, 0)
        assert found.history.unfinished() == []


def test_an_existing_history_is_not_filled_again(data: DataDir) -> None:
    with history_in(data) as history:
        history.save([])
    write_meta(data, an_ended())
    with opened(data) as found:
        assert found.rebuilt_count == 0
        assert found.history.task_names() == []


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"run": 7}',
        b'{"run": {}}',
        b'{"run": {"id": "x"}}',
        b"9" * 5000,
        b"[" * 99_999,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_a_meta_file_that_says_nothing_usable_is_counted_and_left(data: DataDir, text: bytes) -> None:
    good = an_ended(at=T0 + 1000)
    write_meta(data, good)
    bad = write_meta(data, an_ended())
    bad.write_bytes(text)
    with opened(data) as found:
        assert (found.rebuilt_count, found.unreadable_count) == (1, 1)
        assert found.history.run(good.id)
    assert bad.read_bytes() == text


def test_the_place_of_a_log_is_believed_not_what_its_meta_says(data: DataDir) -> None:
    run = an_ended()
    path = write_meta(data, run)
    (path.parent.parent / "renamed").mkdir()
    path.rename(path.parent.parent / "renamed" / "20250101_000000_XXXXX.log.meta")
    with history_in(data) as history:
        saved = history.run(run.id)
        assert saved
        assert (saved.task_name, saved.log_stem) == ("renamed", "20250101_000000_XXXXX")


def test_folders_that_no_task_can_have_are_counted_and_left(data: DataDir) -> None:
    path = write_meta(data, an_ended())
    strange = os.fsencode(data.logs) + b"/caf\xe9"
    os.mkdir(strange)
    path.rename(os.path.join(os.fsdecode(strange), path.name))
    Path(data.logs, "file.log.meta").write_text("not in a folder")
    with opened(data) as found:
        assert (found.rebuilt_count, found.unreadable_count) == (0, 1)


def test_logs_that_are_no_folder_do_not_keep_the_daemon_down(data: DataDir) -> None:
    Path(data.logs).write_text("a file")
    with opened(data) as found:
        assert (found.rebuilt_count, found.unreadable_count) == (0, 1)


def test_no_meta_is_read_through_a_symlink(data: DataDir, tmp_path: Path) -> None:
    elsewhere = a_data_dir(tmp_path / "elsewhere")
    path = write_meta(elsewhere, an_ended())
    os.makedirs(f"{data.logs}/backup")
    os.symlink(path, f"{data.logs}/backup/{path.name}")
    os.symlink(path.parent, f"{data.logs}/other")
    with opened(data) as found:
        assert (found.rebuilt_count, found.unreadable_count) == (0, 1)


def test_a_kill_in_the_middle_of_rebuilding_starts_it_over(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = [an_ended(at=T0 + number * 1000) for number in range(500)]
    for run in past:
        write_meta(data, run)
    pid = os.fork()
    if not pid:
        read = Metas.runs

        def dying(metas: Metas) -> Any:
            for number, run in enumerate(read(metas)):
                if number == 400:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield run

        monkeypatch.setattr(Metas, "runs", dying)
        open_history(data, LIFE, T0)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    with opened(data) as found:
        assert not found.set_aside
        assert found.rebuilt_count == 500
        assert found.history.run_count("backup") == 500


# A large one


def test_opening_a_large_history_reads_little_of_it(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a check of the whole file, the machine's own measure."""
    monkeypatch.setattr(store, "CHECKED_WHOLE", 4 * 1024 * 1024)
    with history_in(data) as history:
        for start in range(0, 20_000, 1000):
            history.save([an_ended(f"task-{n % 50}", T0 + n) for n in range(start, start + 1000)])
        history.save([a_running()])
    assert os.path.getsize(data.database) > store.CHECKED_WHOLE
    began = time.perf_counter()
    with history_in(data) as history:
        assert len(history.unfinished()) == 1
        took = time.perf_counter() - began
        began = time.perf_counter()
        history._store.read("PRAGMA quick_check")
    assert took < (time.perf_counter() - began) / 4


# Messages on their way


@given(
    run=st.none() | runs(),
    text=st.text(),
    count=st.integers(1, 2**40),
    due_at=st.none() | st.just(Wall(T0 + 5)),
)
def test_a_delivery_and_its_series_come_back_as_they_were_until_they_are_over(
    tmp_path_factory: pytest.TempPathFactory, run: Run | None, text: str, count: int, due_at: Wall | None
) -> None:
    run = replace(run, message="exited with code 3") if run else None
    event = Event(EventKind.RUN_FAILED, T0, text, text or None, None, {"reason": text, "exit_code": 3})
    state = DeliveryState.QUEUED if due_at is None else DeliveryState.WAITING
    delivery = Delivery(
        id=spelled(count),
        address="slack:#ops",
        event=event,
        run=run,
        count=count,
        since=T0,
        state=state,
        due_at=due_at,
    )
    series = Series(address="slack", opened_at=T0, event=event, run=run, count=count, told=0)
    with history_in(a_data_dir(tmp_path_factory.mktemp("data"))) as history:
        history.save([], tidings=[series, delivery])
        assert history.deliveries() == [delivery]
        assert history.series() == [series]
        over = replace(delivery, state=DeliveryState.SENT)
        history.save([], tidings=[replace(series, is_over=True), over])
        assert history.deliveries() == []
        assert history.series() == []
