"""Recipients, payout methods and outbound payments, read and written within one transaction.

A payment's status is never stored: it follows from its times and the time of reading.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

V2_SCHEMA = """
CREATE TABLE IF NOT EXISTS stripe_recipients (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    closed_at INTEGER
);
CREATE TABLE IF NOT EXISTS stripe_methods (
    id TEXT PRIMARY KEY,
    recipient TEXT NOT NULL,
    account TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS stripe_outbound (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    method TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    debited INTEGER NOT NULL,
    from_currency TEXT NOT NULL,
    description TEXT,
    metadata TEXT NOT NULL,
    idempotency_key TEXT,
    reason TEXT,
    created_at INTEGER NOT NULL,
    posted_at INTEGER,
    failed_at INTEGER,
    returned_at INTEGER,
    canceled_at INTEGER
);
CREATE INDEX IF NOT EXISTS stripe_outbound_by_recipient ON stripe_outbound (recipient);
-- Answers of calls that succeeded; a failed call is carried out anew.
CREATE TABLE IF NOT EXISTS stripe_v2_keys (
    context TEXT NOT NULL,
    key TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    params TEXT NOT NULL,
    subject TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (context, key)
);
"""
_TABLES = ("stripe_recipients", "stripe_methods", "stripe_outbound", "stripe_v2_keys")
_STATUS = """CASE
    WHEN canceled_at <= :now THEN 'canceled'
    WHEN failed_at <= :now THEN 'failed'
    WHEN returned_at <= :now THEN 'returned'
    WHEN posted_at <= :now THEN 'posted'
    ELSE 'processing' END"""
_COLUMNS = (
    *("id", "recipient", "method", "amount", "currency", "debited", "from_currency"),
    *("description", "metadata", "idempotency_key", "reason", "created_at", "posted_at"),
    *("failed_at", "returned_at", "canceled_at"),
)
_SELECT = f"SELECT seq, {', '.join(_COLUMNS)}, {_STATUS} FROM stripe_outbound"  # noqa: S608


@dataclass(frozen=True)
class SentPayment:
    """An outbound payment in its state at the time of reading; amounts in the smallest unit."""

    seq: int
    id: str
    recipient: str
    method: str
    amount: int
    currency: str
    debited: int
    from_currency: str
    description: str | None
    metadata: dict[str, str]
    idempotency_key: str | None
    reason: str | None
    created_at: int
    posted_at: int | None
    failed_at: int | None
    returned_at: int | None
    canceled_at: int | None
    status: str


class V2Books:
    """All reads and writes, as of a time."""

    def __init__(self, db: sqlite3.Connection, now: int) -> None:
        self.db = db
        self.now = now

    def add_recipient(self, recipient_id: str, body: dict[str, Any]) -> None:
        """Record a recipient as their creation named them."""
        self.db.execute(
            "INSERT INTO stripe_recipients (id, body, created_at) VALUES (?, ?, ?)",
            (recipient_id, json.dumps(body), self.now),
        )

    def recipient(self, recipient_id: str) -> tuple[dict[str, Any], int, bool] | None:
        """Return what a recipient was made of, when, and whether they are closed."""
        rows = self.db.execute(
            "SELECT body, created_at, closed_at FROM stripe_recipients WHERE id = ?",
            (recipient_id,),
        ).fetchall()
        return next(((json.loads(b), at, closed is not None) for b, at, closed in rows), None)

    def close_recipient(self, recipient_id: str) -> None:
        """Mark a recipient as closed."""
        sql = "UPDATE stripe_recipients SET closed_at = ? WHERE id = ?"
        self.db.execute(sql, (self.now, recipient_id))

    def recipient_ids(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Return open recipients in the order in which they were made."""
        sql = """SELECT seq, id FROM stripe_recipients WHERE seq > ? AND closed_at IS NULL
            ORDER BY seq LIMIT ?"""
        return [(seq, name) for seq, name in self.db.execute(sql, (after, limit))]

    def add_method(self, method_id: str, recipient: str, account: dict[str, Any]) -> None:
        """Record a payout method."""
        self.db.execute(
            "INSERT INTO stripe_methods VALUES (?, ?, ?, ?)",
            (method_id, recipient, json.dumps(account), self.now),
        )

    def method(self, method_id: str) -> tuple[str, dict[str, Any], int] | None:
        """Return a payout method's recipient, its bank account, and when it was made."""
        sql = "SELECT recipient, account, created_at FROM stripe_methods WHERE id = ?"
        rows = self.db.execute(sql, (method_id,)).fetchall()
        return next(((who, json.loads(account), at) for who, account, at in rows), None)

    def method_ids(self, recipient: str) -> list[str]:
        """Return the payout methods of a recipient."""
        sql = "SELECT id FROM stripe_methods WHERE recipient = ? ORDER BY created_at, id"
        return [name for (name,) in self.db.execute(sql, (recipient,))]

    def add_payment(self, values: dict[str, Any]) -> SentPayment:
        """Record an outbound payment."""
        row: dict[str, Any] = dict.fromkeys(_COLUMNS) | {"created_at": self.now} | values
        row["metadata"] = json.dumps(row["metadata"] or {})
        names = ", ".join(f":{name}" for name in _COLUMNS)
        sql = f"INSERT INTO stripe_outbound ({', '.join(_COLUMNS)}) VALUES ({names})"  # noqa: S608
        self.db.execute(sql, row)
        added = self.payment(row["id"])
        assert added is not None  # noqa: S101 - written above
        return added

    def payment(self, payment_id: str) -> SentPayment | None:
        """Return an outbound payment by its id."""
        found = self._payments("WHERE id = :id", id=payment_id)
        return found[0] if found else None

    def payments(self, where: dict[str, Any], after: int, limit: int) -> list[SentPayment]:
        """Return payments that fit, newest first, before a sequence number."""
        conditions = {
            "recipient": "recipient = :recipient",
            "status": f"{_STATUS} = :status",
            "gte": "created_at >= :gte",
            "lte": "created_at <= :lte",
        }
        wheres = ["seq < :after", *(conditions[name] for name in where)]
        order = f"WHERE {' AND '.join(wheres)} ORDER BY seq DESC LIMIT :limit"
        return self._payments(order, after=after, limit=limit, **where)

    def cancel_payment(self, payment_id: str) -> None:
        """Mark a payment as canceled now; nothing else becomes of it."""
        sql = """UPDATE stripe_outbound SET canceled_at = ?, posted_at = NULL, failed_at = NULL,
            returned_at = NULL WHERE id = ?"""
        self.db.execute(sql, (self.now, payment_id))

    def drawn(self) -> dict[str, int]:
        """Return what payments have taken from the account, by currency."""
        taken: dict[str, int] = {}
        for each in self._payments("WHERE seq > :after", after=0):
            if each.status in ("processing", "posted"):
                taken[each.from_currency] = taken.get(each.from_currency, 0) + each.debited
        return taken

    def kept_key(self, context: str, key: str, since: int) -> tuple[str, str, str] | None:
        """Return endpoint, parameters and subject of the call that succeeded under a key."""
        row = self.db.execute(
            """SELECT endpoint, params, subject FROM stripe_v2_keys
               WHERE context = ? AND key = ? AND created_at > ?""",
            (context, key, since),
        ).fetchone()
        return (row[0], row[1], row[2]) if row else None

    def keep_key(self, context: str, key: str, endpoint: str, params: str, subject: str) -> None:
        """Record that a call succeeded under a key."""
        self.db.execute(
            "INSERT OR REPLACE INTO stripe_v2_keys VALUES (?, ?, ?, ?, ?, ?)",
            (context, key, endpoint, params, subject, self.now),
        )

    def forget(self) -> None:
        """Delete everything."""
        for table in _TABLES:
            self.db.execute(f"DELETE FROM {table}")  # noqa: S608 - constants only

    def _payments(self, rest: str, **values: Any) -> list[SentPayment]:
        rows = self.db.execute(f"{_SELECT} {rest}", {"now": self.now} | values).fetchall()
        names = ("seq", *_COLUMNS, "status")
        stored = [dict(zip(names, row, strict=True)) for row in rows]
        return [SentPayment(**each | {"metadata": json.loads(each["metadata"])}) for each in stored]
