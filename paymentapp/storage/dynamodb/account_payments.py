"""The payments of the whole account in the DynamoDB store."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

from paymentapp.models.account_payments import AccountPage, AccountQuery, ListPosition
from paymentapp.models.batches import Batch
from paymentapp.models.payments import Payment
from paymentapp.storage.account_reading import Candidate, Step, read_page
from paymentapp.storage.codec.payments import read_payment
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record
from paymentapp.storage.dynamodb.batches import DynamoDBBatches
from paymentapp.storage.dynamodb.disbursements import DynamoDBDisbursements
from paymentapp.storage.dynamodb.event_entries import LIST_SHARDS
from paymentapp.storage.dynamodb.list_entries import (
    DynamoDBListEntries,
    keys_of,
    partitions_for,
    position_of_payment,
    read_list_entry,
    sort_key_bounds,
)
from paymentapp.storage.dynamodb.scans import scan

_SPARE = 8  # entries of a shard beyond its part of a page


class DynamoDBAccountPayments(DynamoDBListEntries, DynamoDBDisbursements, DynamoDBBatches):
    """The list of the account's payments: entries, each checked against its payment."""

    def list_account_payments(self, query: AccountQuery) -> AccountPage:
        """Query each shard of the list, and read the payments that may be wanted, 100 a request.

        The id of a batch, ours or the provider's, and that of an item of ours lead to their
        payments, and a reference to its entries. Every other filter reads entries, and those that
        are not in the entries read the payments too.
        """
        named = self._of_provider_id(query)
        if named is not None:
            return named
        return read_page(query, partial(self._step, query), exact=query.filters <= {"reference"})

    def index_payments(self) -> int:
        """Scan the payments, read their entries, and put those that are missing, without events."""
        added = 0
        payments = map(read_payment, scan(self._client(), self._disbursements, "payment_id"))
        while chunk := list(islice(payments, conditional.READS // 2)):  # two entries each, at most
            wanted = [to_item(key) for payment in chunk for key in keys_of(payment)]
            found = conditional.read_many(self._client(), self._operations, wanted)
            known = {(item["pk"], item["request_id"]) for item in map(to_record, found)}
            for payment in chunk:
                needed = {(key["pk"], payment.request_id) for key in keys_of(payment)}
                if not needed <= known:
                    self._put_reference_entry(payment)
                    self._put_list_entry(payment, ())
                    added += 1
        return added

    def _step(self, query: AccountQuery, before: ListPosition | None, count: int) -> Step:
        """Read entries of all shards; where a shard has more, as far as its last one."""
        bounds = sort_key_bounds(query, before)
        if bounds is None:
            return Step([], is_last=True)
        found, cut = [], ""
        each_shard = count // LIST_SHARDS + _SPARE
        for partition in partitions_for(query):
            records = list(self._newest(partition, bounds, each_shard))
            found += records
            if len(records) == each_shard:
                cut = max(cut, records[-1]["sk"])
        found.sort(key=lambda record: record["sk"], reverse=True)
        kept = [read_list_entry(record) for record in found if record["sk"] >= cut][:count]
        possible = [entry for entry in kept if entry.may_match(query)]
        payments = self.get_payments([entry.key for entry in possible])
        wanted = {
            entry.position
            for entry in possible
            if (payment := payments.get(entry.key)) is not None
            and payment.request_id == entry.request_id
            and query.matches(payment)
        }
        candidates = [
            Candidate(entry.position, payments[entry.key] if entry.position in wanted else None)
            for entry in kept
        ]
        return Step(candidates, is_last=len(kept) == len(found) and not cut)

    def _newest(self, partition: str, bounds: tuple[str, str], limit: int) -> Iterator[Any]:
        low, high = bounds
        items = self._query(
            limit,
            TableName=self._operations,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues=to_item({":pk": partition, ":low": low, ":high": high}),
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return map(to_record, items)

    def _of_provider_id(self, query: AccountQuery) -> AccountPage | None:
        """Return a page of the payments of a batch or an item; None for ids of another kind."""
        if query.provider_id is None:
            return None
        batches = list(self._batches_of(query.provider_id))
        keys = [member.key for batch in batches for member in self.get_members(batch)]
        if query.item_key is not None:
            keys.append(query.item_key)
        payments = self.get_payments(keys) if keys else {}
        if not batches and not payments:
            return None
        batch_ids = {batch.batch_id for batch in batches}
        found: list[tuple[ListPosition, Payment]] = [
            (position_of_payment(payment), payment)
            for payment in payments.values()
            if query.matches(payment, batch_ids)
            and (query.before is None or position_of_payment(payment) < query.before)
        ]
        found.sort(key=lambda each: each[0], reverse=True)
        shown = found[: query.limit]
        last_read = shown[-1][0] if len(found) > len(shown) else None
        return AccountPage([payment for _, payment in shown], last_read)

    def _batches_of(self, provider_id: str) -> Iterator[Batch]:
        """Yield the batches that have an id: the own one, or that of the provider."""
        own = self.get_batch(provider_id)
        if own is not None:
            yield own
        for batch_id in self._batch_ids_of(provider_id):
            batch = self.get_batch(batch_id)
            if batch is not None and batch.reference == provider_id:
                yield batch
