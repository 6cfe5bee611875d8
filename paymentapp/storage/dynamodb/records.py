"""What every table of the DynamoDB store shares: get, add where absent, change, query."""

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
    """Records as items of tables; each method is one request where it does not say more."""

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
