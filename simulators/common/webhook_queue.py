"""Queue of webhooks to deliver: lost, late, duplicated and reordered, according to the settings.

A status follows from the clock, so every future change of a payment is known when it is accepted.
It is queued then, with the time at which it is to be reported.
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
    """A moment at which a subject, such as a batch or an item, changes its status."""

    kind: str
    subject: str  # its provider's id
    at: int


class WebhookFaultSettings(Protocol):
    """Faults of webhook delivery, from one provider's settings."""

    @property
    def webhook_delay(self) -> float:
        """Maximum delay of an event, in seconds."""

    @property
    def webhook_loss(self) -> float:
        """Probability that an event is never sent."""

    @property
    def webhook_duplicates(self) -> float:
        """Probability that an event is sent twice."""

    @property
    def webhook_shuffle(self) -> float:
        """Probability that other events overtake an event."""


class QueuedWebhook(NamedTuple):
    """One delivery of one event; duplicates of an event share its id."""

    id: int | None
    due_at: int
    changed_at: int
    kind: str
    subject: str
    event_id: str
    attempts: int


def webhooks_about(
    change: StatusChange, event_id: str, settings: WebhookFaultSettings, source: random.Random
) -> Iterator[QueuedWebhook]:
    """Yield the deliveries of a change: none, one or two, at their times."""
    copies = int(source.random() >= settings.webhook_loss)
    copies += copies and int(source.random() < settings.webhook_duplicates)
    for _ in range(copies):
        delay = source.random() * settings.webhook_delay
        if source.random() < settings.webhook_shuffle:
            delay += 1 + 2 * source.random()  # others overtake it
        due_at = change.at + span(delay)
        yield QueuedWebhook(None, due_at, change.at, change.kind, change.subject, event_id, 0)


class WebhookQueue:
    """Webhooks of one provider, in a table of the simulators' database."""

    def __init__(self, database: Database, table: str) -> None:
        """Create the table; `table` is a constant of the code, used in statements as it is."""
        self._database = database
        self._table = table
        database.add_tables(_SCHEMA.format(table=table))

    def add(self, webhooks: Iterable[QueuedWebhook]) -> None:
        """Store webhooks."""
        with self._database.transaction() as db:
            self.add_in(db, webhooks)

    def add_in(self, db: sqlite3.Connection, webhooks: Iterable[QueuedWebhook]) -> None:
        """Store webhooks within an open transaction."""
        db.executemany(f"INSERT INTO {self._table} VALUES (?, ?, ?, ?, ?, ?, ?)", webhooks)  # noqa: S608

    def due(self, now: int, limit: int) -> list[QueuedWebhook]:
        """Return webhooks that are due, the longest overdue first."""
        sql = f"""SELECT {_COLUMNS} FROM {self._table} WHERE due_at <= :now
            ORDER BY due_at, id LIMIT :limit"""  # noqa: S608 - constants only
        return [QueuedWebhook(*row) for row in self._database.rows(sql, now=now, limit=limit)]

    def put_off(self, webhook: QueuedWebhook, until: int) -> None:
        """Postpone a webhook after a failed attempt."""
        with self._database.transaction() as db:
            sql = f"UPDATE {self._table} SET due_at = ?, attempts = attempts + 1 WHERE id = ?"  # noqa: S608
            db.execute(sql, (until, webhook.id))

    def remove(self, webhook: QueuedWebhook) -> None:
        """Remove a webhook that was delivered or given up."""
        with self._database.transaction() as db:
            db.execute(f"DELETE FROM {self._table} WHERE id = ?", (webhook.id,))  # noqa: S608

    def take_back_in(self, db: sqlite3.Connection, subject: str, after: int) -> None:
        """Remove a subject's webhooks for changes after a time, within an open transaction."""
        sql = f"DELETE FROM {self._table} WHERE subject = ? AND changed_at > ?"  # noqa: S608
        db.execute(sql, (subject, after))

    def forget_in(self, db: sqlite3.Connection) -> None:
        """Remove everything, within an open transaction."""
        db.execute(f"DELETE FROM {self._table}")  # noqa: S608

    def count(self) -> int:
        """Return the number of queued webhooks, due or not."""
        return int(self._database.rows(f"SELECT count(*) FROM {self._table}")[0][0])  # noqa: S608
