"""Webhook events that wait to be delivered: lost, late, twice and out of order, as is set.

A status follows from the clock, so all that will ever change about a batch is known when it is
accepted, and is written down then with the time at which it will be news.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from paymentapp.simulator.records import Batch, new_id
from paymentapp.simulator.settings import Settings
from paymentapp.simulator.state import State
from paymentapp.simulator.times import span

_COLUMNS = "id, due_at, changed_at, kind, subject, event_id, attempts"


class Change(NamedTuple):
    """A moment at which a batch or an item takes on another status."""

    kind: str  # batch, item
    subject: str  # PayPal's id of it
    at: int


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


def letters_about(change: Change, settings: Settings, dice: random.Random) -> Iterator[Letter]:
    """The deliveries that the settings allow a change: none, one or two, at their times."""
    copies = int(dice.random() >= settings.webhook_loss)
    copies += copies and int(dice.random() < settings.webhook_duplicates)
    event_id = f"WH-{new_id(17)}-{new_id(17)}"
    for _ in range(copies):
        late = dice.random() * settings.webhook_delay
        if dice.random() < settings.webhook_shuffle:
            late += 1 + 2 * dice.random()  # held back until others have overtaken it
        due_at = change.at + span(late)
        yield Letter(None, due_at, change.at, change.kind, change.subject, event_id, 0)


class Outbox:
    """The letters in the simulator's state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, letters: Iterable[Letter]) -> None:
        """Write letters down."""
        with self._state.transaction() as db:
            db.executemany("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?)", letters)

    def due(self, now: int, limit: int) -> list[Letter]:
        """Letters that should have left, the longest overdue first."""
        sql = f"""SELECT {_COLUMNS} FROM outbox WHERE due_at <= :now
            ORDER BY due_at, id LIMIT :limit"""  # noqa: S608 - constants only
        return [Letter(*row) for row in self._state.rows(sql, now=now, limit=limit)]

    def put_off(self, letter: Letter, until: int) -> None:
        """Try again later."""
        with self._state.transaction() as db:
            sql = "UPDATE outbox SET due_at = ?, attempts = attempts + 1 WHERE id = ?"
            db.execute(sql, (until, letter.id))

    def remove(self, letter: Letter) -> None:
        """It was delivered, or is given up."""
        with self._state.transaction() as db:
            db.execute("DELETE FROM outbox WHERE id = ?", (letter.id,))

    def count(self) -> int:
        """How many letters wait, due or not."""
        return int(self._state.rows("SELECT count(*) FROM outbox")[0][0])
