"""Reading and writing whole tables of the DynamoDB store.

Entries of the lists are no records of their own: those of payments are put with them, and those of
events are read and written as events.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from paymentapp.errors import StoreUnavailable
from paymentapp.models.events import KEPT
from paymentapp.models.limits import LimitWindow
from paymentapp.models.payments import PaymentKey
from paymentapp.models.revisions import new_revision
from paymentapp.storage.base import Lease
from paymentapp.storage.codec.events import event_id_of, event_texts, position_in
from paymentapp.storage.codec.limits import SHARDS
from paymentapp.storage.codec.operations import read_lease
from paymentapp.storage.codec.payments import read_payment
from paymentapp.storage.codec.records import Record
from paymentapp.storage.copying import (
    LEASES,
    NOT_COPIED,
    CopiedTable,
    Key,
    StoredRecord,
    TablePart,
)
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record
from paymentapp.storage.dynamodb.client import call
from paymentapp.storage.dynamodb.event_entries import (
    ENTRY_DIGITS,
    TIME_DIGITS,
    hour_partition,
    time_of,
)
from paymentapp.storage.dynamodb.events import END
from paymentapp.storage.dynamodb.list_entries import (
    DynamoDBListEntries,
    entry_record,
    reference_record,
)
from paymentapp.storage.dynamodb.scans import page

_OPERATION_KEY = ("pk", "sk")
# Partitions that belong to the lists of this engine, by the text before the first "#".
_ENTRIES = {"events", "events-end", "events-unmade", "payments", "references"}
_LIMIT = "limit"
_ZEROS = "0" * (ENTRY_DIGITS - TIME_DIGITS)  # after the time in the key of an entry that is copied


class DynamoDBCopying(DynamoDBListEntries):
    """The tables as a whole."""

    def read_table(self, table: CopiedTable, after: Key | None, limit: int) -> TablePart:
        """Scan; list the events that are published."""
        if table is CopiedTable.EVENTS:
            return self._read_events(after, limit)
        name, key = self._place(table)
        request: dict[str, Any] = {"TableName": name, "ConsistentRead": True, "Limit": limit}
        if after is not None:
            request["ExclusiveStartKey"] = to_item(dict(zip(key, after, strict=True)))
        answer = page(self._client(), request)
        last = to_record(answer.get("LastEvaluatedKey", {}))
        found = self._records_of(table, map(to_record, answer["Items"]))
        return TablePart(list(found), tuple(last[each] for each in key) if last else None)

    def read_keys(self, table: CopiedTable, keys: Sequence[Key]) -> dict[Key, Record]:
        """Read 100 items a request."""
        name, key = self._place(table)
        wanted = [to_item(dict(zip(key, each, strict=True))) for each in keys]
        items = conditional.read_many(self._client(), name, wanted)
        return dict(self._records_of(table, map(to_record, items), marks=True))

    def put_many(self, table: CopiedTable, records: Sequence[StoredRecord]) -> None:
        """Put 25 items a request, and first the entries of payments."""
        if table is CopiedTable.EVENTS:
            self._put_events(records)
            return
        if table is CopiedTable.PAYMENTS:
            self._list_payments([each.record for each in records])
        name, key = self._place(table)
        items = [
            dict(zip(key, each.key, strict=True)) | _stored(each.key, each.record)
            for each in records
        ]
        self._write(name, [{"PutRequest": {"Item": to_item(item)}} for item in items])

    def delete_many(self, table: CopiedTable, keys: Sequence[Key]) -> None:
        """Delete 25 items a request."""
        if table is CopiedTable.EVENTS:
            keys = [_entry_key(position) for (position,) in keys]
        name, key = self._place(table)
        wanted = [to_item(dict(zip(key, each, strict=True))) for each in keys]
        self._write(name, [{"DeleteRequest": {"Key": each}} for each in wanted])

    def list_leases(self) -> list[Lease]:
        """Implement `CopyableStore.list_leases`."""
        return [read_lease(each["sk"], each) for each in self._group(LEASES, "")]

    def _place(self, table: CopiedTable) -> tuple[str, tuple[str, ...]]:
        """Return the name of a table, and of its key's attributes."""
        if table is CopiedTable.CUSTOMERS:
            return self._customers, ("customer_id",)
        if table is CopiedTable.PAYMENTS:
            return self._disbursements, PaymentKey._fields
        return self._operations, _OPERATION_KEY

    def _records_of(
        self, table: CopiedTable, items: Iterator[Record], *, marks: bool = False
    ) -> Iterator[StoredRecord]:
        """Yield items in the form that engines share; with `marks` those of NOT_COPIED too."""
        _, key = self._place(table)
        for item in items:
            name = tuple(item[each] for each in key)
            if table is not CopiedTable.OPERATIONS:
                yield StoredRecord(name, item)
                continue
            pk = name[0].partition("#")[0]
            is_left_out = pk in _ENTRIES or (pk in NOT_COPIED and not marks)
            if is_left_out or (pk == _LIMIT and "room" in item):
                continue
            record = {each: value for each, value in item.items() if each not in key}
            is_counter = pk == _LIMIT and "slots" not in record
            yield StoredRecord(name, self._counter(name, record) if is_counter else record)

    def _counter(self, key: Key, record: Record) -> Record:
        """Return what is counted for payments: without the room of shards."""
        pk, sk = key
        found = record["steps"] if "steps" in record else {sk: record["used"]}
        slots = {slot: Decimal(amount) for slot, amount in found.items()}
        if record.get("is_sharded"):
            keys = [to_item({"pk": f"{pk}#{number}", "sk": sk}) for number in range(SHARDS)]
            items = conditional.read_many(self._client(), self._operations, keys)
            for shard in map(to_record, items):
                if shard["slot"] in slots:
                    slots[shard["slot"]] -= Decimal(shard["room"])
        texts = {slot: str(amount) for slot, amount in slots.items()}
        return {"slots": texts, "expires_at": record["expires_at"]}

    def _read_events(self, after: Key | None, limit: int) -> TablePart:
        """Return events by the time of their entries, or right after the one before.

        The key after which the next part begins has the position of this engine, and that one.
        """
        position = after[0] if after else None
        last = int(after[-1]) if after else 0
        found = self.list_events(event_id_of(position) if position else None, limit)
        records: list[StoredRecord] = []
        for each in found.events:
            begins = int(position_in(each.event_id)[:TIME_DIGITS])
            if after is not None and len(after) == 1 and begins == last and not records:
                continue  # the one after which to begin
            last = max(begins, last + 1)
            expires_at = int((each.event.at + KEPT).timestamp())
            record = {"event": event_texts(each.event), "expires_at": expires_at}
            records.append(StoredRecord((f"{last:0{TIME_DIGITS}}",), record))
        if found.last_read is None:
            return TablePart(records, None)
        return TablePart(records, (position_in(found.last_read), f"{last:0{TIME_DIGITS}}"))

    def _put_events(self, records: Sequence[StoredRecord]) -> None:
        """Put an entry for each event, and let the list reach as far as the last one."""
        puts = []
        for (position,), record in records:
            entry = dict(zip(_OPERATION_KEY, _entry_key(position), strict=True))
            texts = {"events": [record["event"]], "expires_at": record["expires_at"]}
            puts.append({"PutRequest": {"Item": to_item(entry | texts)}})
        self._write(self._operations, puts)
        positions = sorted(position for (position,), _ in records)
        old = self._end_record() or {"first": positions[0], "position": ""}
        end = {
            "first": min(old["first"], positions[0]),
            "position": max(old["position"], positions[-1] + _ZEROS),
            "revision": new_revision(),
        }
        self._put(END | end)

    def _list_payments(self, records: Sequence[Record]) -> None:
        """Put the entries of payments that are missing, without events."""
        payments = list(map(read_payment, records))
        entries = [entry_record(each, ()) for each in payments]
        owners = list(payments)
        for each in payments:
            if each.texts.reference is not None:
                entries.append(reference_record(each))
                owners.append(each)
        added = self._add_many(self._operations, _OPERATION_KEY, entries)
        present = {each.key for each, done in zip(owners, added, strict=True) if not done}
        for each in payments:
            if each.key in present:  # another payment's entry may be in the way
                self._put_reference_entry(each)
                self._put_list_entry(each, ())

    def _write(self, table: str, requests: Sequence[dict[str, Any]]) -> None:
        """Make unconditional writes, 25 a request. Raises StoreUnavailable."""
        size = conditional.STATEMENTS
        for start in range(0, len(requests), size):
            left: Any = {table: list(requests[start : start + size])}
            for delay in (*conditional.RETRY_DELAYS, None):
                answer = call(self._client().batch_write_item, RequestItems=left)
                left = answer.get("UnprocessedItems")
                if not left:
                    break
                if delay is None:
                    raise StoreUnavailable("DynamoDB BatchWriteItem: UnprocessedItems")
                time.sleep(delay)


def _stored(key: Key, record: Record) -> Record:
    """Return a record as this engine has it: the counter of a limit is a number, or steps."""
    if not key[0].startswith(f"{_LIMIT}#") or "slots" not in record:
        return record
    slots = {slot: Decimal(amount) for slot, amount in record["slots"].items()}
    kept = {"expires_at": record["expires_at"]}
    if key[-1] == LimitWindow.ROLLING.value:
        return kept | {"steps": slots, "revision": new_revision()}
    return kept | {"used": slots.get(key[-1], Decimal(0))}


def _entry_key(position: str) -> Key:
    """Return the key of the entry of an event that is copied."""
    return hour_partition(time_of(position), 0), position + _ZEROS
