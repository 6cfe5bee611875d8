"""The database file: tables, schema version, connections, and error texts."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from paymentapp.errors import StoreUnavailable
from paymentapp.storage.sqlite import sql

_EXPIRED_AT_START = 10_000  # records that are deleted then; the sweep deletes the others
SCHEMA_VERSION = 1  # raised only when an earlier program could no longer work with the file
TABLES = ("Customers", "Disbursements", "Operations")

# The partial indexes hold only records that need an action, as DynamoDB's sparse indexes do.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS Customers (
    customer_id TEXT PRIMARY KEY NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS customer_email
    ON Customers (json_extract(document, '$.email'), customer_id);
CREATE TABLE IF NOT EXISTS Disbursements (
    customer_id TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    revision TEXT NOT NULL,
    due_shard TEXT NOT NULL,
    due_at TEXT,
    document TEXT NOT NULL,
    PRIMARY KEY (customer_id, payment_id)
);
CREATE INDEX IF NOT EXISTS payment_newest ON Disbursements (payment_id, customer_id);
CREATE INDEX IF NOT EXISTS payment_reference
    ON Disbursements (json_extract(document, '$.reference'), payment_id, customer_id)
    WHERE json_extract(document, '$.reference') IS NOT NULL;
CREATE INDEX IF NOT EXISTS payment_bulk
    ON Disbursements (json_extract(document, '$.bulk_id'), payment_id, customer_id)
    WHERE json_extract(document, '$.bulk_id') IS NOT NULL;
CREATE INDEX IF NOT EXISTS payment_maker
    ON Disbursements (json_extract(document, '$.by[0]'), payment_id, customer_id)
    WHERE json_extract(document, '$.by[0]') IS NOT NULL;
CREATE INDEX IF NOT EXISTS payment_open
    ON Disbursements (json_extract(document, '$.status'), payment_id, customer_id)
    WHERE json_extract(document, '$.status')
        IN ('awaiting_approval', 'pending', 'submitting', 'submitted', 'unclaimed');
CREATE INDEX IF NOT EXISTS payment_batch ON Disbursements (json_extract(document, '$.batch_id'))
    WHERE json_extract(document, '$.batch_id') IS NOT NULL;
CREATE INDEX IF NOT EXISTS payment_item
    ON Disbursements (json_extract(document, '$.provider_item_id'))
    WHERE json_extract(document, '$.provider_item_id') IS NOT NULL;
CREATE INDEX IF NOT EXISTS payment_transaction
    ON Disbursements (json_extract(document, '$.transaction_id'))
    WHERE json_extract(document, '$.transaction_id') IS NOT NULL;
CREATE INDEX IF NOT EXISTS due ON Disbursements (due_shard, due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS Operations (
    pk TEXT NOT NULL,
    sk TEXT NOT NULL,
    revision TEXT,
    attention_shard TEXT,
    attention_at TEXT,
    expires_at INTEGER,
    document TEXT NOT NULL,
    PRIMARY KEY (pk, sk)
);
CREATE INDEX IF NOT EXISTS attention ON Operations (attention_shard, attention_at)
    WHERE attention_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS batch_reference ON Operations (json_extract(document, '$.reference'))
    WHERE sk = 'header' AND json_extract(document, '$.reference') IS NOT NULL;
CREATE INDEX IF NOT EXISTS expiry ON Operations (expires_at) WHERE expires_at IS NOT NULL;
"""

REPLACED = "its file was deleted or replaced"
_CAUSES = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_IOERR: "I/O error",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_FULL: "disk full",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; has `paymentapp init` run?",
    sqlite3.SQLITE_PERM: "no permission",
    sqlite3.SQLITE_AUTH: "no permission",
    sqlite3.SQLITE_NOTADB: "not a database",
}


class FileConnection(sqlite3.Connection):
    """A connection that knows which files it has open: the database, and its write-ahead log.

    In WAL mode SQLite goes on writing to a file that was deleted or replaced, and says nothing.
    """

    files: Mapping[str, tuple[int, int]]  # device and inode, by path

    def is_current(self) -> bool:
        """Return whether the paths still lead to the files that are open."""
        return all(_file_id(path) == file_id for path, file_id in self.files.items())


def _file_id(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116  # for each write: half as long as Path.stat
    except OSError:
        return None
    return status.st_dev, status.st_ino


def failed(cause: str) -> StoreUnavailable:
    """Return the error that callers see, of a cause that has no path and no data in it."""
    return StoreUnavailable(f"database: {cause}", cause)


def unavailable(error: Exception) -> StoreUnavailable:
    """Return the error that callers see: the cause in a few words, without paths or data."""
    if isinstance(error, StoreUnavailable):
        return StoreUnavailable(str(error), error.reason)  # each waiting thread raises its own
    if isinstance(error, FileNotFoundError):
        return failed(_CAUSES[sqlite3.SQLITE_CANTOPEN])
    if isinstance(error, OSError):
        return failed(error.strerror or "I/O error")
    if "no such table" in str(error):
        return failed("no tables; has `paymentapp init` run?")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the extended part
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return failed(_CAUSES.get(code, name))


def connect(path: Path) -> FileConnection:
    """Open an existing database.

    Raises sqlite3.Error, or StoreUnavailable on a newer schema, or where the file was replaced
    while it was opened.
    """
    before = _file_id(str(path))
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=5,  # for programs that do not use our write lock: a backup, the sqlite3 shell
        isolation_level=None,
        check_same_thread=False,  # a connection serves one thread at a time, not always the same
        factory=FileConnection,
    )
    try:
        connection.execute("PRAGMA synchronous = FULL")  # a commit is on disk when it returns
        connection.execute("PRAGMA secure_delete = ON")  # overwrite what is deleted
        connection.execute("PRAGMA fullfsync = ON")  # on macOS too, whose fsync does not wait
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StoreUnavailable(
                f"the database has schema {version}, this version knows {SCHEMA_VERSION}: upgrade",
                "its schema is of a later version",
            )
        found = {name: _file_id(name) for name in (str(path), f"{path}-wal")}
        connection.files = {name: file_id for name, file_id in found.items() if file_id}
        if before is None or connection.files.get(str(path)) != before:
            raise failed(REPLACED)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Hold the lock that serialises the writers of this machine.

    SQLite's own waiting sleeps up to 100 ms between attempts; the kernel wakes the next process at
    once, and releases the lock of a dead one. The lock has a file of its own, because closing any
    handle of the database file would drop SQLite's locks on it (sqlite.org/howtocorrupt, 2.2).
    """
    handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def create(path: Path) -> list[str]:
    """Create the file, private to its owner, and its tables; return the names of new tables.

    Raises sqlite3.Error, OSError or StoreUnavailable.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with write_lock(path):
        _create_file(path)
        with closing(connect(path)) as connection:
            before = _tables(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
            )
            connection.execute(sql.DELETE_EXPIRED, (int(time.time()), _EXPIRED_AT_START))
    return [name for name in TABLES if name not in before]


def _create_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows}
