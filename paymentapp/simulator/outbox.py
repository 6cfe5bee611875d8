"""Webhook events that wait to be delivered: lost, late, twice and out of order, as is set.

A status follows from the clock, so all that will ever change about a batch is known when it is
accepted, and is written down then with the time at which it will be news.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from paymentapp.simulator.records import Batch
from paymentapp.simulator.state import State
from paymentapp.simulator.times import span

_COLUMNS = "id, due_at, changed_at, kind, subject, event_id, attempts"


class Change(NamedTuple):
    """A moment at which a thing takes on another status: with PayPal, a batch or an item."""

    kind: str
    subject: str  # the provider's id of it
    at: int


class MailSettings(Protocol):
    """How events go astray, by the settings of one side."""

    @property
    def webhook_delay(self) -> float: ...
    @property
    def webhook_loss(self) -> float: ...
    @property
    def webhook_duplicates(self) -> float: ...
    @property
    def webhook_shuffle(self) -> float: ...


class Letter(NamedTuple):
    """One delivery of one event; copies of an event share its id."""

    id: int | None
    due_at: int
    changed_at: int
    kind: str
    subject: str
    event_id: str
    attempts: int


def changes_of(state: State, batch: Batch) -> Iterator[Change]:
    """All that will happen to a batch by itself; the state is read only if anybody asks."""
    yield Change("batch", batch.payout_batch_id, batch.processing_at)
    for item in state.batch_items(batch.payout_batch_id, 0, batch.item_count, batch.created_at):
        yield Change("item", item.payout_item_id, batch.settle_at)
        if item.later_at is not None:
            yield Change("item", item.payout_item_id, item.later_at)
    yield Change("batch", batch.payout_batch_id, batch.settle_at)


def letters_about(
    change: Change, event_id: str, settings: MailSettings, dice: random.Random
) -> Iterator[Letter]:
    """The deliveries that the settings allow a change: none, one or two, at their times."""
    copies = int(dice.random() >= settings.webhook_loss)
    copies += copies and int(dice.random() < settings.webhook_duplicates)
    for _ in range(copies):
        late = dice.random() * settings.webhook_delay
        if dice.random() < settings.webhook_shuffle:
            late += 1 + 2 * dice.random()  # held back until others have overtaken it
        due_at = change.at + span(late)
        yield Letter(None, due_at, change.at, change.kind, change.subject, event_id, 0)


class Outbox:
    """One side's letters in the simulator's state."""

    def __init__(self, state: State, table: str = "outbox") -> None:
        self._state = state
        self._table = table

    def add(self, letters: Iterable[Letter]) -> None:
        """Write letters down."""
        with self._state.transaction() as db:
            self.add_in(db, letters)

    def add_in(self, db: sqlite3.Connection, letters: Iterable[Letter]) -> None:
        """Write letters down within a transaction that is under way."""
        db.executemany(f"INSERT INTO {self._table} VALUES (?, ?, ?, ?, ?, ?, ?)", letters)  # noqa: S608

    def due(self, now: int, limit: int) -> list[Letter]:
        """Letters that should have left, the longest overdue first."""
        sql = f"""SELECT {_COLUMNS} FROM {self._table} WHERE due_at <= :now
            ORDER BY due_at, id LIMIT :limit"""  # noqa: S608 - constants only
        return [Letter(*row) for row in self._state.rows(sql, now=now, limit=limit)]

    def put_off(self, letter: Letter, until: int) -> None:
        """Try again later."""
        with self._state.transaction() as db:
            sql = f"UPDATE {self._table} SET due_at = ?, attempts = attempts + 1 WHERE id = ?"  # noqa: S608
            db.execute(sql, (until, letter.id))

    def remove(self, letter: Letter) -> None:
        """It was delivered, or is given up."""
        with self._state.transaction() as db:
            db.execute(f"DELETE FROM {self._table} WHERE id = ?", (letter.id,))  # noqa: S608

    def count(self) -> int:
        """How many letters wait, due or not."""
        return int(self._state.rows(f"SELECT count(*) FROM {self._table}")[0][0])  # noqa: S608
