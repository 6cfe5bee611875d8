"""The operations that all tables of the DynamoDB store share: get, add if absent, change, query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from paymentapp.errors import StoreUnavailable
from paymentapp.storage.codec.records import Record
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import Item, to_item, to_record, to_value
from paymentapp.storage.dynamodb.client import ConditionFailed, call
from paymentapp.storage.per_process import PerProcess

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBRecords:
    """Records as items of tables; each method is one request unless it says otherwise."""

    _client: PerProcess[DynamoDBClient]
    _customers: str  # the names of the tables
    _disbursements: str
    _operations: str

    def _get(self, table: str, key: Record) -> Record | None:
        answer = call(
            self._client().get_item, TableName=table, Key=to_item(key), ConsistentRead=True
        )
        item = answer.get("Item")
        return to_record(item) if item else None

    def _add(self, table: str, key: Sequence[str], record: Record) -> Record | None:
        """Add a record; return None, or the record that was there already."""
        try:
            call(self._client().put_item, **add_request(table, key, record))
        except ConditionFailed as failed:
            return self._stored(failed, table, {name: record[name] for name in key})
        return None

    def _add_many(self, table: str, key: Sequence[str], records: Sequence[Record]) -> list[bool]:
        """Add records as `conditional_writes.add_many` does: a request for each 25 of them."""
        return conditional.add_many(self._client(), table, key, records)

    def _stored(self, failed: ConditionFailed, table: str, key: Record) -> Record:
        """Return the record because of which a write failed: from the error, or by a read."""
        found = to_record(failed.item) if failed.item else self._get(table, key)
        if found is None:
            raise StoreUnavailable("DynamoDB PutItem: the conflicting item no longer exists")
        return found

    def _add_operation(self, pk: str, sk: str, record: Record) -> Record | None:
        return self._add(self._operations, ("pk", "sk"), {"pk": pk, "sk": sk} | record)

    def _change_operation(self, pk: str, sk: str, old: Record, new: Record) -> bool:
        change = conditional.change_of({"pk": pk, "sk": sk}, old, new)
        return conditional.change_one(self._client(), self._operations, change)

    def _group(self, pk: str, prefix: str) -> Iterator[Record]:
        """Yield the Operations records of a key whose sort keys have a prefix, in order."""
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

    def _attention(self, shard: str, until: str, limit: int | None) -> Iterator[Record]:
        """Yield the records that the attention index names, by consistent reads."""
        found = self._index(self._operations, "attention", shard, until, limit)
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in found]
        items = conditional.read_many(self._client(), self._operations, keys)
        return map(to_record, items)

    def _index(
        self, table: str, index: str, shard: str, until: str, limit: int | None
    ) -> list[Item]:
        """Return the items of a shard in an index up to a time, oldest first; may be stale."""
        return self._query(
            limit,
            TableName=table,
            IndexName=index,
            KeyConditionExpression="#shard = :shard AND #at <= :until",
            ExpressionAttributeNames={"#shard": f"{index}_shard", "#at": f"{index}_at"},
            ExpressionAttributeValues={":shard": to_value(shard), ":until": to_value(until)},
        )

    def _query(self, limit: int | None, **request: Any) -> list[Item]:
        """Return all items of a query, or the first `limit`."""
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


def add_request(table: str, key: Sequence[str], record: Record) -> Any:
    """Return the parameters of a PutItem, also within a transaction, that adds a record."""
    return {
        "TableName": table,
        "Item": to_item(record),
        "ConditionExpression": f"attribute_not_exists({key[0]})",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
