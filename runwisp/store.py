"""The database's file: how it is opened, brought up to date, checked, and set aside when it is malformed.

The one home of ``sqlite3``. Owns ``runwisp.db`` with its ``-wal`` and ``-shm``; knows nothing of what the
rows mean. Must never follow a symlink, leave a file that others may read, or let an error of SQLite out as
itself. Called by ``history`` and ``historyreader``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from runwisp.clock import Wall, utc
from runwisp.errors import (
    HistoryError,
    HistoryMalformed,
    HistoryTooNew,
    HistoryUnwritable,
    Obstacle,
    QueryTooLong,
)
from runwisp.frozen import frozen
from runwisp.paths import FILE_MODE, DataDir

MIGRATIONS = ("0001_history.sql", "0002_web.sql", "0003_deliveries.sql")
"""Each takes the schema one version further; the version of a database is how many it has seen."""

TABLES = frozenset(
    {
        "lives",
        "runs",
        "run_counts",
        "marks",
        "removals",
        "run_ends",
        "signing",
        "revoked_tokens",
        "notices",
        "deliveries",
        "series",
    }
)

CHECKED_WHOLE = 8 * 1024 * 1024
"""Bytes up to which a database is checked wholly when it is opened: some 30,000 runs, a tenth of a second.

A million runs would take four, ten when the disk has to be read, at every start. Beyond this size only the
small tables, which a start depends on, are checked. The rest is checked page by page as it is read, by
SQLite itself, so that damage in old runs is noticed by the one who looks at them.
"""

SIDE_FILES = ("-wal", "-shm", "-journal")

PRAGMAS = (
    "journal_mode = WAL",
    # A commit is in the kernel's hands at once and on the disk by the next checkpoint: a killed daemon loses
    # nothing, a power failure at most the last moments.
    "synchronous = NORMAL",
    "foreign_keys = ON",
    # Looks at the cells of a page when it is read, so damage is an error and not a wrong answer.
    "cell_size_check = ON",
    "temp_store = MEMORY",
    # After a large transaction the -wal shrinks again.
    "journal_size_limit = 16777216",
)

BUSY_FOR = 1.0
"""Seconds to wait for another writer (an `exec`), whose transactions take milliseconds."""

READER_CACHE = 1024
"""KiB of pages that a reader keeps: a page of a list is made of fewer."""

NARROWER = "Ask for one task, for a status or for a shorter time."

_URI_ESCAPES = str.maketrans({"%": "%25", "?": "%3f", "#": "%23"})

Parameters = Sequence[object] | Mapping[str, object]

OBSTACLES = {
    sqlite3.SQLITE_FULL: Obstacle.FULL,
    # The -shm found no room; most other extended codes are told apart in vain.
    sqlite3.SQLITE_IOERR_SHMSIZE: Obstacle.FULL,
    sqlite3.SQLITE_READONLY: Obstacle.READ_ONLY,
    sqlite3.SQLITE_PERM: Obstacle.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: Obstacle.READ_ONLY,
    sqlite3.SQLITE_IOERR: Obstacle.FAILING,
    sqlite3.SQLITE_NOMEM: Obstacle.FAILING,
    sqlite3.SQLITE_BUSY: Obstacle.BUSY,
    sqlite3.SQLITE_LOCKED: Obstacle.BUSY,
}

HINTS = {
    Obstacle.FULL: "Free space on its disk; a daemon that runs goes on by itself then.",
    Obstacle.READ_ONLY: "Make the data directory writable again for the user the daemon runs as.",
    Obstacle.FAILING: "See the kernel's log (dmesg) for errors of its disk.",
    Obstacle.BUSY: "Another process keeps it locked: see which one has it open (fuser -v).",
}

NEW_ONE_COMES = "The daemon sets it aside and goes on with one rebuilt from the logs; see to its disk."


class Store:
    """One connection to the database of a data directory. Outside ``transaction`` every statement stands for
    itself.

    Every method raises HistoryUnwritable and HistoryMalformed.
    """

    __slots__ = ("_connection", "_is_alone", "_is_set_aside", "data")

    def __init__(self, data: DataDir) -> None:
        self.data = data
        self._is_alone = False
        self._is_set_aside = False
        _make_private(data)
        self._connection = self._connect()

    @property
    def shown(self) -> str:
        return f"{self.data.path}/runwisp.db"

    def read(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def write(self, sql: str, parameters: Parameters = ()) -> int:
        """The key of the row that was inserted last."""
        try:
            return self._connection.execute(sql, parameters).lastrowid or 0
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def write_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise self._explained(error) from error

    @contextmanager
    def transaction(self) -> Generator[None, None, None]:
        """All of it or, when anything raises, nothing."""
        self.write("BEGIN IMMEDIATE")
        try:
            yield
            self.write("COMMIT")
        except BaseException:
            # A full disk makes SQLite roll back by itself.
            if self._connection.in_transaction:
                self._connection.rollback()
            raise
        if self._is_alone:
            self._share()

    def version(self) -> int:
        return int(self.read("PRAGMA user_version")[0][0])

    def copy_to(self, target: str) -> None:
        """Raises: HistoryError when the copy cannot be made; ``target`` is a file of ours, and empty."""
        copy = sqlite3.connect(target, isolation_level=None)
        try:
            self._connection.backup(copy)
        except sqlite3.Error as error:
            raise HistoryError(
                f"cannot keep a copy of {self.shown} before bringing it up to date: {error}",
                "Make room for a second one of its size, then start again.",
            ) from error
        finally:
            copy.close()

    def set_up(self) -> None:
        for pragma in PRAGMAS:
            self.read(f"PRAGMA {pragma}")

    def empty_wal(self) -> None:
        """Moves what is in the -wal into the database, so that the next transaction begins at its start. By
        itself SQLite does so from 4 MiB on, which a disk may not have."""
        self.read("PRAGMA wal_checkpoint(PASSIVE)")

    def be_alone(self) -> None:
        """Does without the -shm, for which a full disk has no room. Nobody else can read the database then,
        so it ends with the first transaction that succeeds."""
        self._reconnect("EXCLUSIVE")

    def close(self) -> None:
        self._connection.close()

    def set_aside(self, name: str) -> None:
        """Renames the database with its side files, all that is left of it, and closes it: from here on it is
        malformed, whatever is asked of it.

        In this order, as closing it under its own name would let SQLite write to it and remove its -wal.
        Raises: HistoryError when it cannot be renamed; it is open then.
        """
        try:
            for suffix in ("", *SIDE_FILES):
                if os.path.lexists(self.data.database + suffix):
                    os.rename(self.data.database + suffix, f"{self.data.absolute}/{name}{suffix}")
        except OSError as error:
            raise HistoryError(
                f"cannot set the malformed {self.shown} aside: {error.strerror}",
                HINTS[Obstacle.READ_ONLY],
            ) from error
        self._is_set_aside = True
        self.close()

    def _share(self) -> None:
        """Or the next transaction does: what was saved by this one is saved."""
        try:
            self._reconnect("NORMAL")
        except HistoryUnwritable:
            if not self._is_alone:
                self.be_alone()

    def _reconnect(self, locking_mode: str) -> None:
        """The former connection stays when there can be no other."""
        former, self._connection = self._connection, self._connect()
        former.close()
        self._is_alone = locking_mode == "EXCLUSIVE"
        self.read(f"PRAGMA locking_mode = {locking_mode}")
        self.set_up()

    def _connect(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(self.data.database, timeout=BUSY_FOR, isolation_level=None)
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: sqlite3.Error) -> Exception:
        """What the error means to a person; itself where it is a bug of ours."""
        if self._is_set_aside:
            return HistoryMalformed(
                f"the history in {self.shown} was malformed and is set aside", NEW_ONE_COMES
            )
        return _explained(error, self.shown)


class Reader:
    """A connection that only reads, beside the one that writes, and for one thread. It never waits long, and
    it never keeps the writer from anything.

    Every method raises HistoryUnwritable (there is no reading either), HistoryMalformed.
    """

    __slots__ = ("_connection", "_shown")

    def __init__(self, data: DataDir) -> None:
        self._shown = f"{data.path}/runwisp.db"
        uri = f"file:{data.database.translate(_URI_ESCAPES)}?mode=ro"
        try:
            self._connection = sqlite3.connect(uri, uri=True, timeout=BUSY_FOR, isolation_level=None)
        except sqlite3.Error as error:
            raise _explained(error, self._shown) from error
        try:
            self.read("PRAGMA cell_size_check = ON")
            self.read(f"PRAGMA cache_size = -{READER_CACHE}")
        except BaseException:
            self.close()
            raise

    def read(
        self, sql: str, parameters: Parameters = (), most_steps: int | None = None
    ) -> list[tuple[Any, ...]]:
        """``most_steps``: of SQLite's machine, some hundred million of which take seconds.

        Raises: QueryTooLong.
        """
        self._connection.set_progress_handler((lambda: 1) if most_steps else None, most_steps or 0)
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise QueryTooLong("the history has too many runs for that", NARROWER) from error
            raise _explained(error, self._shown) from error

    def close(self) -> None:
        self._connection.close()


def _explained(error: sqlite3.Error, shown: str) -> Exception:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return HistoryMalformed(f"the history in {shown} is malformed: {error}", NEW_ONE_COMES)
    if obstacle := OBSTACLES.get(code) or OBSTACLES.get(code & 0xFF):
        return HistoryUnwritable(f"cannot use the history in {shown}: {error}", HINTS[obstacle], obstacle)
    return error


@frozen
class SetAside:
    """A malformed database that was moved out of the way. ``path`` is as a person knows it."""

    path: str
    why: str


def open_database(data: DataDir, now: Wall, fill: Callable[[Store], None]) -> tuple[Store, SetAside | None]:
    """Opens the one writer's connection, making or migrating the database as needed.

    ``fill`` puts into a new database what is known from elsewhere, in the transaction that makes it, so that
    one which exists is complete. A malformed database is set aside and a new one made.

    Raises: HistoryTooNew, HistoryUnwritable, HistoryError, SymlinkRefused, DataDirError.
    """
    store = Store(data)
    try:
        _prepare(store, fill)
        return store, None
    except HistoryMalformed as error:
        moved = set_aside(store, now, error.message)
    except BaseException:
        store.close()
        raise
    store = Store(data)
    try:
        _prepare(store, fill)
    except BaseException:
        store.close()
        raise
    return store, moved


def set_aside(store: Store, now: Wall, why: str) -> SetAside:
    """Raises: HistoryError."""
    name = f"runwisp.db.corrupt-{utc(now):%Y%m%dT%H%M%S}.{now % 1000:03}Z"
    store.set_aside(name)
    return SetAside(f"{store.data.path}/{name}", why)


def _make_private(data: DataDir) -> None:
    """All files of the database 0600 and no symlink; SQLite gives new ones the mode of the database itself.

    Before any connection: to close a descriptor of a file drops every lock this process has on it (fcntl(2)).
    """
    os.close(data.open("runwisp.db", os.O_RDWR | os.O_CREAT))
    for suffix in SIDE_FILES:
        try:
            fd = data.open(f"runwisp.db{suffix}", os.O_RDWR)
        except FileNotFoundError:
            continue
        os.fchmod(fd, FILE_MODE)
        os.close(fd)


def _prepare(store: Store, fill: Callable[[Store], None]) -> None:
    """Also with a disk that is full, so that services come up: their rows wait until it has room again."""
    try:
        _make_ready(store, fill)
    except HistoryUnwritable as error:
        if error.obstacle is not Obstacle.FULL:
            raise
        store.be_alone()
        _make_ready(store, fill)


def _make_ready(store: Store, fill: Callable[[Store], None]) -> None:
    version = store.version()
    if version == 0 and _tables(store):
        raise HistoryMalformed(f"{store.shown} is a database, but no history")
    if version > len(MIGRATIONS):
        raise HistoryTooNew(
            f"the history in {store.shown} was written by a newer version of runwisp "
            f"(schema {version}, this one knows up to {len(MIGRATIONS)})",
            "Start that version again, or name another data directory with --data. To go back for good, put "
            f"{store.shown}.before-v{version}, which the newer version kept, in its place.",
        )
    store.set_up()
    if 0 < version < len(MIGRATIONS):
        _keep_copy(store)
    if version < len(MIGRATIONS):
        _migrate(store, fill)
    _check(store)


def _tables(store: Store) -> set[str]:
    return {row[0] for row in store.read("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def _check(store: Store) -> None:
    """After the migrations, as only then the tables are those of this version."""
    if missing := TABLES - _tables(store):
        raise HistoryMalformed(
            f"the history in {store.shown} is malformed: it lacks {', '.join(sorted(missing))}"
        )
    [(size,)] = store.read("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    whole = "PRAGMA quick_check(1)"
    small = [f"PRAGMA quick_check('{table}')" for table in sorted(TABLES - {"runs", "removals"})]
    for check in [whole] if size <= CHECKED_WHOLE else small:
        [(verdict,), *_] = store.read(check)
        if verdict != "ok":
            raise HistoryMalformed(f"the history in {store.shown} is malformed: {verdict}")


def _keep_copy(store: Store) -> None:
    """The database as it was, in ``runwisp.db.before-v<N>``; under that name only once it is complete."""
    data = store.data
    name = f"runwisp.db.before-v{len(MIGRATIONS)}"
    partial = f"{data.absolute}/{name}.partial"
    fd = data.open(f"{name}.partial", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        store.copy_to(partial)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(partial, f"{data.absolute}/{name}")


def _migrate(store: Store, fill: Callable[[Store], None]) -> None:
    with store.transaction():
        version = store.version()
        for migration in MIGRATIONS[version:]:
            for statement in statements(_text(migration)):
                store.write(statement)
        store.write(f"PRAGMA user_version = {len(MIGRATIONS)}")
        if version == 0:
            fill(store)


def statements(script: str) -> Generator[str, None, None]:
    """The statements of a script one by one, as running it whole would commit behind our back."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _text(migration: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), "migrations", migration), encoding="utf-8") as file:
        return file.read()
