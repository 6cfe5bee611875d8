"""Scans of a whole table, for operators' commands; nothing else scans."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from paymentapp.clock import to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.storage.codec.records import Record
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record
from paymentapp.storage.dynamodb.client import call
from paymentapp.storage.dynamodb.conditional_writes import RETRY_DELAYS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 1, 1, tzinfo=UTC)


def scan(
    client: DynamoDBClient,
    table: str,
    name: str,
    earliest: datetime = FIRST,
    latest: datetime = LAST,
    sk: str | None = None,
) -> Iterator[Record]:
    """Yield every record whose attribute `name` is a time between two times, inclusive.

    Only records of the sort key `sk`, where it is given. Reads consistently, one request for each
    megabyte of the table.
    """
    values = {":earliest": to_text(earliest), ":latest": to_text(latest)}
    condition = f"{name} BETWEEN :earliest AND :latest"
    if sk is not None:
        values[":sk"] = sk
        condition += " AND sk = :sk"
    request: dict[str, Any] = {
        "TableName": table,
        "ConsistentRead": True,
        "FilterExpression": condition,
        "ExpressionAttributeValues": to_item(values),
    }
    while True:
        answer = page(client, request)
        yield from map(to_record, answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def page(client: DynamoDBClient, request: dict[str, Any]) -> Any:
    """Read one page, with retries: one throttled page must not end a long scan."""
    for delay in RETRY_DELAYS:
        try:
            return call(client.scan, **request)
        except StoreUnavailable:
            time.sleep(delay)
    return call(client.scan, **request)
