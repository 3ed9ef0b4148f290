"""The history: every run, where each schedule stands, and which logs are still to be deleted.

Owns the rows and what they mean in SQL; one writer a data directory. Must never decide anything: what to keep
is ``daemon.retention``'s, what a state means ``run``'s. Called by the daemon, and by `exec`, which is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from operator import attrgetter
from typing import Any

from runwisp.clock import Wall
from runwisp.errors import HistoryMalformed
from runwisp.firing import Mark
from runwisp.life import Life, LifeKind
from runwisp.metafiles import Metas
from runwisp.paths import DataDir
from runwisp.run import Phase, Run
from runwisp.runmeta import WORDS
from runwisp.store import SetAside, Store, open_database, set_aside

COLUMNS = tuple(each.name for each in fields(Run))
FIXED = frozenset(
    {
        "id",
        "task_name",
        "kind",
        "triggered_by",
        "created_at",
        "scheduled_for",
        "replica_index",
        "retry_attempt",
        "retry_of_run_id",
    }
)
"""What never changes in the life of a run. To leave it out of updates leaves most indexes alone."""

PLAIN = tuple(name for name in COLUMNS if name not in WORDS and name != "message")
plain_values = attrgetter(*PLAIN)
WRITTEN = (*PLAIN, *WORDS, "message", "life_id")
CHANGES = ", ".join(f"{name} = excluded.{name}" for name in WRITTEN if name not in FIXED)

SELECT_RUN = f"SELECT {', '.join(COLUMNS)} FROM runs"  # noqa: S608, names of our own
SAVE_RUN = (
    f"INSERT INTO runs ({', '.join(WRITTEN)}) VALUES ({', '.join('?' * len(WRITTEN))}) "  # noqa: S608
    f"ON CONFLICT (id) DO UPDATE SET {CHANGES}"
)
SAVE_MARK = (
    "INSERT INTO marks (task_name, schedule, anchored_at, last_fired_at) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (task_name) DO UPDATE SET schedule = excluded.schedule, "
    "anchored_at = excluded.anchored_at, last_fired_at = excluded.last_fired_at"
)
SAVE_LIFE = "INSERT INTO lives (kind, boot_id, pid, pid_started, started_at) VALUES (?, ?, ?, ?, ?)"
UNFINISHED = (
    f"SELECT {', '.join(f'runs.{name}' for name in COLUMNS)}, "  # noqa: S608
    "lives.kind, lives.boot_id, lives.pid, lives.pid_started, lives.started_at "
    # Left to itself SQLite walks a million rows, as that spares it to sort a handful.
    "FROM runs INDEXED BY unfinished_runs JOIN lives ON lives.id = runs.life_id "
    "WHERE runs.life_id IS NOT NULL ORDER BY runs.id"
)
LAST_OF_EACH = (
    f"{SELECT_RUN} WHERE seq IN ("  # noqa: S608
    "SELECT (SELECT max(seq) FROM runs WHERE task_name = counted.task_name) "
    "FROM (SELECT DISTINCT task_name FROM run_counts) AS counted)"
)
REMEMBER_REMOVAL = (
    "INSERT INTO removals (run_id, task_name, log_stem) SELECT id, task_name, log_stem FROM runs "
    # What never started has no log, and never made sure that the name is its own.
    "WHERE seq = ? AND start_at IS NOT NULL AND log_removed_at IS NULL"
)
UNKNOWN_LIFE = Life(LifeKind.DAEMON, boot_id="", pid=0, pid_started=0, started_at=Wall(0))
"""Of runs that only their logs remember: no process can be it."""

Row = tuple[Any, ...]


class History:
    """All that can be asked of the rows and done to them. What is saved belongs to ``life``.

    Raises: HistoryUnwritable, after which nothing of the call is in the database; HistoryMalformed.
    """

    def __init__(self, store: Store, life: Life) -> None:
        self._store = store
        self._life = life
        self._life_id: int | None = None
        self._moved: SetAside | None = None

    def save(self, runs: Iterable[Run], marks: Iterable[Mark] = ()) -> None:
        """Whole rows, all in one transaction; a run is known by its id, a mark by its task."""
        with self._store.transaction():
            life_id = self._life_id or self._store.write(SAVE_LIFE, _life_row(self._life))
            self._store.write_many(SAVE_RUN, (_run_row(run, life_id) for run in runs))
            self._store.write_many(
                SAVE_MARK, ((m.task_name, m.schedule, m.anchored_at, m.last_fired_at) for m in marks)
            )
        self._life_id = life_id

    def unfinished(self) -> list[tuple[Run, Life]]:
        """Every run that has not ended, with the life that saved it last, in the order of their ids."""
        width = len(COLUMNS)
        return [(_run(row[:width]), _life(row[width:])) for row in self._store.read(UNFINISHED)]

    def marks(self) -> dict[str, Mark]:
        rows = self._store.read("SELECT task_name, schedule, anchored_at, last_fired_at FROM marks")
        return {row[0]: Mark(*row) for row in rows}

    def run(self, run_id: str) -> Run | None:
        return next(map(_run, self._store.read(f"{SELECT_RUN} WHERE id = ?", (run_id,))), None)

    def last_runs(self, task_name: str, count: int) -> list[Run]:
        """Newest first."""
        rows = self._store.read(
            f"{SELECT_RUN} WHERE task_name = ? ORDER BY seq DESC LIMIT ?", (task_name, count)
        )
        return [_run(row) for row in rows]

    def last_run_of_each(self) -> dict[str, Run]:
        """The newest run of every task that has one, in the configuration or not."""
        return {run.task_name: run for run in map(_run, self._store.read(LAST_OF_EACH))}

    def task_names(self) -> list[str]:
        """Of all tasks that have a run, in the configuration or not."""
        rows = self._store.read("SELECT DISTINCT task_name FROM run_counts WHERE run_count > 0")
        return [row[0] for row in rows]

    def run_count(self, task_name: str) -> int:
        [(count,)] = self._store.read(
            "SELECT coalesce(sum(run_count), 0) FROM run_counts WHERE task_name = ?", (task_name,)
        )
        return int(count)

    def log_disk_bytes(self) -> int:
        """What the logs of all ended runs take."""
        [(size,)] = self._store.read("SELECT coalesce(sum(log_disk_bytes), 0) FROM run_counts")
        return int(size)

    def running_logs(self) -> list[str]:
        """The logs of runs that run, as ``<task_name>/<log_stem>``."""
        rows = self._store.read(
            "SELECT task_name || '/' || log_stem FROM runs INDEXED BY unfinished_runs "
            "WHERE life_id IS NOT NULL AND phase = 'running'"
        )
        return [row[0] for row in rows]

    def newest_beyond(self, task_name: str, keep_runs: int) -> int | None:
        """Where the runs of a task begin that are not among its ``keep_runs`` newest."""
        rows = self._store.read(
            "SELECT seq FROM runs WHERE task_name = ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
            (task_name, keep_runs),
        )
        return rows[0][0] if rows else None

    def delete_beyond(self, task_name: str, newest: int, limit: int) -> int:
        """Deletes ended runs from ``newest`` on back, the oldest first; gives how many."""
        return self._delete(
            "SELECT seq FROM runs INDEXED BY runs_of_task "
            "WHERE task_name = ? AND seq <= ? AND phase = 'ended' ORDER BY seq LIMIT ?",
            (task_name, newest, limit),
        )

    def delete_aged(self, task_name: str, before: Wall, limit: int) -> int:
        return self._delete(
            "SELECT seq FROM runs INDEXED BY runs_of_task_by_age "
            "WHERE task_name = ? AND created_at < ? AND phase = 'ended' ORDER BY created_at LIMIT ?",
            (task_name, before, limit),
        )

    def delete_without_log(self, before: Wall, limit: int) -> int:
        """Runs whose log was taken away before that instant."""
        return self._delete("SELECT seq FROM runs WHERE log_removed_at < ? LIMIT ?", (before, limit))

    def remove_logs(self, surplus: int, limit: int, now: Wall) -> int:
        """Takes away logs of at least ``surplus`` bytes, if there are, of the runs that ended first; gives
        how many. Their rows stay, with ``log_removed_at``."""
        rows = self._store.read(
            "SELECT seq, log_disk_bytes FROM runs INDEXED BY runs_with_log "
            "WHERE phase = 'ended' AND log_disk_bytes > 0 ORDER BY end_at LIMIT ?",
            (limit,),
        )
        before = accumulate((size for _, size in rows), initial=0)
        victims = [seq for (seq, _), freed in zip(rows, before, strict=False) if freed < surplus]
        with self._store.transaction():
            self._store.write_many(REMEMBER_REMOVAL, ((seq,) for seq in victims))
            self._store.write_many(
                "UPDATE runs SET log_disk_bytes = 0, log_removed_at = ? WHERE seq = ?",
                ((now, seq) for seq in victims),
            )
        return len(victims)

    def removals(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Logs to be deleted from disk, as number and ``<task_name>/<log_stem>``, in the order asked for."""
        rows = self._store.read(
            "SELECT id, task_name || '/' || log_stem FROM removals WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [(number, log) for number, log in rows]

    def forget_removals(self, first: int, last: int) -> None:
        """These logs are gone."""
        self._store.write("DELETE FROM removals WHERE id BETWEEN ? AND ?", (first, last))

    def forget_lives(self, before: Wall) -> None:
        """Lives that began before that instant and have nothing unfinished. Not a young one: an `exec` may be
        about to save its first run."""
        self._store.write(
            "DELETE FROM lives WHERE started_at < ? AND id IS NOT ? "
            "AND id NOT IN (SELECT life_id FROM runs WHERE life_id IS NOT NULL)",
            (before, self._life_id),
        )

    def forget_marks(self, kept: Collection[str]) -> None:
        """Those of other tasks: one that comes back later is a new one and has nothing to catch up on."""
        gone = self.marks().keys() - kept
        self._store.write_many("DELETE FROM marks WHERE task_name = ?", ((name,) for name in gone))

    def renewed(self, now: Wall, why: str) -> Opened:
        """Sets this history aside, found malformed while it was used, and opens a new one in its place.

        The new one knows what the .meta files of logs say; what else the caller knows to be unfinished, it
        has to save. This one is closed. Raises: as ``open_history``; to be called again then.
        """
        if self._moved is None:
            self._moved = set_aside(self._store, now, why)
        return replace(open_history(self._store.data, self._life, now), set_aside=self._moved)

    def close(self) -> None:
        self._store.close()

    def _delete(self, victims: str, parameters: Row) -> int:
        """Deletes the rows whose ``seq`` the query gives, remembering their logs in the same transaction."""
        rows = self._store.read(victims, parameters)
        if rows:
            with self._store.transaction():
                self._store.write_many(REMEMBER_REMOVAL, rows)
                self._store.write_many("DELETE FROM runs WHERE seq = ?", rows)
        return len(rows)


def _run_row(run: Run, life_id: int) -> Row:
    """The values of WRITTEN."""
    message = run.message
    return (
        *plain_values(run),
        run.kind.value,
        run.phase.value,
        run.triggered_by.value,
        run.waits_for.value if run.waits_for else None,
        run.end_reason.value if run.end_reason else None,
        # A path in it may hold bytes that are no text.
        message if message.isascii() else message.encode(errors="backslashreplace").decode(),
        None if run.phase is Phase.ENDED else life_id,
    )


def _run(row: Sequence[Any]) -> Run:
    values = dict(zip(COLUMNS, row, strict=True))
    for name, words in WORDS.items():
        if values[name] is not None:
            values[name] = words(values[name])
    return Run(**values)


def _life_row(life: Life) -> Row:
    return life.kind.value, life.boot_id, life.pid, life.pid_started, life.started_at


def _life(row: Row) -> Life:
    kind, *values = row
    return Life(LifeKind(kind), *values)


@dataclass(frozen=True, slots=True)
class Opened:
    """``set_aside``: the database was malformed; to be told loudly. ``rebuilt_count`` runs of the history
    come from the .meta files of logs, and ``unreadable_count`` of these files said nothing usable."""

    history: History
    set_aside: SetAside | None
    rebuilt_count: int
    unreadable_count: int


def open_history(data: DataDir, life: Life, now: Wall) -> Opened:
    """The history of a data directory that this process has locked.

    A new database, be it the first one or one in the place of a malformed one, starts with the runs whose
    logs lie in the directory. A large one is not checked whole, but what a start reads of it is.

    Raises: HistoryTooNew, HistoryUnwritable, HistoryError, SymlinkRefused, DataDirError.
    """
    metas = Metas(data.logs)

    def fill(store: Store) -> None:
        life_id = store.write(SAVE_LIFE, _life_row(UNKNOWN_LIFE))
        store.write_many(SAVE_RUN, (_run_row(run, life_id) for run in metas.runs()))

    store, moved = open_database(data, now, fill)
    history = History(store, life)
    try:
        history.unfinished()
    except HistoryMalformed as error:
        return history.renewed(now, error.message)
    return Opened(history, moved, metas.read_count, metas.unreadable_count)
