"""The Store interface over three DynamoDB tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from paymentapp.clock import to_text
from paymentapp.config import Settings
from paymentapp.errors import Conflict, StoreUnavailable
from paymentapp.events import Event
from paymentapp.models import (
    ApiKey,
    Batch,
    BatchState,
    Customer,
    KeyClaim,
    Member,
    Payment,
    PaymentKey,
)
from paymentapp.notes import Note
from paymentapp.storage import batch_codec, codec, event_codec
from paymentapp.storage.base import Lease, Page, PageQuery, PaymentChange
from paymentapp.storage.codec import Record
from paymentapp.storage.dynamodb import changes as conditional
from paymentapp.storage.dynamodb import tables
from paymentapp.storage.dynamodb.client import ConditionFailed, call, clients
from paymentapp.storage.dynamodb.listing import AFTER_EVERY_ID, page_request
from paymentapp.storage.dynamodb.scans import scan
from paymentapp.storage.dynamodb.wire import Item, to_item, to_record, to_value


class DynamoDBStore:
    """Each call of an interface method is one request, where the method does not say more."""

    def __init__(self, settings: Settings) -> None:
        prefix = settings.table_prefix
        self.description = f"DynamoDB, tables {prefix}*" if prefix else "DynamoDB"
        self._prefix = prefix
        self._customers = f"{prefix}Customers"
        self._disbursements = f"{prefix}Disbursements"
        self._operations = f"{prefix}Operations"
        at_once = settings.threads + settings.senders * conditional.CALLS_AT_ONCE
        self._client = clients(at_once + 8)

    def warm_up(self) -> None:
        """Make the client, which takes longer than a request. Nothing is sent."""
        self._client()

    def create_tables(self) -> list[str]:
        return tables.create(self._client(), self._prefix)

    def ping(self) -> None:
        """Read a key from each table that nothing has: a table that is missing is an error."""
        keys: Any = {
            self._customers: {"Keys": [to_item({"customer_id": "-"})]},
            self._disbursements: {"Keys": [to_item({"customer_id": "-", "payment_id": "-"})]},
            self._operations: {"Keys": [to_item({"pk": "-", "sk": "-"})]},
        }
        call(self._client().batch_get_item, RequestItems=keys)

    def close(self) -> None:
        self._client.close()

    # Customers

    def add_customer(self, customer: Customer) -> Customer:
        older = self._add(self._customers, ("customer_id",), codec.customer_record(customer))
        return codec.read_customer(older) if older else customer

    def get_customer(self, customer_id: str) -> Customer | None:
        found = self._get(self._customers, {"customer_id": customer_id})
        return codec.read_customer(found) if found else None

    def change_customer(self, old: Customer, new: Customer) -> bool:
        records = codec.customer_record(old), codec.customer_record(new)
        change = conditional.change_of({"customer_id": old.customer_id}, *records)
        return conditional.change_one(self._client(), self._customers, change)

    def scan_customers(self) -> Iterator[Customer]:
        """A request for each megabyte of the table."""
        return map(codec.read_customer, scan(self._client(), self._customers, "created_at"))

    # Disbursements

    def add_payment(self, payment: Payment) -> Payment:
        record = codec.payment_record(payment)
        older = self._add(self._disbursements, PaymentKey._fields, record)
        return codec.read_payment(older) if older else payment

    def get_payment(self, key: PaymentKey) -> Payment | None:
        found = self._get(self._disbursements, key._asdict())
        return codec.read_payment(found) if found else None

    def get_payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        """100 a request."""
        wanted = [to_item(key._asdict()) for key in dict.fromkeys(keys)]
        items = conditional.read_many(self._client(), self._disbursements, wanted)
        found = (codec.read_payment(to_record(item)) for item in items)
        return {payment.key: payment for payment in found}

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        """25 a request."""
        return conditional.change_all(
            self._client(), self._disbursements, [_payment_change(*change) for change in changes]
        )

    def list_payments(self, customer_id: str, query: PageQuery) -> Page:
        """One request, and `last_read` may lead to an empty page: there is no telling earlier."""
        request = page_request(customer_id, query)
        if request is None:
            return Page([], None)
        answer = call(self._client().query, TableName=self._disbursements, **request)
        payments = [codec.read_payment(to_record(item)) for item in answer["Items"]]
        last: Any = answer.get("LastEvaluatedKey")
        return Page(payments, last["payment_id"]["S"] if last else None)

    def due_payments(self, shard: int, until: datetime, limit: int) -> list[Payment]:
        """A request for each megabyte."""
        items = self._index(self._disbursements, "due", str(shard), to_text(until), limit)
        return [codec.read_payment(to_record(item)) for item in items]

    def scan_payments(self, earliest: datetime, latest: datetime) -> Iterator[Payment]:
        """A request for each megabyte of the table."""
        found = scan(self._client(), self._disbursements, "payment_id", earliest, latest)
        return map(codec.read_payment, found)

    # Idempotency keys

    def claim_key(self, claim: KeyClaim) -> KeyClaim:
        older = self._add_operation(f"key#{claim.key_hash}", "claim", codec.claim_record(claim))
        return codec.read_claim(claim.key_hash, older) if older else claim

    def change_claim(self, old: KeyClaim, new: KeyClaim) -> bool:
        records = codec.claim_record(old), codec.claim_record(new)
        return self._change_operation(f"key#{new.key_hash}", "claim", *records)

    # Batches

    def add_batch(self, batch: Batch, members: Sequence[Member]) -> None:
        """A request for each 500 members, and one."""
        pk = f"batch#{batch.batch_id}"
        records = {
            f"members#{number:04}": chunk
            for number, chunk in enumerate(batch_codec.member_records(batch, members))
        }
        for sk, record in {**records, "header": batch_codec.batch_record(batch)}.items():
            older = self._add_operation(pk, sk, record)
            if older and older["revision"] != batch.revision:
                raise Conflict("there is a batch of this id")

    def get_batch(self, batch_id: str) -> Batch | None:
        found = self._get(self._operations, {"pk": f"batch#{batch_id}", "sk": "header"})
        return batch_codec.read_batch(found) if found else None

    def get_members(self, batch: Batch) -> list[Member]:
        """A request for each megabyte, of thousands of members."""
        found = self._group(f"batch#{batch.batch_id}", "members#")
        return batch_codec.read_members(batch, found)

    def change_batch(self, old: Batch, new: Batch) -> bool:
        records = batch_codec.batch_record(old), batch_codec.batch_record(new)
        return self._change_operation(f"batch#{new.batch_id}", "header", *records)

    def due_batches(self, shard: int, until: datetime, limit: int) -> list[Batch]:
        """The index, then the batches that it names, 100 a request."""
        found = self._batches(str(shard), to_text(until), limit)
        due = [batch for batch in found if batch.attention_at and batch.attention_at <= until]
        return sorted(due, key=lambda batch: batch.attention_at or until)

    def parked_batches(self) -> list[Batch]:
        """The index, then the batches that it names, 100 a request."""
        found = self._batches(batch_codec.PARKED_SHARD, AFTER_EVERY_ID, None)
        parked = [batch for batch in found if batch.state is BatchState.PARKED]
        return sorted(parked, key=lambda batch: batch.created_at)

    def scan_batches(self, earliest: datetime, latest: datetime) -> Iterator[Batch]:
        """A request for each megabyte of the table."""
        found = scan(self._client(), self._operations, "created_at", earliest, latest, sk="header")
        return map(batch_codec.read_batch, found)

    # Webhook events

    def add_event(self, event: Event) -> Event:
        record = event_codec.event_record(event)
        older = self._add_operation(event_codec.event_key(event), event_codec.SORT_KEY, record)
        return event_codec.read_event(older) if older else event

    def change_event(self, old: Event, new: Event) -> bool:
        records = event_codec.event_record(old), event_codec.event_record(new)
        return self._change_operation(event_codec.event_key(new), event_codec.SORT_KEY, *records)

    def due_events(self, shard: int, until: datetime, limit: int) -> list[Event]:
        """The index, then the events that it names, 100 a request."""
        where = event_codec.attention_shard(shard)
        found = self._attention(where, to_text(until), limit)
        events = map(event_codec.read_event, found)
        due = [event for event in events if event.attention_at and event.attention_at <= until]
        return sorted(due, key=lambda event: event.attention_at or until)

    # A provider's own notes

    def add_note(self, note: Note) -> Note:
        older = self._add_operation(f"note#{note.name}", "note", codec.note_record(note))
        return codec.read_note(note.name, older) if older else note

    def get_note(self, name: str) -> Note | None:
        found = self._get(self._operations, {"pk": f"note#{name}", "sk": "note"})
        return codec.read_note(name, found) if found else None

    def change_note(self, old: Note, new: Note) -> bool:
        records = codec.note_record(old), codec.note_record(new)
        return self._change_operation(f"note#{new.name}", "note", *records)

    # Leases

    def hold_lease(self, wanted: Lease, now: datetime) -> Lease:
        key = {"pk": "lease", "sk": wanted.name}
        try:
            call(
                self._client().put_item,
                TableName=self._operations,
                Item=to_item(key | codec.lease_record(wanted)),
                ConditionExpression="attribute_not_exists(pk) OR #owner = :me OR #until <= :now",
                ExpressionAttributeNames={"#owner": "owner", "#until": "until"},
                ExpressionAttributeValues={
                    ":me": to_value(wanted.owner),
                    ":now": to_value(to_text(now)),
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failed:
            return codec.read_lease(wanted.name, self._stored(failed, self._operations, key))
        return wanted

    def get_lease(self, name: str) -> Lease | None:
        found = self._get(self._operations, {"pk": "lease", "sk": name})
        return codec.read_lease(name, found) if found else None

    # API keys

    def add_api_key(self, key: ApiKey) -> None:
        older = self._add_operation("apikey", key.key_id, codec.api_key_record(key))
        if older and codec.read_api_key(older) != key:
            raise Conflict("there is an API key of this id")

    def get_api_key(self, key_id: str) -> ApiKey | None:
        found = self._get(self._operations, {"pk": "apikey", "sk": key_id})
        return codec.read_api_key(found) if found else None

    def list_api_keys(self) -> list[ApiKey]:
        keys = map(codec.read_api_key, self._group("apikey", ""))
        return sorted(keys, key=lambda key: key.created_at)

    def revoke_api_key(self, key_id: str, at: datetime) -> bool:
        try:
            call(
                self._client().update_item,
                TableName=self._operations,
                Key=to_item({"pk": "apikey", "sk": key_id}),
                UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :at)",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":at": to_value(to_text(at))},
            )
        except ConditionFailed:
            return False
        return True

    # Requests

    def _get(self, table: str, key: Record) -> Record | None:
        answer = call(
            self._client().get_item, TableName=table, Key=to_item(key), ConsistentRead=True
        )
        item = answer.get("Item")
        return to_record(item) if item else None

    def _add(self, table: str, key: Sequence[str], record: Record) -> Record | None:
        """Add a record, or return the one that is there."""
        try:
            call(
                self._client().put_item,
                TableName=table,
                Item=to_item(record),
                ConditionExpression=f"attribute_not_exists({key[0]})",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failed:
            return self._stored(failed, table, {name: record[name] for name in key})
        return None

    def _stored(self, failed: ConditionFailed, table: str, key: Record) -> Record:
        """What stood in the way of a write: as the error says, or else by a read."""
        found = to_record(failed.item) if failed.item else self._get(table, key)
        if found is None:
            raise StoreUnavailable("DynamoDB PutItem: the item in the way has gone")
        return found

    def _add_operation(self, pk: str, sk: str, record: Record) -> Record | None:
        return self._add(self._operations, ("pk", "sk"), {"pk": pk, "sk": sk} | record)

    def _change_operation(self, pk: str, sk: str, old: Record, new: Record) -> bool:
        change = conditional.change_of({"pk": pk, "sk": sk}, old, new)
        return conditional.change_one(self._client(), self._operations, change)

    def _group(self, pk: str, prefix: str) -> Iterator[Record]:
        """Operations records whose sort keys begin alike, in their order."""
        items = self._query(
            None,
            TableName=self._operations,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item(
                {":pk": pk, ":first": prefix or " ", ":last": f"{prefix}~"}
            ),
            ConsistentRead=True,
        )
        return map(to_record, items)

    def _batches(self, shard: str, until: str, limit: int | None) -> list[Batch]:
        return [batch_codec.read_batch(found) for found in self._attention(shard, until, limit)]

    def _attention(self, shard: str, until: str, limit: int | None) -> Iterator[Record]:
        """What the attention index names, as it is now and no longer as the index has it."""
        found = self._index(self._operations, "attention", shard, until, limit)
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in found]
        items = conditional.read_many(self._client(), self._operations, keys)
        return map(to_record, items)

    def _index(
        self, table: str, index: str, shard: str, until: str, limit: int | None
    ) -> list[Item]:
        """What an index holds of a shard up to a time, oldest first. It may lag behind."""
        return self._query(
            limit,
            TableName=table,
            IndexName=index,
            KeyConditionExpression="#shard = :shard AND #at <= :until",
            ExpressionAttributeNames={"#shard": f"{index}_shard", "#at": f"{index}_at"},
            ExpressionAttributeValues={":shard": to_value(shard), ":until": to_value(until)},
        )

    def _query(self, limit: int | None, **request: Any) -> list[Item]:
        """All pages of a query, or the first `limit` items."""
        items: list[Item] = []
        while limit is None or len(items) < limit:
            if limit is not None:
                request["Limit"] = limit - len(items)
            answer = call(self._client().query, **request)
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return items


def _payment_change(old: Payment, new: Payment) -> conditional.Change:
    records = codec.payment_record(old), codec.payment_record(new)
    return conditional.change_of(old.key._asdict(), *records)
