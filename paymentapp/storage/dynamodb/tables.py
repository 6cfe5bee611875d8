"""The three tables: keys, indexes, and their creation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from paymentapp.errors import StoreUnavailable
from paymentapp.storage.dynamodb.client import call

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EMAIL_INDEX = "email"
# Table: its keys; then its index: name, keys and projection.
# An item is in an index only while it has both keys of the index.
_TABLES: dict[str, tuple[tuple[str, ...], tuple[str, tuple[str, str], str] | None]] = {
    "Customers": (("customer_id",), (EMAIL_INDEX, ("email", "customer_id"), "KEYS_ONLY")),
    "Disbursements": (("customer_id", "payment_id"), ("due", ("due_shard", "due_at"), "ALL")),
    "Operations": (
        ("pk", "sk"),
        ("attention", ("attention_shard", "attention_at"), "KEYS_ONLY"),
    ),
}
_EXPIRING = "Operations"
_INDEX_CHECKS = 120  # one a second


def create(client: DynamoDBClient, prefix: str) -> list[str]:
    """Create the missing tables, wait until all are active, and return the names of new ones.

    A table of an earlier version gets the index that it lacks.
    """
    made = [name for name in _TABLES if _create(client, prefix, name)]
    for name in _TABLES:
        _wait(client, prefix + name)
    for name in _TABLES.keys() - made:
        _add_missing_index(client, definition(prefix, name))
    _expire(client, prefix + _EXPIRING)
    return made


def _create(client: DynamoDBClient, prefix: str, name: str) -> bool:
    try:
        call(client.create_table, **definition(prefix, name))
    except StoreUnavailable as error:
        if _code(error) == "ResourceInUseException":  # it exists, or is being created
            return False
        raise
    return True


def _add_missing_index(client: DynamoDBClient, wanted: Any) -> None:
    """Add the index of a table that was made without, and wait until it can be read.

    Raises StoreUnavailable, also where filling the index takes longer than two minutes: AWS goes on
    with it, and the table is in use meanwhile.
    """
    table, (index,) = wanted["TableName"], wanted["GlobalSecondaryIndexes"]
    if _index_status(client, table, index["IndexName"]) is None:
        request: Any = {
            "TableName": table,
            "AttributeDefinitions": wanted["AttributeDefinitions"],
            "GlobalSecondaryIndexUpdates": [{"Create": index}],
        }
        try:
            call(client.update_table, **request)
        except StoreUnavailable as error:
            if _code(error) != "ResourceInUseException":  # another process is adding it
                raise
    for _ in range(_INDEX_CHECKS):
        if _index_status(client, table, index["IndexName"]) == "ACTIVE":
            return
        time.sleep(1)
    raise StoreUnavailable(f"DynamoDB: the index {index['IndexName']} of {table} is not active yet")


def _index_status(client: DynamoDBClient, table: str, index: str) -> str | None:
    described = call(client.describe_table, TableName=table)["Table"]
    found = {each["IndexName"]: each for each in described.get("GlobalSecondaryIndexes", [])}
    return found[index]["IndexStatus"] if index in found else None


def definition(prefix: str, name: str) -> Any:
    """Return the CreateTable request of a table."""
    keys, index = _TABLES[name]
    request: dict[str, Any] = {
        "TableName": prefix + name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _schema(keys),
    }
    if index is not None:
        index_name, index_keys, projection = index
        keys = (*keys, *index_keys)
        request["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index_name,
                "KeySchema": _schema(index_keys),
                "Projection": {"ProjectionType": projection},
            }
        ]
    request["AttributeDefinitions"] = [
        {"AttributeName": key, "AttributeType": "S"} for key in dict.fromkeys(keys)
    ]
    return request


def _schema(keys: tuple[str, ...]) -> list[dict[str, str]]:
    kinds = ("HASH", "RANGE")
    return [{"AttributeName": k, "KeyType": kind} for k, kind in zip(keys, kinds, strict=False)]


def _wait(client: DynamoDBClient, table: str) -> None:
    waiter = client.get_waiter("table_exists")
    try:
        call(waiter.wait, TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    except StoreUnavailable as error:
        raise StoreUnavailable(f"DynamoDB: {table} does not become active") from error


def _expire(client: DynamoDBClient, table: str) -> None:
    """Turn on expiry by `expires_at`, which records of keys, events and counters have."""
    described = call(client.describe_time_to_live, TableName=table)
    if described["TimeToLiveDescription"].get("TimeToLiveStatus", "DISABLED") == "DISABLED":
        setting: Any = {"Enabled": True, "AttributeName": "expires_at"}
        call(client.update_time_to_live, TableName=table, TimeToLiveSpecification=setting)


def _code(error: StoreUnavailable) -> str:
    cause = error.__cause__
    return cause.response.get("Error", {}).get("Code", "") if isinstance(cause, ClientError) else ""
