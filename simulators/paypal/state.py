"""Storage of PayPal: batches and their items, tokens, and the keys that sign webhooks.

A status is never stored: it follows from the outcome, the times stored with the item and the clock.
So nothing has to run between two calls, and a restart changes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict

from simulators.common.database import Database
from simulators.common.times import DAY
from simulators.paypal.records import (
    PayPalBatch,
    PayPalBatchRequest,
    PayPalItem,
    PayPalItemRequest,
    TransactionQuery,
    new_id,
)
from simulators.paypal.schema import PAYPAL_SCHEMA

# "If you specify a sender_batch_id that was used in the last 30 days, the API rejects the request";
# an unclaimed item is returned after the same time.
REMEMBERED = 30 * DAY

_STATUS = """CASE
    WHEN i.cancelled_at IS NOT NULL THEN 'RETURNED'
    WHEN :now < i.settle_at THEN 'PENDING'
    WHEN i.later_status IS NOT NULL AND :now >= i.later_at THEN i.later_status
    ELSE i.outcome END"""

_ITEM = f"""SELECT i.seq, i.payout_item_id, b.payout_batch_id, b.sender_batch_id,
    i.sender_item_id, i.recipient_type, i.receiver, b.currency, i.value, i.fee_minor, i.note,
    i.wallet, i.purpose, i.language, i.error, i.transaction_id, i.activity_id, b.created_at,
    i.settle_at, i.later_at, i.cancelled_at, {_STATUS} AS status
    FROM items i JOIN batches b ON b.id = i.batch"""  # noqa: S608 - constants only

_BATCH_COLUMNS = """payout_batch_id, sender_batch_id, header, currency, total_minor, fees_minor,
    item_count, denied, created_at, processing_at, settle_at"""

_NEW_BATCH = f"""INSERT INTO batches ({_BATCH_COLUMNS})
    VALUES (:payout_batch_id, :sender_batch_id, :header, :currency, :total_minor, :fees_minor,
    :item_count, :denied, :created_at, :processing_at, :settle_at)"""  # noqa: S608 - constants only

_NEW_ITEM = """INSERT INTO items (batch, payout_item_id, sender_item_id, recipient_type, receiver,
    value, minor, fee_minor, note, wallet, purpose, language, outcome, error, later_status,
    later_at, settle_at, transaction_id, activity_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

# Matches of a transaction search: money that moved, once the search index includes it.
_FOUND = f"""WHERE i.outcome != 'FAILED' AND i.settle_at BETWEEN :start AND min(:end, :shown)
    AND (:currency IS NULL OR b.currency = :currency)
    AND (:transaction_id IS NULL OR i.transaction_id = :transaction_id)
    AND (:statuses IS NULL OR instr(:statuses, ' ' || {_STATUS} || ' '))"""

# Money that has left, or may yet leave, the sender's balance.
_SPENDING = ("PENDING", "SUCCESS", "UNCLAIMED", "ONHOLD")


class DuplicateBatch(Exception):
    """The sender_batch_id was used in the last 30 days; ``args[0]`` is the original's id."""


class BalanceTooLow(Exception):
    """The batch costs more than the remaining balance in its currency."""


class PayPalState:
    """All reads and writes, each atomic."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.add_tables(PAYPAL_SCHEMA)
        database.add_column("items", "language", "TEXT")

    # Payouts

    def add_batch(
        self, new: PayPalBatchRequest, *, now: int, settle: int, reversal: int, funds: int | None
    ) -> PayPalBatch:
        """Accept a batch, or raise DuplicateBatch or BalanceTooLow and change nothing.

        ``settle`` and ``reversal`` are durations in microseconds; ``funds`` is the currency's
        initial balance, None where it has no limit.
        """
        batch = PayPalBatch(
            payout_batch_id=new_id(),
            sender_batch_id=new.sender_batch_id,
            header=new.header,
            currency=new.currency,
            total_minor=sum(item.minor for item in new.items),
            fees_minor=sum(item.fee_minor for item in new.items),
            item_count=len(new.items),
            denied=all(item.outcome.status == "FAILED" for item in new.items),
            created_at=now,
            processing_at=now + settle // 2,
            settle_at=now + settle,
        )
        with self._database.transaction() as db:
            _refuse_duplicate(db, new.sender_batch_id, now)
            if funds is not None:
                _refuse_overdraft(db, batch, funds, now)
            stored = asdict(batch) | {"header": json.dumps(new.header)}
            row_id = db.execute(_NEW_BATCH, stored).lastrowid
            rows = (_item_row(row_id, item, batch, reversal) for item in new.items)
            db.executemany(_NEW_ITEM, rows)
        return batch

    def batch(self, payout_batch_id: str) -> PayPalBatch | None:
        """Return a batch by PayPal's id."""
        sql = f"SELECT {_BATCH_COLUMNS} FROM batches WHERE payout_batch_id = :id"  # noqa: S608
        for row in self._database.rows(sql, id=payout_batch_id):
            stored = dict(zip(_BATCH_COLUMNS.replace(",", " ").split(), row, strict=True))
            stored |= {"header": json.loads(row[2]), "denied": bool(row[7])}
            return PayPalBatch(**stored)
        return None

    def batch_items(
        self, payout_batch_id: str, offset: int, limit: int, now: int
    ) -> list[PayPalItem]:
        """Return a page of a batch's items, in the order of the request."""
        sql = f"{_ITEM} WHERE b.payout_batch_id = :id ORDER BY i.seq LIMIT :limit OFFSET :offset"
        rows = self._database.rows(sql, id=payout_batch_id, limit=limit, offset=offset, now=now)
        return [PayPalItem(*row) for row in rows]

    def item(self, payout_item_id: str, now: int) -> PayPalItem | None:
        """Return an item by PayPal's id."""
        for row in self._database.rows(
            f"{_ITEM} WHERE i.payout_item_id = :id", id=payout_item_id, now=now
        ):
            return PayPalItem(*row)
        return None

    def cancel(self, payout_item_id: str, now: int) -> bool:
        """Return an UNCLAIMED item to its sender; False where it has another status."""
        with self._database.transaction() as db:
            cursor = db.execute(
                f"""UPDATE items AS i SET cancelled_at = :now
                    WHERE payout_item_id = :id AND {_STATUS} = 'UNCLAIMED'""",  # noqa: S608
                {"id": payout_item_id, "now": now},
            )
        return cursor.rowcount == 1

    def search(
        self, wanted: TransactionQuery, now: int, *, offset: int, limit: int
    ) -> tuple[int, list[PayPalItem]]:
        """Return the number of transactions that match, and a page of them, oldest first."""
        values = asdict(wanted) | {"now": now}
        sql = f"SELECT count(*) FROM items i JOIN batches b ON b.id = i.batch {_FOUND}"  # noqa: S608
        total = int(self._database.rows(sql, **values)[0][0])
        sql = f"{_ITEM} {_FOUND} ORDER BY i.settle_at, i.seq LIMIT :limit OFFSET :offset"
        rows = self._database.rows(sql, **values, limit=limit, offset=offset)
        return total, [PayPalItem(*row) for row in rows]

    def spent(self, currency: str, now: int) -> int:
        """Return what has left the balance in a currency by a time, or may yet leave it."""
        marks = ", ".join(f"'{status}'" for status in _SPENDING)
        sql = f"""SELECT coalesce(sum(i.minor + i.fee_minor), 0)
            FROM items i JOIN batches b ON b.id = i.batch
            WHERE b.currency = :currency AND b.created_at <= :now
            AND {_STATUS} IN ({marks})"""  # noqa: S608 - constants only
        return int(self._database.rows(sql, currency=currency, now=now)[0][0])

    # Ledger

    def ledger(self, now: int, *, after: int, limit: int) -> list[PayPalItem]:
        """Return items in the order in which they were accepted, after a sequence number."""
        sql = f"{_ITEM} WHERE i.seq > :after ORDER BY i.seq LIMIT :limit"
        return [
            PayPalItem(*row) for row in self._database.rows(sql, after=after, limit=limit, now=now)
        ]

    def newest(self, now: int, *, offset: int, limit: int) -> list[PayPalItem]:
        """Return items, newest first."""
        sql = f"{_ITEM} ORDER BY i.seq DESC LIMIT :limit OFFSET :offset"
        return [
            PayPalItem(*row)
            for row in self._database.rows(sql, offset=offset, limit=limit, now=now)
        ]

    def totals(self, now: int) -> list[tuple[str, str, int, int]]:
        """Return ``(currency, status, items, sum in smallest units)`` for each pair that occurs."""
        sql = f"""SELECT b.currency, {_STATUS} AS status, count(*), sum(i.minor)
            FROM items i JOIN batches b ON b.id = i.batch GROUP BY 1, 2 ORDER BY 1, 2"""  # noqa: S608
        return [(row[0], row[1], row[2], row[3]) for row in self._database.rows(sql, now=now)]

    def item_count(self) -> int:
        """Count all items ever accepted."""
        return int(self._database.rows("SELECT count(*) FROM items")[0][0])

    def forget_in(self, db: sqlite3.Connection) -> int:
        """Delete batches and items, within an open transaction; return the number of items."""
        deleted = db.execute("DELETE FROM items").rowcount
        db.execute("DELETE FROM batches")
        return deleted

    # Tokens and facts

    def add_token(self, token: str, now: int, expires_at: int) -> None:
        """Store an access token, and delete those that have expired."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM tokens WHERE expires_at <= ?", (now,))
            db.execute("INSERT INTO tokens (token, expires_at) VALUES (?, ?)", (token, expires_at))

    def token_valid(self, token: str, now: int) -> bool:
        """Return whether the token was issued here and has not expired."""
        sql = "SELECT 1 FROM tokens WHERE token = :token AND expires_at > :now"
        return bool(self._database.rows(sql, token=token, now=now))

    def fact(self, name: str) -> bytes | None:
        """Return a value that is stored once; None where it is not stored."""
        found = self._database.rows("SELECT value FROM facts WHERE name = :name", name=name)
        return bytes(found[0][0]) if found else None

    def add_facts(self, facts: Mapping[str, bytes]) -> None:
        """Store values, all or none; one that is stored already stays."""
        with self._database.transaction() as db:
            db.executemany("INSERT OR IGNORE INTO facts VALUES (?, ?)", facts.items())


def _refuse_duplicate(db: sqlite3.Connection, sender_batch_id: str | None, now: int) -> None:
    if sender_batch_id is None:
        return
    found = db.execute(
        """SELECT payout_batch_id FROM batches WHERE sender_batch_id = ? AND created_at > ?
           ORDER BY id DESC LIMIT 1""",
        (sender_batch_id, now - REMEMBERED),
    ).fetchone()
    if found is not None:
        raise DuplicateBatch(found[0])


def _refuse_overdraft(db: sqlite3.Connection, batch: PayPalBatch, funds: int, now: int) -> None:
    marks = ", ".join(f"'{status}'" for status in _SPENDING)
    spent = db.execute(
        f"""SELECT coalesce(sum(i.minor + i.fee_minor), 0)
            FROM items i JOIN batches b ON b.id = i.batch
            WHERE b.currency = :currency AND {_STATUS} IN ({marks})""",  # noqa: S608
        {"currency": batch.currency, "now": now},
    ).fetchone()[0]
    if batch.total_minor + batch.fees_minor > funds - spent:
        raise BalanceTooLow(batch.currency)


def _item_row(
    row_id: int | None, item: PayPalItemRequest, batch: PayPalBatch, reversal: int
) -> tuple[object, ...]:
    outcome = item.outcome
    wait = REMEMBERED if outcome.status == "UNCLAIMED" else reversal
    later_at = batch.settle_at + wait if outcome.later else None
    return (
        row_id,
        new_id(),
        item.sender_item_id,
        item.recipient_type,
        item.receiver,
        item.value,
        item.minor,
        item.fee_minor,
        item.note,
        item.wallet,
        item.purpose,
        item.language,
        outcome.status,
        outcome.error,
        outcome.later,
        later_at,
        batch.settle_at,
        new_id(17),
        new_id(17),
    )
