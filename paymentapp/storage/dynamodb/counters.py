"""The counter of a limit in the DynamoDB store: one item, and how a transaction changes it.

The counter of a day or a month is one number, to which each payment adds under the condition that
there is room. The counter of a rolling window is replaced by its revision, because no condition of
DynamoDB adds up its steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from paymentapp.models.limits import Charge, LimitWindow
from paymentapp.models.revisions import new_revision
from paymentapp.storage.codec.limits import CounterKey, counter_key, expires_at
from paymentapp.storage.codec.records import Record, reads
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record
from paymentapp.storage.dynamodb.records import DynamoDBRecords
from paymentapp.storage.dynamodb.transactions import Write


class Counted(NamedTuple):
    """What is stored in a counter: the amounts by slot, and the revision of a rolling one.

    `is_sharded` is whether it has ever had shards: the amounts then contain their room.
    """

    slots: Mapping[str, Decimal]
    revision: str | None = None
    is_sharded: bool = False


_UNUSED = Counted({})


class DynamoDBCounters(DynamoDBRecords):
    """Reads of counters, and the writes that change them."""

    def _records(self, keys: Iterable[CounterKey]) -> dict[CounterKey, Record]:
        """Return records by their keys, by consistent reads; missing ones are left out."""
        wanted = [to_item(key._asdict()) for key in dict.fromkeys(keys)]
        items = conditional.read_many(self._client(), self._operations, wanted)
        records = map(to_record, items)
        return {CounterKey(record["pk"], record["sk"]): record for record in records}

    def _count(
        self,
        charge: Charge,
        counter: Counted,
        released: Sequence[Charge] = (),
        *,
        is_sharded: bool = False,
    ) -> Write:
        """Return the write that counts a charge, if it fits, and takes others off.

        `is_sharded` marks the counter as one that has shards.
        """
        mark: Record = {":yes": True} if is_sharded else {}
        change = "SET expires_at = :expires"
        if is_sharded:
            change += ", is_sharded = :yes"
        if charge.window is LimitWindow.ROLLING:
            return self._replace_steps(charge, counter, released, change, mark)
        values: Record = mark | {
            ":amount": charge.amount - sum(each.amount for each in released),
            ":expires": expires_at(charge.window, charge.slot),
        }
        condition: Record = {}
        if charge.limit is not None:
            values[":room"] = charge.limit - charge.amount
            condition = {"ConditionExpression": "attribute_not_exists(used) OR used <= :room"}
        return {"Update": self._update(charge, f"{change} ADD used :amount", values) | condition}

    def _replace_steps(
        self,
        charge: Charge,
        counter: Counted,
        released: Sequence[Charge],
        change: str,
        mark: Record,
    ) -> Write:
        steps: Mapping[str, Decimal] = counter.slots
        if charge.amount:
            steps = charge.counted(steps)
        for each in released:
            steps = each.given_back(steps)
        values: Record = mark | {
            ":steps": steps,
            ":new": new_revision(),
            ":expires": expires_at(charge.window, max(steps, default=charge.slot)),
        }
        condition = "attribute_not_exists(revision)"
        if counter.revision is not None:
            condition, values[":old"] = "revision = :old", counter.revision
        request = self._update(charge, f"{change}, steps = :steps, revision = :new", values)
        return {"Update": request | {"ConditionExpression": condition}}

    def _update(self, charge: Charge, change: str, values: Record) -> dict[str, Any]:
        return self._update_key(counter_key(charge), change, values)

    def _update_key(self, key: CounterKey, change: str, values: Record) -> dict[str, Any]:
        return {
            "TableName": self._operations,
            "Key": to_item(key._asdict()),
            "UpdateExpression": change,
            "ExpressionAttributeValues": to_item(values),
        }


def counted_in(charge: Charge, found: Mapping[CounterKey, Record]) -> Counted:
    """Return what is stored in a charge's counter, among records that were read."""
    record = found.get(counter_key(charge))
    return _read_counter(record) if record else _UNUSED


@reads
def _read_counter(record: Record) -> Counted:
    is_sharded = bool(record.get("is_sharded"))
    if "used" in record:
        return Counted({record["sk"]: Decimal(record["used"])}, is_sharded=is_sharded)
    steps = {slot: Decimal(amount) for slot, amount in record["steps"].items()}
    return Counted(steps, record["revision"], is_sharded)
