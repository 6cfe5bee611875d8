"""The payments of the whole account in the PostgreSQL store: each filter has a column."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from paymentapp.models.account_payments import AccountPage, AccountQuery, ListPosition
from paymentapp.models.payments import PaymentKey
from paymentapp.storage.account_reading import (
    Candidate,
    SqlCondition,
    Step,
    index_of,
    read_page,
)
from paymentapp.storage.codec.payments import read_payment
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.documents import from_column, to_column
from paymentapp.storage.postgresql.records import PostgreSQLRecords
from paymentapp.storage.postgresql.rows import payment_of

_TEXTS = ("reference", "created_by", "status", "payment_method", "currency", "bulk_id")
# `access` is a condition that an index answers in the order of the list; the rows that do not pass
# the other filters are read, so that a step is bounded, and come without their document.
_STEP = """
SELECT {passes} AS passes, {columns} FROM {table}
WHERE {access} AND payment_id >= %s AND payment_id <= %s AND (payment_id, customer_id) < (%s, %s)
ORDER BY payment_id DESC, customer_id DESC LIMIT %s
"""
_TABLE = "paymentapp.disbursements"
_PAYMENTS_OF_PROVIDER_ID = """(
SELECT {columns} FROM paymentapp.disbursements WHERE provider_item_id = %s
UNION SELECT {columns} FROM paymentapp.disbursements WHERE transaction_id = %s
UNION SELECT {columns} FROM paymentapp.disbursements WHERE customer_id = %s AND payment_id = %s
UNION SELECT {columns} FROM paymentapp.disbursements WHERE batch_id = ANY (%s::text[])
) AS found"""


class PostgreSQLAccountPayments(PostgreSQLRecords):
    """The list of the account's payments."""

    def list_account_payments(self, query: AccountQuery) -> AccountPage:
        """Implement `Store.list_account_payments`: one statement for each step."""
        index = index_of(query)
        exact = query.filters <= {index}
        batches: frozenset[str] = frozenset()
        if query.provider_id is not None:
            found = self._rows(sql.BATCHES_OF_REFERENCE, to_column(query.provider_id))
            batches = frozenset(from_column(pk).removeprefix("batch#") for (pk,) in found)
        return read_page(query, partial(self._step, query, index, batches), exact=exact)

    def index_payments(self) -> int:
        """Implement `Store.index_payments`: the indexes have all payments."""
        return 0

    def _step(
        self,
        query: AccountQuery,
        index: str,
        batches: frozenset[str],
        before: ListPosition | None,
        count: int,
    ) -> Step:
        statement, values = step_statement(query, index, batches, before, count)
        rows = self._rows(statement, *values)
        candidates = [_candidate(query, batches, *row) for row in rows]
        return Step(candidates, is_last=len(rows) < count)


def _candidate(query: AccountQuery, batches: frozenset[str], passes: bool, *row: Any) -> Candidate:
    position = ListPosition(row[1], from_column(row[0]))
    payment = read_payment(payment_of(row)) if passes else None
    return Candidate(position, payment if payment and query.matches(payment, batches) else None)


def step_statement(
    query: AccountQuery,
    index: str,
    batches: frozenset[str],
    before: ListPosition | None,
    count: int,
) -> tuple[str, tuple[Any, ...]]:
    """Return the query of a step, with its values, with which it is planned.

    It reads by the index of one filter, and answers with the documents of those payments that pass
    the others.
    """
    table, access = SqlCondition(_TABLE), SqlCondition("true")
    if index == "provider_id":
        table = _of_provider_id(query, batches)
    elif index:
        access = _equal(query, index)
    others = [_equal(query, name) for name in _TEXTS if name in query.filters and name != index]
    others += _of_amount(query)
    passes = " AND ".join(each.text for each in others) or "true"
    statement = _STEP.format(
        passes=passes,
        columns=_columns_if(passes) if others else sql.PAYMENT_COLUMNS,
        table=table.text,
        access=access.text,
    )
    position = before or ListPosition(sql.AFTER_EVERY_ID, "")
    passing = tuple(value for each in others for value in each.values)
    return statement, (
        *passing,
        *(passing if others else ()),
        *table.values,
        *access.values,
        query.earliest or "",
        query.latest or sql.AFTER_EVERY_ID,
        position.payment_id,
        to_column(position.tie),
        count,
    )


def _columns_if(passes: str) -> str:
    """Return the columns of a payment, without the document where it does not pass."""
    columns = sql.PAYMENT_COLUMNS.removesuffix("document")
    return f"{columns}CASE WHEN {passes} THEN document END"


def _of_provider_id(query: AccountQuery, batches: frozenset[str]) -> SqlCondition:
    key = query.item_key or PaymentKey("", "")
    wanted = to_column(query.provider_id)
    batch_ids = [wanted, *map(to_column, sorted(batches))]
    text = _PAYMENTS_OF_PROVIDER_ID.format(columns=sql.PAYMENT_COLUMNS)
    return SqlCondition(
        text, (wanted, wanted, to_column(key.customer_id), key.payment_id, batch_ids)
    )


def _of_amount(query: AccountQuery) -> Iterator[SqlCondition]:
    if query.min_amount is not None:
        yield SqlCondition("amount >= %s::numeric", (str(query.min_amount),))
    if query.max_amount is not None:
        yield SqlCondition("amount <= %s::numeric", (str(query.max_amount),))


def _equal(query: AccountQuery, name: str) -> SqlCondition:
    return SqlCondition(f"{name} = %s", (to_column(str(getattr(query, name))),))
