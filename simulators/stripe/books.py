"""Books of moves and balances, read and written within one transaction.

A payout's status is never stored: it follows from its times and the time of reading. Balances
follow from the moves: https://docs.stripe.com/api/balance.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from simulators.stripe.records import COLUMNS, StripeMove, move_from

_STATUS = """CASE
    WHEN m.kind != 'payout' THEN 'made'
    WHEN m.canceled_at <= :now THEN 'canceled'
    WHEN m.failed_at <= :now THEN 'failed'
    WHEN :now < m.transit_at THEN 'pending'
    WHEN :now < m.settle_at THEN 'in_transit'
    ELSE 'paid' END"""

_MOVE = f"""SELECT m.seq, {", ".join(f"m.{name}" for name in COLUMNS)}, {_STATUS} AS status,
    (SELECT coalesce(sum(r.amount), 0) FROM stripe_moves r
        WHERE r.transfer = m.id AND r.created_at <= :now) AS amount_reversed
    FROM stripe_moves m"""  # noqa: S608 - constants only

# Effect of each move on the balance of a connected account, and of the platform.
_CONNECTED = f"""SELECT m.currency, sum(CASE
        WHEN m.kind = 'transfer' THEN m.amount
        WHEN m.kind = 'reversal' THEN -m.amount
        WHEN {_STATUS} IN ('failed', 'canceled') THEN 0
        ELSE -m.amount END)
    FROM stripe_moves m
    WHERE (m.destination = :account AND m.kind != 'payout')
        OR (m.account = :account AND m.kind = 'payout')
    GROUP BY 1"""  # noqa: S608 - constants only
_PLATFORM = f"""SELECT m.currency, coalesce(m.source_type, 'card'), sum(CASE
        WHEN m.kind = 'transfer' THEN -m.amount
        WHEN m.kind = 'reversal' THEN m.amount
        WHEN {_STATUS} IN ('failed', 'canceled') THEN 0
        ELSE -m.amount END)
    FROM stripe_moves m WHERE m.account = :account GROUP BY 1, 2"""  # noqa: S608 - constants only


# A reversal is part of its transfer's status; a payout moves what a transfer has brought before.
_TOTALS = f"""SELECT currency, kind, CASE
        WHEN kind != 'transfer' OR amount_reversed = 0 THEN status
        WHEN amount_reversed = amount THEN 'reversed'
        ELSE 'partly_reversed' END AS word,
    count(*), sum(amount), sum(CASE WHEN kind = 'transfer' THEN amount - amount_reversed ELSE 0 END)
    FROM ({_MOVE}) WHERE kind != 'reversal' GROUP BY 1, 2, 3 ORDER BY 1, 2 DESC, 3"""  # noqa: S608 - constants only


class MoveTotal(NamedTuple):
    """The moves of one kind and status in a currency; ``kept`` is what transfers have left."""

    currency: str
    kind: str
    status: str
    moves: int
    amount: int
    kept: int


class ListFilter(NamedTuple):
    """A condition of a list; the column is a constant of the code, never from a request."""

    column: str
    operator: str
    value: Any


class ListPage(NamedTuple):
    """A caller's position in a list; cursors are sequence numbers."""

    limit: int
    after: int | None = None
    before: int | None = None


class StripeBooks:
    """All reads and writes of moves, as of a time."""

    def __init__(self, db: sqlite3.Connection, now: int) -> None:
        self.db = db
        self.now = now

    def as_of(self, moment: int) -> StripeBooks:
        """Return the same books as of another time."""
        return StripeBooks(self.db, moment)

    def _rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.db.execute(sql, {"now": self.now} | values).fetchall()

    def move(self, kind: str, move_id: str) -> StripeMove | None:
        """Return a move by Stripe's id."""
        for row in self._rows(
            f"{_MOVE} WHERE m.id = :id AND m.kind = :kind", id=move_id, kind=kind
        ):
            return move_from(row)
        return None

    def any_move(self, move_id: str) -> StripeMove | None:
        """Return a move of any kind."""
        rows = self._rows(f"{_MOVE} WHERE m.id = :id", id=move_id)
        return move_from(rows[0]) if rows else None

    def add(self, values: dict[str, Any]) -> StripeMove:
        """Record a move; fields that ``values`` does not name are NULL."""
        row: dict[str, Any] = dict.fromkeys(COLUMNS) | {"created_at": self.now} | values
        row["metadata"] = json.dumps(row["metadata"] or {})
        names = ", ".join(f":{name}" for name in COLUMNS)
        sql = f"INSERT INTO stripe_moves ({', '.join(COLUMNS)}) VALUES ({names})"  # noqa: S608
        self.db.execute(sql, row)
        added = self.any_move(row["id"])
        assert added is not None  # noqa: S101 - written above
        return added

    def annotate(self, move_id: str, metadata: dict[str, str], description: str | None) -> None:
        """Replace the fields of a move that may be changed."""
        self.db.execute(
            "UPDATE stripe_moves SET metadata = ?, description = ? WHERE id = ?",
            (json.dumps(metadata), description, move_id),
        )

    def cancel(self, move_id: str) -> None:
        """Mark a payout as canceled now."""
        sql = "UPDATE stripe_moves SET canceled_at = ? WHERE id = ?"
        self.db.execute(sql, (self.now, move_id))

    def page(
        self, kind: str, filters: Iterable[ListFilter], page: ListPage
    ) -> tuple[list[StripeMove], bool]:
        """Return a page of moves, newest first, and whether more follow."""
        wheres, values = ["m.kind = :kind"], {"kind": kind, "limit": page.limit + 1}
        for index, (column, operator, value) in enumerate(filters):
            expression = _STATUS if column == "status" else f"m.{column}"
            wheres.append(f"{expression} {operator} :v{index}")
            values[f"v{index}"] = value
        if page.after is not None:
            wheres.append(f"m.seq < {page.after}")
        if page.before is not None:
            wheres.append(f"m.seq > {page.before}")
        order = "ASC" if page.before is not None else "DESC"
        sql = f"{_MOVE} WHERE {' AND '.join(wheres)} ORDER BY m.seq {order} LIMIT :limit"
        found = [move_from(row) for row in self._rows(sql, **values)]
        shown = found[: page.limit]
        return (shown[::-1] if order == "ASC" else shown), len(found) > page.limit

    def reversals_of(self, transfer: str, limit: int) -> tuple[list[StripeMove], bool]:
        """Return a transfer's reversals as of this time, newest first."""
        filters = [ListFilter("transfer", "=", transfer), ListFilter("created_at", "<=", self.now)]
        return self.page("reversal", filters, ListPage(limit))

    def connected_balance(self, account: str) -> dict[str, int]:
        """Return a connected account's available balance, by currency."""
        return {row[0]: row[1] for row in self._rows(_CONNECTED, account=account)}

    def platform_change(self, account: str) -> dict[tuple[str, str], int]:
        """Return the change of the platform's balance, by currency and source type."""
        return {row[:2]: row[2] for row in self._rows(_PLATFORM, account=account)}

    def ledger(self, *, after: int, limit: int) -> list[StripeMove]:
        """Return moves in the order in which they were made, after a sequence number."""
        sql = f"{_MOVE} WHERE m.seq > :after ORDER BY m.seq LIMIT :limit"
        return [move_from(row) for row in self._rows(sql, after=after, limit=limit)]

    def totals(self) -> list[MoveTotal]:
        """Return the sums of transfers and payouts."""
        return [MoveTotal(*row) for row in self._rows(_TOTALS)]

    def newest(self, limit: int) -> list[StripeMove]:
        """Return the newest transfers and payouts."""
        sql = f"{_MOVE} WHERE m.kind != 'reversal' ORDER BY m.seq DESC LIMIT :limit"
        return [move_from(row) for row in self._rows(sql, limit=limit)]

    def count(self) -> int:
        """Count the moves."""
        return int(self._rows("SELECT count(*) FROM stripe_moves")[0][0])

    def forget(self) -> int:
        """Delete moves, keys and events; return the number of moves."""
        deleted = self.db.execute("DELETE FROM stripe_moves").rowcount
        for table in ("stripe_keys", "stripe_events"):
            self.db.execute(f"DELETE FROM {table}")  # noqa: S608 - constants only
        return deleted
