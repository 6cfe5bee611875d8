"""Records as rows of the tables, and rows as records: which attribute is in which column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from paymentapp.clock import to_text
from paymentapp.storage.codec.records import Record, difference
from paymentapp.storage.postgresql.documents import (
    from_column,
    to_column,
    to_json,
    with_decimals,
)

Row = Sequence[Any]
Values = dict[str, Any]

# The attributes of a payment that have columns, in the order of PAYMENT_COLUMNS. `created_by` has
# one too, but it is made from the history's makers, and is no attribute.
_PAYMENT_TEXTS = (
    *("customer_id", "payment_id", "revision", "status", "currency", "payment_method", "email"),
    *("reference", "bulk_id", "batch_id", "provider_item_id", "transaction_id"),
)
_PAYMENT_OTHERS = ("amount", "due_shard", "due_at")
_PAYMENT_ATTRIBUTES = frozenset(_PAYMENT_TEXTS + _PAYMENT_OTHERS)
_CUSTOMER_ATTRIBUTES = frozenset({"customer_id", "email", "revision", "created_at"})
_OPERATION_ATTRIBUTES = frozenset({"revision", "attention_shard", "attention_at", "expires_at"})
_FIRST_MAKER = "0 "  # before the name of who made the first line of a history


def _rest(record: Record, columns: frozenset[str]) -> Record:
    """Return what goes into the document; a decimal becomes its text."""
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in record.items()
        if name not in columns
    }


def _present(columns: Mapping[str, Any]) -> Record:
    return {name: value for name, value in columns.items() if value is not None}


def _patch(old: Record, new: Record, columns: frozenset[str]) -> Values:
    """Return what turns one document into another; what neither of them has stays."""
    changed, removed = difference(_rest(old, columns), _rest(new, columns))
    return {"changed": changed, "removed": [to_column(name) for name in removed]}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)


# --- payments


def payment_values(record: Record) -> Values:
    """Return the columns of a payment's row, but for the document."""
    values: Values = {name: to_column(record.get(name)) for name in _PAYMENT_TEXTS}
    maker = next(iter(record.get("by", ())), "")
    by = maker.removeprefix(_FIRST_MAKER) if maker.startswith(_FIRST_MAKER) else None
    return values | {
        "amount": str(record["amount"]),
        "created_by": to_column(by),
        "due_shard": int(record["due_shard"]),
        "due_at": record.get("due_at"),
    }


def payment_document(record: Record) -> str:
    """Return the document of a payment's row."""
    return to_json(_rest(record, _PAYMENT_ATTRIBUTES))


def payment_row(record: Record) -> Values:
    """Return a whole row of a payment; its document is a dict."""
    return {**payment_values(record), "document": _rest(record, _PAYMENT_ATTRIBUTES)}


def payment_change(old: Record, new: Record) -> Values:
    """Return the values with which one version of a payment replaces another."""
    patch = _patch(old, new, _PAYMENT_ATTRIBUTES)
    return {**payment_values(new), "old_revision": old["revision"], **patch}


def payment_of(row: Row) -> Record:
    """Return the record of a row of PAYMENT_COLUMNS."""
    (customer_id, payment_id, revision, status, amount, currency, method, email, *others) = row
    (_, reference, bulk_id, batch_id, item_id, transaction_id, shard, due_at, document) = others
    texts = {
        "customer_id": customer_id,
        "payment_id": payment_id,
        "revision": revision,
        "status": status,
        "currency": currency,
        "payment_method": method,
        "email": email,
        "reference": reference,
        "bulk_id": bulk_id,
        "batch_id": batch_id,
        "provider_item_id": item_id,
        "transaction_id": transaction_id,
    }
    columns = {name: from_column(text) for name, text in texts.items() if text is not None}
    columns["due_shard"] = str(shard)
    if due_at is not None:
        columns["due_at"] = to_text(due_at)
    return {**document, **columns, "amount": amount}


# --- customers


def customer_values(record: Record) -> Values:
    """Return the columns of a customer's row, but for the document."""
    return {
        "customer_id": to_column(record["customer_id"]),
        "email": to_column(record.get("email")),
        "revision": record.get("revision", ""),
        "created_at": record["created_at"],
    }


def customer_document(record: Record) -> str:
    """Return the document of a customer's row."""
    return to_json(_rest(record, _CUSTOMER_ATTRIBUTES))


def customer_row(record: Record) -> Values:
    """Return a whole row of a customer; its document is a dict."""
    return {**customer_values(record), "document": _rest(record, _CUSTOMER_ATTRIBUTES)}


def customer_change(old: Record, new: Record) -> Values:
    """Return the values with which one version of a customer replaces another."""
    patch = _patch(old, new, _CUSTOMER_ATTRIBUTES)
    return {
        **customer_values(new),
        "old_revision": old.get("revision", ""),
        "changed": to_json(patch["changed"]),
        "removed": patch["removed"],
    }


def customer_of(row: Row) -> Record:
    """Return the record of a row of CUSTOMER_COLUMNS."""
    customer_id, email, revision, created_at, document = row
    record = {**with_decimals(document), "customer_id": from_column(customer_id)}
    record["created_at"] = to_text(created_at)
    if email is not None:
        record["email"] = from_column(email)
    if revision:
        record["revision"] = revision
    return record


# --- the other records


def operation_values(record: Record) -> Values:
    """Return the columns of a row of the operations, but for its key and document."""
    expires_at = record.get("expires_at")
    return {
        "revision": record.get("revision"),
        "attention_shard": to_column(record.get("attention_shard")),
        "attention_at": record.get("attention_at"),
        "expires_at": None if expires_at is None else epoch_text(expires_at),
    }


def operation_row(pk: str, sk: str, record: Record) -> Values:
    """Return a whole row of the operations; its document is a dict."""
    key = {"pk": to_column(pk), "sk": to_column(sk)}
    return {**key, **operation_values(record), "document": _rest(record, _OPERATION_ATTRIBUTES)}


def operation_document(record: Record) -> str:
    """Return the document of a row of the operations."""
    return to_json(_rest(record, _OPERATION_ATTRIBUTES))


def operation_change(old: Record, new: Record) -> Values:
    """Return the values with which one version of a record replaces another, but for its key."""
    patch = _patch(old, new, _OPERATION_ATTRIBUTES)
    return {
        **operation_values(new),
        "old_revision": old.get("revision", ""),
        "changed": to_json(patch["changed"]),
        "removed": patch["removed"],
    }


def operation_of(row: Row) -> Record:
    """Return the record of a row of RECORD_COLUMNS."""
    revision, attention_shard, attention_at, expires_at, document = row
    columns = {
        "revision": revision,
        "attention_shard": from_column(attention_shard) if attention_shard else None,
        "attention_at": _text(attention_at),
        "expires_at": None if expires_at is None else int(expires_at.timestamp()),
    }
    return {**document, **_present(columns)}


def epoch_text(seconds: int) -> str:
    """Return a time in epoch seconds, as records have it, as a text for a column."""
    return to_text(datetime.fromtimestamp(int(seconds), UTC))
