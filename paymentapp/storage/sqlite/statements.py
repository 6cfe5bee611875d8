"""Conditional writes as pairs of statements: one that writes, one that reads what is stored."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from paymentapp.storage.codec.records import Record
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.json_documents import from_json, patch, to_json


class Insert(NamedTuple):
    """A statement that adds a record where there is none, and one that reads what is stored."""

    add: str
    values: tuple[Any, ...]
    get: str
    key: tuple[str, ...]
    revision: str = ""


class Update(NamedTuple):
    """A statement that replaces one revision by another, and one that reads the stored one."""

    change: str
    values: tuple[Any, ...]
    get_revision: str
    key: tuple[str, ...]
    revision: str


def insert_record(pk: str, sk: str, record: Record) -> Insert:
    """Return the statements that add a record to the Operations table."""
    values = (pk, sk, *_indexed(record), to_json(record))
    revision = record.get("revision", "")
    return Insert(sql.ADD_RECORD, values, sql.GET_RECORD, (pk, sk), revision)


def update_record(pk: str, sk: str, old: Record, new: Record) -> Update:
    """Return the statements that replace one version of a record of the Operations table."""
    values = (patch(old, new), *_indexed(new), pk, sk, old.get("revision", ""))
    key = (pk, sk)
    return Update(sql.CHANGE_RECORD, values, sql.GET_RECORD_REVISION, key, new["revision"])


def _indexed(record: Record) -> tuple[Any, ...]:
    get = record.get
    return get("revision"), get("attention_shard"), get("attention_at"), get("expires_at")


def add_if_absent(insert: Insert, connection: sqlite3.Connection) -> Record | None:
    """Add a record; return None, or the record that was there already."""
    if connection.execute(insert.add, insert.values).rowcount:
        return None
    (document,) = connection.execute(insert.get, insert.key).fetchone()
    return from_json(document)


def make_change(update: Update, connection: sqlite3.Connection) -> bool:
    """Make a change; return whether it is made, now or by the same caller before."""
    if connection.execute(update.change, update.values).rowcount:
        return True
    return was_made(update, connection)


def was_made(update: Update, connection: sqlite3.Connection) -> bool:
    """Return whether a change that was not possible was made before."""
    found = connection.execute(update.get_revision, update.key).fetchone()
    return found is not None and found[0] == update.revision
