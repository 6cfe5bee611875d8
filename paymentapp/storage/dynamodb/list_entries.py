"""Entries of the account's list of payments in the DynamoDB store.

An entry is put before its payment, and announces its acceptance too: so the list costs no unit of
its own, and has each payment as soon as that is accepted. Its key has the time of the payment id,
not that of the put, because the list is in the order of the ids. It never expires.

A payment with a reference of the caller's has a second entry, by which it is found: in the
partitions of that reference, and with the same sort key.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from paymentapp.clock import from_text, utc_now
from paymentapp.errors import StoreUnavailable
from paymentapp.models.account_payments import AccountQuery, ListPosition
from paymentapp.models.events import Event
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.codec.events import event_texts
from paymentapp.storage.codec.records import Record, reads, without_none
from paymentapp.storage.contention import MAX_TRIES
from paymentapp.storage.dynamodb.attribute_values import to_item
from paymentapp.storage.dynamodb.client import call
from paymentapp.storage.dynamodb.event_entries import (
    ENTRY_DIGITS,
    LIST_SHARDS,
    TIME_DIGITS,
    list_partition,
    position_of,
    reference_partition,
)
from paymentapp.storage.dynamodb.events import LANDED, DynamoDBEvents


class ListEntry(NamedTuple):
    """An entry, with what its payment never changes and filters compare."""

    position: ListPosition
    key: PaymentKey
    request_id: str
    amount: Decimal
    currency: str
    created_by: str | None
    reference: str | None  # a digest

    def may_match(self, query: AccountQuery) -> bool:
        """Return whether the payment of the entry may pass the filters."""
        reference = _digest_of(query.reference) if query.reference is not None else None
        return (
            reference in (None, self.reference)
            and query.created_by in (None, self.created_by)
            and query.currency in (None, self.currency)
            and (query.min_amount is None or query.min_amount <= self.amount)
            and (query.max_amount is None or self.amount <= query.max_amount)
        )


class DynamoDBListEntries(DynamoDBEvents):
    """The entries, of which some come to nothing: a reader checks that there is the payment."""

    def _announce_payment(self, payment: Payment, events: Sequence[Event]) -> None:
        """Put the entry of a payment that is about to be added, and announce its events.

        One entry does both, if it is put within `LANDED` of the time that is in its key: no event
        may appear behind the end of the list of events. Else the events get an entry of their own.
        """
        self._put_reference_entry(payment)
        begun = time.monotonic()
        late = _seconds_from(payment.created_at)
        texts = [event_texts(event) for event in events] if late <= LANDED else []
        stored = self._put_list_entry(payment, texts)
        # By the wall clock too: the other one stands still while a host is suspended.
        took = late + time.monotonic() - begun
        has_landed = max(took, _seconds_from(payment.created_at)) <= LANDED
        if not has_landed or stored["events"] != texts:  # the latter: as a crashed request put it
            self._announce(events)

    def _announce_payments(self, acceptances: Sequence[Acceptance]) -> None:
        """Do what `_announce_payment` does for many payments, by few requests.

        Those of which an entry was in the way, or has landed late, are announced once more, each by
        itself: that puts what is missing.
        """
        records: list[Record] = []
        owners: list[Acceptance] = []
        for each in acceptances:
            payment = each.payment
            entries = [entry_record(payment, [event_texts(event) for event in each.events])]
            if payment.texts.reference is not None:
                entries.append(reference_record(payment))
            records += entries
            owners += [each] * len(entries)
        begun = time.monotonic()
        added = self._add_many(self._operations, ("pk", "sk"), records)
        took = time.monotonic() - begun
        alone = {each.payment.key for each, done in zip(owners, added, strict=True) if not done}
        for each in acceptances:
            late = max(took, _seconds_from(each.payment.created_at)) > LANDED
            if late or each.payment.key in alone:
                self._announce_payment(each.payment, each.events)

    def _put_list_entry(self, payment: Payment, texts: Sequence[Sequence[str]]) -> Record:
        """Add the entry; return what is stored. Raises StoreUnavailable."""
        return self._put_of(payment, partial(entry_record, payment, texts))

    def _put_reference_entry(self, payment: Payment) -> None:
        """Add the entry of a payment's reference, if it has one. Raises StoreUnavailable."""
        if payment.texts.reference is not None:
            self._put_of(payment, partial(reference_record, payment))

    def _put_of(self, payment: Payment, record_of: Callable[[int], Record]) -> Record:
        """Add an entry of a payment. Another payment's digest may be the same."""
        for attempt in range(MAX_TRIES):
            wanted = record_of(attempt)
            stored = self._add(self._operations, ("pk", "sk"), wanted) or wanted
            if stored["request_id"] == payment.request_id:
                return stored
        raise StoreUnavailable(f"{MAX_TRIES} keys of an entry belong to other payments")

    def _erase_list_entry(self, payment: Payment) -> None:
        """Remove what says which reference a payment has: it is not found by it any more."""
        found = self._key_of(payment, partial(reference_record, payment))
        if found is not None:
            self._delete(found)
        listed = self._key_of(payment, partial(entry_record, payment, ()))
        if listed is not None:
            call(
                self._client().update_item,
                TableName=self._operations,
                Key=to_item(listed),
                UpdateExpression="REMOVE #reference",
                ExpressionAttributeNames={"#reference": "reference"},
            )

    def _key_of(self, payment: Payment, record_of: Callable[[int], Record]) -> Record | None:
        """Return the key of an entry that is stored; None where an earlier version put none."""
        for attempt in range(MAX_TRIES):
            key = _key_in(record_of(attempt))
            stored = self._get(self._operations, key)
            if stored is None:
                return None
            if stored["request_id"] == payment.request_id:
                return key
        return None


def entry_record(payment: Payment, texts: Sequence[Sequence[str]], attempt: int = 0) -> Record:
    """Return the entry of a payment with its events, in its key the digest of an attempt.

    Another request with the key of the payment has another digest.
    """
    words = (*payment.key, payment.request_id, str(attempt))
    digest = _digest_of("\n".join(words))
    reference = payment.texts.reference
    return without_none(
        {
            "pk": list_partition(int(digest[:8], 16) % LIST_SHARDS),
            "sk": position_of(payment.created_at) + digest[8 : 8 + ENTRY_DIGITS - TIME_DIGITS],
            "customer_id": payment.customer_id,
            "payment_id": payment.payment_id,
            "request_id": payment.request_id,
            "amount": str(payment.money.amount),
            "currency": payment.money.currency,
            "created_by": payment.created_by,
            "reference": _digest_of(reference) if reference is not None else None,
            "events": list(texts),
        }
    )


def reference_record(payment: Payment, attempt: int = 0) -> Record:
    """Return the entry of a payment with a reference in the partitions of that reference."""
    entry = entry_record(payment, (), attempt)
    shard = int(entry["pk"].partition("#")[2])
    return entry | {"pk": reference_partition(entry["reference"], shard)}


def keys_of(payment: Payment) -> list[Record]:
    """Return the keys of a payment's entries, unless these are another payment's."""
    records = [entry_record(payment, ())]
    if payment.texts.reference is not None:
        records.append(reference_record(payment))
    return list(map(_key_in, records))


def partitions_for(query: AccountQuery) -> list[str]:
    """Return the partitions that have the entries of what a query wants."""
    if query.reference is None:
        return [list_partition(shard) for shard in range(LIST_SHARDS)]
    digest = _digest_of(query.reference)
    return [reference_partition(digest, shard) for shard in range(LIST_SHARDS)]


@reads
def read_list_entry(record: Record) -> ListEntry:
    """Return the entry of a record."""
    return ListEntry(
        ListPosition(record["payment_id"], record["sk"][TIME_DIGITS:]),
        PaymentKey(record["customer_id"], record["payment_id"]),
        record["request_id"],
        Decimal(record["amount"]),
        record["currency"],
        record.get("created_by"),
        record.get("reference"),
    )


def sort_key_bounds(query: AccountQuery, before: ListPosition | None) -> tuple[str, str] | None:
    """Return the first and the last sort key of what a query wants; None where there is none."""
    low = position_of(from_text(query.earliest)) if query.earliest else "0"
    high = f"{position_of(from_text(query.latest))}~" if query.latest else "~"
    if before is not None:
        high = min(high, _below(position_of(from_text(before.payment_id)) + before.tie))
    return (low, high) if low <= high else None


def position_of_payment(payment: Payment) -> ListPosition:
    """Return the position of a payment, as its first entry has it."""
    return read_list_entry(entry_record(payment, ())).position


def _key_in(record: Record) -> Record:
    return {name: record[name] for name in ("pk", "sk")}


def _seconds_from(moment: datetime) -> float:
    return abs(utc_now() - moment) / timedelta(seconds=1)


def _below(key: str) -> str:
    """Return a text that is greater than every printable one below a key, and less than the key."""
    return f"{key[:-1]}{chr(ord(key[-1]) - 1)}~"


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
