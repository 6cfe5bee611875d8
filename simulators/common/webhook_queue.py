"""Webhooks that wait to be delivered: lost, late, twice and out of order, as is set.

A status follows from the clock, so all that will ever change about a payment is known when it is
accepted, and is written down then with the time at which it will be news.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from simulators.common.database import Database
from simulators.common.times import span

_COLUMNS = "id, due_at, changed_at, kind, subject, event_id, attempts"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS {table} (
    id INTEGER PRIMARY KEY,
    due_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    event_id TEXT NOT NULL,
    attempts INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS {table}_by_time ON {table} (due_at, id);
"""


class StatusChange(NamedTuple):
    """A moment at which a thing takes on another status, such as a batch or an item."""

    kind: str
    subject: str  # the provider's id of it
    at: int


class WebhookFaultSettings(Protocol):
    """How webhooks go astray, by the settings of one provider."""

    @property
    def webhook_delay(self) -> float: ...
    @property
    def webhook_loss(self) -> float: ...
    @property
    def webhook_duplicates(self) -> float: ...
    @property
    def webhook_shuffle(self) -> float: ...


class QueuedWebhook(NamedTuple):
    """One delivery of one event; copies of an event share its id."""

    id: int | None
    due_at: int
    changed_at: int
    kind: str
    subject: str
    event_id: str
    attempts: int


def webhooks_about(
    change: StatusChange, event_id: str, settings: WebhookFaultSettings, dice: random.Random
) -> Iterator[QueuedWebhook]:
    """The deliveries that the settings allow a change: none, one or two, at their times."""
    copies = int(dice.random() >= settings.webhook_loss)
    copies += copies and int(dice.random() < settings.webhook_duplicates)
    for _ in range(copies):
        late = dice.random() * settings.webhook_delay
        if dice.random() < settings.webhook_shuffle:
            late += 1 + 2 * dice.random()  # held back until others have overtaken it
        due_at = change.at + span(late)
        yield QueuedWebhook(None, due_at, change.at, change.kind, change.subject, event_id, 0)


class WebhookQueue:
    """The webhooks of one provider, in a table of the simulators' database."""

    def __init__(self, database: Database, table: str) -> None:
        """`table` is a constant of the code: it stands in statements as it is."""
        self._database = database
        self._table = table
        database.add_tables(_SCHEMA.format(table=table))

    def add(self, webhooks: Iterable[QueuedWebhook]) -> None:
        """Write webhooks down."""
        with self._database.transaction() as db:
            self.add_in(db, webhooks)

    def add_in(self, db: sqlite3.Connection, webhooks: Iterable[QueuedWebhook]) -> None:
        """Write webhooks down within a transaction that is under way."""
        db.executemany(f"INSERT INTO {self._table} VALUES (?, ?, ?, ?, ?, ?, ?)", webhooks)  # noqa: S608

    def due(self, now: int, limit: int) -> list[QueuedWebhook]:
        """Webhooks that should have left, the longest overdue first."""
        sql = f"""SELECT {_COLUMNS} FROM {self._table} WHERE due_at <= :now
            ORDER BY due_at, id LIMIT :limit"""  # noqa: S608 - constants only
        return [QueuedWebhook(*row) for row in self._database.rows(sql, now=now, limit=limit)]

    def put_off(self, webhook: QueuedWebhook, until: int) -> None:
        """Try again later."""
        with self._database.transaction() as db:
            sql = f"UPDATE {self._table} SET due_at = ?, attempts = attempts + 1 WHERE id = ?"  # noqa: S608
            db.execute(sql, (until, webhook.id))

    def remove(self, webhook: QueuedWebhook) -> None:
        """It was delivered, or is given up."""
        with self._database.transaction() as db:
            db.execute(f"DELETE FROM {self._table} WHERE id = ?", (webhook.id,))  # noqa: S608

    def take_back_in(self, db: sqlite3.Connection, subject: str, after: int) -> None:
        """Forget what was to be told of a thing after a moment, within a transaction."""
        sql = f"DELETE FROM {self._table} WHERE subject = ? AND changed_at > ?"  # noqa: S608
        db.execute(sql, (subject, after))

    def forget_in(self, db: sqlite3.Connection) -> None:
        """Forget everything, within a transaction that is under way."""
        db.execute(f"DELETE FROM {self._table}")  # noqa: S608

    def count(self) -> int:
        """How many webhooks wait, due or not."""
        return int(self._database.rows(f"SELECT count(*) FROM {self._table}")[0][0])  # noqa: S608
