"""The schema, by numbered files of SQL: each is applied once, in order, in a transaction.

A file is never changed once it was released; a later one changes what it has made, in steps that
the version before can work with. A program works with each schema that has at least the files it
knows. Why no library is used: docs/decisions/0060-postgresql.md.
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
            return _migrate(connection, roles)
        finally:
            connection.give_up()
    except psycopg.Error as error:
        raise unavailable(error) from error


def _migrate(connection: DeadlineConnection, roles: Sequence[str]) -> list[str]:
    before = _names(connection)
    if _is_missing(connection):
        for migration in MIGRATIONS:
            _apply(connection, migration)
    made = [name for name in _names(connection) if name not in before]
    if roles and _one(connection, _IS_OWNER):
        for role in roles:
            _grant(connection, role)
    return made


def _is_missing(connection: DeadlineConnection) -> bool:
    return not _one(connection, _IS_PREPARED) or _one(connection, _APPLIED) < LATEST


def _apply(connection: DeadlineConnection, migration: Migration) -> None:
    """Apply a file, unless another program has done so; the lock ends with the transaction."""
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute(_PREPARE)
        if _one(connection, _APPLIED) < migration.number:
            connection.execute(migration.text)
            connection.execute(
                "INSERT INTO paymentapp.migrations (number, name) VALUES (%s, %s)",
                (migration.number, migration.name),
            )


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
