"""The payments of the whole account in the SQLite store: each index is an expression index."""

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
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.json_documents import from_json
from paymentapp.storage.sqlite.records import SQLiteRecords

_TEXTS = {  # the filters that SQL compares, by the path of what they compare in the document
    "reference": "$.reference",
    "created_by": "$.by[0]",  # of the first line of history; "0 " and the name
    "status": "$.status",
    "payment_method": "$.payment_method",
    "currency": "$.currency",
    "bulk_id": "$.bulk_id",
}
# The order of its conditions is that of the values; `access` is one that an index answers. With
# `+payment_id` for `id` (sqlite.org/optoverview.html, section 6) only that index is used.
_ACCOUNT_PAYMENTS = """
SELECT payment_id, customer_id, CASE WHEN {passes} THEN document END FROM Disbursements
WHERE {access}
AND {id} >= ? AND {id} <= ? AND ({id}, customer_id) < (?, ?)
ORDER BY {id} DESC, customer_id DESC LIMIT ?
"""
# As the partial index `payment_open` has it, to the letter.
_IS_OPEN = """json_extract(document, '$.status')
        IN ('awaiting_approval', 'pending', 'submitting', 'submitted', 'unclaimed')"""
_PAYMENTS_OF_PROVIDER_ID = """rowid IN (
SELECT rowid FROM Disbursements WHERE json_extract(document, '$.provider_item_id') = ?
UNION ALL SELECT rowid FROM Disbursements WHERE json_extract(document, '$.transaction_id') = ?
UNION ALL SELECT rowid FROM Disbursements WHERE customer_id = ? AND payment_id = ?
UNION ALL {of_batches})"""
_PAYMENTS_OF_BATCH = (
    "SELECT rowid FROM Disbursements WHERE json_extract(document, '$.batch_id') = ?"
)


class SQLiteAccountPayments(SQLiteRecords):
    """The list of the account's payments."""

    def list_account_payments(self, query: AccountQuery) -> AccountPage:
        """Implement `Store.list_account_payments`: one query for each step."""
        index = index_of(query)
        exact = query.filters <= {index}
        batches: frozenset[str] = frozenset()
        if query.provider_id is not None:
            found = self._connections().read(sql.BATCHES_OF_REFERENCE, (query.provider_id,))
            batches = frozenset(pk.removeprefix("batch#") for (pk,) in found)
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
        rows = self._connections().read(statement, values)
        candidates = []
        for payment_id, customer_id, document in rows:
            payment = read_payment(from_json(document)) if document else None
            wanted = payment if payment and query.matches(payment, batches) else None
            candidates.append(Candidate(ListPosition(payment_id, customer_id), wanted))
        return Step(candidates, is_last=len(rows) < count)


def step_statement(
    query: AccountQuery,
    index: str,
    batches: frozenset[str],
    before: ListPosition | None,
    count: int,
) -> tuple[str, tuple[Any, ...]]:
    """Return the query of a step, with its values.

    It reads by the index of one filter, and answers with the documents of those payments that pass
    the others, as far as SQL can compare them.
    """
    access = _access(query, index, batches)
    texts = [_equal(query, name) for name in _TEXTS if name in query.filters and name != index]
    others = [*texts, *_of_amount(query)]
    passes = " AND ".join(each.text for each in others) or "1"
    earliest, latest = query.earliest or "", query.latest or sql.AFTER_EVERY_ID
    position = before or ListPosition(sql.AFTER_EVERY_ID, "")
    name = "+payment_id" if index == "provider_id" else "payment_id"
    statement = _ACCOUNT_PAYMENTS.format(passes=passes, access=access.text, id=name)
    return statement, (
        *(value for each in others for value in each.values),
        *access.values,
        earliest,
        latest,
        *position,
        count,
    )


def _access(query: AccountQuery, index: str, batches: frozenset[str]) -> SqlCondition:
    if index == "provider_id":
        return _of_provider_id(query, batches)
    if index == "status":
        return _equal(query, index)._replace(text=f"{_text_is(index)} AND {_IS_OPEN}")
    return _equal(query, index) if index else SqlCondition("1")


def _of_provider_id(query: AccountQuery, batches: frozenset[str]) -> SqlCondition:
    key = query.item_key or PaymentKey("", "")
    batch_ids = [str(query.provider_id), *sorted(batches)]
    of_batches = " UNION ALL ".join([_PAYMENTS_OF_BATCH] * len(batch_ids))
    text = _PAYMENTS_OF_PROVIDER_ID.format(of_batches=of_batches)
    return SqlCondition(text, (query.provider_id, query.provider_id, *key, *batch_ids))


def _of_amount(query: AccountQuery) -> Iterator[SqlCondition]:
    """Yield conditions that no amount within the bounds fails.

    SQL compares doubles, whose relative error is 1.1e-16.
    """
    amount = "CAST(json_extract(document, '$.amount') AS REAL)"
    if query.min_amount is not None:
        yield SqlCondition(
            f"{amount} >= CAST(? AS REAL) * 0.999999999999", (str(query.min_amount),)
        )
    if query.max_amount is not None:
        yield SqlCondition(
            f"{amount} <= CAST(? AS REAL) * 1.000000000001", (str(query.max_amount),)
        )


def _equal(query: AccountQuery, name: str) -> SqlCondition:
    wanted = getattr(query, name)
    return SqlCondition(_text_is(name), (f"0 {wanted}" if name == "created_by" else wanted,))


def _text_is(name: str) -> str:
    return f"json_extract(document, '{_TEXTS[name]}') = ?"
