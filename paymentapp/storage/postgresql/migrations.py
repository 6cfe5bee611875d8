"""The schema, by numbered files of SQL: each is applied once, in order, in a transaction.

A file is never changed once it was released; a later one changes what it has made, in steps that
the version before can work with. A program works with each schema that has at least the files it
knows. Why no library is used: docs/decisions/0060-postgresql.md.

No file may lock a table for long while the service runs. A lock that is not there at once is given
up and asked for again, because every other statement waits behind whoever waits for it. A file that
begins with CONCURRENT has one statement that cannot be in a transaction, `CREATE INDEX
CONCURRENTLY IF NOT EXISTS`, which lets others write for as long as it takes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

import psycopg
from psycopg import sql

from paymentapp.storage.postgresql.addresses import DatabaseAddress
from paymentapp.storage.postgresql.connections import DeadlineConnection, open_connection
from paymentapp.storage.postgresql.failures import unavailable

_LOCK = 0x7061796D  # of one program that migrates; a key of advisory locks
_CALL_SECONDS = 3600.0  # an index of a large table is made in this time
LOCK_SECONDS = 1.0  # that a file waits for a lock, and others behind it
_PAUSE_SECONDS = 0.5  # until it asks for it again
CONCURRENT = "-- Without a transaction"
_TRY_LOCK = f"SELECT pg_try_advisory_xact_lock({_LOCK})"
_UNBOUNDED = """
SELECT set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true)
"""
_BOUNDED = f"SET LOCAL lock_timeout = '{LOCK_SECONDS:.0f}s'"
# What an interrupted CREATE INDEX CONCURRENTLY has left: an index that nobody uses.
_UNFINISHED = """
SELECT indexrelid::regclass::text FROM pg_catalog.pg_index
JOIN pg_catalog.pg_class ON pg_class.oid = indexrelid
WHERE NOT indisvalid AND relnamespace = 'paymentapp'::regnamespace
"""
_APPLY = "INSERT INTO paymentapp.migrations (number, name) VALUES (%s, %s)"
_PREPARE = """
CREATE SCHEMA IF NOT EXISTS paymentapp;
CREATE TABLE IF NOT EXISTS paymentapp.migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""
_IS_PREPARED = "SELECT to_regclass('paymentapp.migrations') IS NOT NULL"
_APPLIED = "SELECT coalesce(max(number), 0) FROM paymentapp.migrations"
_TABLES = """
SELECT tablename FROM pg_catalog.pg_tables
WHERE schemaname = 'paymentapp' AND tablename <> 'migrations' ORDER BY tablename
"""
_IS_OWNER = """
SELECT coalesce(bool_or(pg_has_role(current_user, nspowner, 'USAGE')), false)
FROM pg_catalog.pg_namespace WHERE nspname = 'paymentapp'
"""
# The role that serves reads and writes rows. It owns nothing, and can change no table.
_GRANTS = (
    "GRANT USAGE ON SCHEMA paymentapp TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA paymentapp TO {role}",
    "REVOKE INSERT, UPDATE, DELETE ON paymentapp.migrations FROM {role}",
    "REVOKE INSERT, DELETE ON paymentapp.event_list FROM {role}",
)


class Migration(NamedTuple):
    """One file: its number, its name and its statements."""

    number: int
    name: str
    text: str


def _read() -> list[Migration]:
    folder = files(__package__) / "migrations"
    found = [each for each in folder.iterdir() if each.name.endswith(".sql")]
    named = sorted(found, key=lambda each: each.name)
    return [Migration(int(each.name[:4]), each.name, each.read_text()) for each in named]


MIGRATIONS = _read()
LATEST = MIGRATIONS[-1].number


def migrate(address: DatabaseAddress, roles: Sequence[str] = ()) -> list[str]:
    """Apply what is missing, and let roles use the tables; return the names of new tables.

    A role that owns nothing may call it where nothing is missing. Programs that do so at once wait
    for each other. Raises StoreUnavailable.
    """
    try:
        connection = open_connection(address, time.monotonic() + _CALL_SECONDS)
        connection.deadline = time.monotonic() + _CALL_SECONDS
        try:
            return _migrate(address, connection, roles)
        finally:
            connection.give_up()
    except psycopg.Error as error:
        raise unavailable(error) from error


def _migrate(
    address: DatabaseAddress, connection: DeadlineConnection, roles: Sequence[str]
) -> list[str]:
    before = _names(connection)
    if _is_missing(connection):
        for migration in MIGRATIONS:
            _apply_in_time(address, connection, migration)
    made = [name for name in _names(connection) if name not in before]
    if roles and _one(connection, _IS_OWNER):
        for role in roles:
            _grant(connection, role)
    return made


def _is_missing(connection: DeadlineConnection) -> bool:
    return not _one(connection, _IS_PREPARED) or _one(connection, _APPLIED) < LATEST


def _apply_in_time(
    address: DatabaseAddress, connection: DeadlineConnection, migration: Migration
) -> None:
    """Apply a file; while others migrate or have a table locked, try again until the deadline.

    Nobody waits in a statement: an index that another program makes waits for that.
    """
    while True:
        try:
            if _apply(address, connection, migration):
                return
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() + _PAUSE_SECONDS > connection.deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


def _apply(address: DatabaseAddress, connection: DeadlineConnection, migration: Migration) -> bool:
    """Apply a file unless that was done; return whether it is, or another program migrates."""
    with connection.transaction():
        connection.execute(_UNBOUNDED)
        if not _one(connection, _TRY_LOCK):
            return False
        connection.execute(_PREPARE)
        if _one(connection, _APPLIED) >= migration.number:
            return True
        if migration.text.startswith(CONCURRENT):
            _apply_concurrently(address, connection.deadline, migration)
        else:
            connection.execute(_BOUNDED)
            connection.execute(migration.text)
        connection.execute(_APPLY, (migration.number, migration.name))
        return True


def _apply_concurrently(address: DatabaseAddress, deadline: float, migration: Migration) -> None:
    """Apply a file on a connection of its own, beside the transaction that has the lock."""
    connection = open_connection(address, deadline)
    try:
        for (name,) in connection.execute(_UNFINISHED).fetchall():
            connection.execute(f"DROP INDEX CONCURRENTLY {name}")
        connection.execute(migration.text)
    finally:
        connection.give_up()


def _grant(connection: DeadlineConnection, role: str) -> None:
    with connection.transaction():
        for statement in _GRANTS:
            connection.execute(sql.SQL(statement).format(role=sql.Identifier(role)))


def _names(connection: DeadlineConnection) -> list[str]:
    return [name for (name,) in connection.execute(_TABLES)]


def _one(connection: DeadlineConnection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    value: int = row[0] if row else 0
    return value
