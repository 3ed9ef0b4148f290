"""The history: every run, where each schedule stands, the bell, messages on their way, and which logs are
still to be deleted.

Owns the rows and what they mean in SQL; one writer a data directory. Must never decide anything: what to keep
is ``daemon.retention``'s, what a state means ``run``'s. Called by the daemon, and by `exec`, which is one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import accumulate
from operator import attrgetter
from typing import Any

from runwisp.clock import Wall
from runwisp.delivery import Delivery
from runwisp.deliveryrows import SELECT_DELIVERIES, SELECT_SERIES, changes, delivery_from, series_from
from runwisp.errors import HistoryMalformed
from runwisp.event import EventKind, Severity
from runwisp.firing import Mark
from runwisp.frozen import frozen
from runwisp.historyrows import COLUMNS, HALF_HOUR, NOTICE_COLUMNS, SELECT_NOTICE, SELECT_RUN, run_from
from runwisp.life import Life, LifeKind
from runwisp.metafiles import Metas
from runwisp.notice import Notice
from runwisp.paths import DataDir
from runwisp.run import EndReason, Phase, Run
from runwisp.runmeta import WORDS, storable
from runwisp.series import Series
from runwisp.signing import Signing
from runwisp.store import SetAside, Store, open_database, set_aside

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

SAVE_RUN = (
    f"INSERT INTO runs ({', '.join(WRITTEN)}) VALUES ({', '.join('?' * len(WRITTEN))}) "  # noqa: S608
    f"ON CONFLICT (id) DO UPDATE SET {CHANGES}"
)
SAVE_MARK = (
    "INSERT INTO marks (task_name, schedule, anchored_at, last_fired_at) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (task_name) DO UPDATE SET schedule = excluded.schedule, "
    "anchored_at = excluded.anchored_at, last_fired_at = excluded.last_fired_at"
)
SAVE_NOTICE = (
    f"INSERT OR REPLACE INTO notices ({', '.join(NOTICE_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join(f':{name}' for name in NOTICE_COLUMNS)})"
)
SAVE_LIFE = "INSERT INTO lives (kind, boot_id, pid, pid_started, started_at) VALUES (?, ?, ?, ?, ?)"
UNFINISHED = (
    f"SELECT {', '.join(f'runs.{name}' for name in COLUMNS)}, "  # noqa: S608
    "lives.kind, lives.boot_id, lives.pid, lives.pid_started, lives.started_at "
    # Left to itself SQLite walks a million rows, as that spares it to sort a handful.
    "FROM runs INDEXED BY unfinished_runs JOIN lives ON lives.id = runs.life_id "
    "WHERE runs.life_id IS NOT NULL ORDER BY runs.seq"
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
Tiding = Notice | Delivery | Series
"""What comes of an event, and is saved with it."""
Deleted = list[tuple[str, str]]
"""Runs that are not in the history any more, as name of the task and id."""


class History:
    """All that can be asked of the rows and done to them. What is saved belongs to ``life``.

    Raises: HistoryUnwritable, after which nothing of the call is in the database; HistoryMalformed.
    """

    def __init__(self, store: Store, life: Life) -> None:
        self._store = store
        self._life = life
        self._life_id: int | None = None
        self._moved: SetAside | None = None

    def save(self, runs: Iterable[Run], marks: Iterable[Mark] = (), tidings: Collection[Tiding] = ()) -> None:
        """Whole rows, all in one transaction; runs and notices are known by their id, a mark by its task."""
        with self._store.transaction():
            life_id = self._life_id or self._store.write(SAVE_LIFE, _life_row(self._life))
            self._store.write_many(SAVE_RUN, (_run_row(run, life_id) for run in runs))
            self._store.write_many(
                SAVE_MARK, ((m.task_name, m.schedule, m.anchored_at, m.last_fired_at) for m in marks)
            )
            notices = (notice_row(tiding) for tiding in tidings if isinstance(tiding, Notice))
            self._store.write_many(SAVE_NOTICE, notices)
            for sql, row in changes(tiding for tiding in tidings if not isinstance(tiding, Notice)):
                self._store.write(sql, row)
        self._life_id = life_id

    def make_room(self) -> None:
        """On a full disk, before anything is saved once more."""
        self._store.empty_wal()

    def deliveries(self) -> list[Delivery]:
        """All that are on their way, in the order they were made."""
        return list(map(delivery_from, self._store.read(SELECT_DELIVERIES)))

    def series(self) -> list[Series]:
        """Those that are open, in the order they were opened."""
        return list(map(series_from, self._store.read(SELECT_SERIES)))

    def unfinished(self) -> list[tuple[Run, Life]]:
        """Every run that has not ended, with the life that saved it last, in the order they were recorded."""
        width = len(COLUMNS)
        return [(run_from(row[:width]), _life(row[width:])) for row in self._store.read(UNFINISHED)]

    def marks(self) -> dict[str, Mark]:
        rows = self._store.read("SELECT task_name, schedule, anchored_at, last_fired_at FROM marks")
        return {row[0]: Mark(*row) for row in rows}

    def run(self, run_id: str) -> Run | None:
        return next(map(run_from, self._store.read(f"{SELECT_RUN} WHERE id = ?", (run_id,))), None)

    def last_runs(self, task_name: str, count: int) -> list[Run]:
        """Newest first."""
        rows = self._store.read(
            f"{SELECT_RUN} WHERE task_name = ? ORDER BY seq DESC LIMIT ?", (task_name, count)
        )
        return [run_from(row) for row in rows]

    def last_run_of_each(self) -> dict[str, Run]:
        """The newest run of every task that has one, in the configuration or not."""
        return {run.task_name: run for run in map(run_from, self._store.read(LAST_OF_EACH))}

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

    def signing(self) -> Signing | None:
        rows = self._store.read("SELECT secret, salt, password_hash, is_given FROM signing")
        for secret, salt, password_hash, is_given in rows:
            return Signing(secret, salt, password_hash, bool(is_given))
        return None

    def remember_signing(self, signing: Signing) -> None:
        self._store.write(
            "INSERT OR REPLACE INTO signing (id, secret, salt, password_hash, is_given) "
            "VALUES (1, ?, ?, ?, ?)",
            (signing.secret, signing.salt, signing.password_hash, signing.is_given),
        )

    def forget_tokens(self, before: Wall) -> None:
        """Revoked ones that would have expired until that instant anyway."""
        self._store.write("DELETE FROM revoked_tokens WHERE expires_at <= ?", (before,))

    def revoked_tokens(self) -> dict[str, Wall]:
        """With when they would have expired."""
        return dict(self._store.read("SELECT token_id, expires_at FROM revoked_tokens"))

    def revoke_token(self, token_id: str, expires_at: Wall) -> None:
        self._store.write("INSERT OR REPLACE INTO revoked_tokens VALUES (?, ?)", (token_id, expires_at))

    def notices_since(self, created_at: Wall) -> list[Notice]:
        """In the order they were made."""
        sql = f"{SELECT_NOTICE} WHERE created_at >= ? ORDER BY created_at, id"
        return list(map(_notice, self._store.read(sql, (created_at,))))

    def mark_notices(self, ids: Collection[str] | None, *, is_read: bool) -> list[Notice]:
        """These, or all; gives those that were not marked so before."""
        meant = "" if ids is None else f" AND id IN ({', '.join('?' * len(ids))})"
        rows = self._store.read(f"{SELECT_NOTICE} WHERE is_read <> ?{meant}", (is_read, *(ids or ())))
        changed = list(map(_notice, rows))
        marks = ((is_read, notice.id) for notice in changed)
        with self._store.transaction():
            self._store.write_many("UPDATE notices SET is_read = ? WHERE id = ?", marks)
        return [replace(notice, is_read=is_read) for notice in changed]

    def forget_notices(self, keep: int, before: Wall) -> None:
        """All but so many that were repeated last, and those that were not repeated since."""
        self._store.write(
            "DELETE FROM notices WHERE updated_at < ? OR id NOT IN "
            "(SELECT id FROM notices ORDER BY updated_at DESC, id DESC LIMIT ?)",
            (before, keep),
        )

    def forget_ends(self, before: Wall) -> None:
        """How many runs ended, and how, before that instant."""
        self._store.write("DELETE FROM run_ends WHERE half_hour < ?", (before // HALF_HOUR,))

    def newest_beyond(self, task_name: str, keep_runs: int) -> int | None:
        """Where the runs of a task begin that are not among its ``keep_runs`` newest."""
        rows = self._store.read(
            "SELECT seq FROM runs WHERE task_name = ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
            (task_name, keep_runs),
        )
        return rows[0][0] if rows else None

    def delete_run(self, run_id: str) -> Deleted:
        """One that has ended."""
        return self._delete("SELECT seq, task_name, id FROM runs WHERE id = ? AND phase = 'ended'", (run_id,))

    def delete_beyond(self, task_name: str, newest: int, limit: int) -> Deleted:
        """Deletes ended runs from ``newest`` on back, the oldest first."""
        return self._delete(
            "SELECT seq, task_name, id FROM runs INDEXED BY runs_of_task "
            "WHERE task_name = ? AND seq <= ? AND phase = 'ended' ORDER BY seq LIMIT ?",
            (task_name, newest, limit),
        )

    def delete_aged(self, task_name: str, before: Wall, limit: int) -> Deleted:
        return self._delete(
            "SELECT seq, task_name, id FROM runs INDEXED BY runs_of_task_by_age "
            "WHERE task_name = ? AND created_at < ? AND phase = 'ended' ORDER BY created_at LIMIT ?",
            (task_name, before, limit),
        )

    def delete_without_log(self, before: Wall, limit: int) -> Deleted:
        """Runs whose log was taken away before that instant."""
        return self._delete(
            "SELECT seq, task_name, id FROM runs WHERE log_removed_at < ? LIMIT ?", (before, limit)
        )

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
        """Those of other tasks: a schedule that comes back is a new one, with nothing to catch up on."""
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

    def _delete(self, victims: str, parameters: Row) -> Deleted:
        """Deletes the rows that the query gives (``seq``, task and id), remembering their logs in the same
        transaction."""
        rows = self._store.read(victims, parameters)
        numbers = [(seq,) for seq, _, _ in rows]
        if rows:
            with self._store.transaction():
                self._store.write_many(REMEMBER_REMOVAL, numbers)
                self._store.write_many("DELETE FROM runs WHERE seq = ?", numbers)
        return [(task_name, run_id) for _, task_name, run_id in rows]


def _run_row(run: Run, life_id: int) -> Row:
    """The values of WRITTEN."""
    return (
        *plain_values(run),
        run.kind.value,
        run.phase.value,
        run.triggered_by.value,
        run.waits_for.value if run.waits_for else None,
        run.end_reason.value if run.end_reason else None,
        storable(run.message),
        None if run.phase is Phase.ENDED else life_id,
    )


def notice_row(notice: Notice) -> dict[str, Any]:
    """The columns of ``notices``."""
    row = {name: getattr(notice, name) for name in NOTICE_COLUMNS}
    return row | {"times": json.dumps(notice.times), "body": storable(notice.body)}


def _notice(row: Row) -> Notice:
    values = dict(zip(NOTICE_COLUMNS, row, strict=True))
    return Notice(
        **values
        | {
            "kind": EventKind(values["kind"]),
            "severity": Severity(values["severity"]),
            "end_reason": EndReason(values["end_reason"]) if values["end_reason"] else None,
            "times": tuple(json.loads(values["times"])),
            "is_read": bool(values["is_read"]),
        }
    )


def _life_row(life: Life) -> Row:
    return life.kind.value, life.boot_id, life.pid, life.pid_started, life.started_at


def _life(row: Row) -> Life:
    kind, *values = row
    return Life(LifeKind(kind), *values)


@frozen
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
