"""Writes that are conditional on a revision or an absence: one by its own call, many by PartiQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from paymentapp.errors import StoreUnavailable
from paymentapp.storage.codec.records import Record, difference
from paymentapp.storage.dynamodb.attribute_values import Item, to_item, to_value
from paymentapp.storage.dynamodb.client import ConditionFailed, call

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")

READS = 100  # AWS, BatchGetItem: "as many as 100 items"
STATEMENTS = 25  # AWS, BatchExecuteStatement: "up to 25 statements"
CALLS_AT_ONCE = 4  # concurrent calls of one large change; a call mostly waits for AWS
RETRY_DELAYS = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds, in addition to botocore's own retries

# Errors of one statement of a call that succeeded: botocore does not retry them.
TRANSIENT = {
    "InternalServerError",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "ThrottlingError",
    "TransactionConflict",
}
_FINAL = {None, "ConditionalCheckFailed"}


class ItemUpdate(NamedTuple):
    """Attributes to set and to remove in one item, if it still has the old revision.

    Other attributes of the item, such as those of a later version, are kept.
    """

    key: Item
    old_revision: str  # empty: the item's first version, which has none
    new_revision: str
    changed: Record
    removed: list[str]


def change_of(key: Record, old: Record, new: Record) -> ItemUpdate:
    """Return the update that replaces one version of a record by the next."""
    old_revision = old.get("revision", "")
    return ItemUpdate(to_item(key), old_revision, new["revision"], *difference(old, new))


def change_all(client: DynamoDBClient, table: str, changes: Sequence[ItemUpdate]) -> list[bool]:
    """Make independent changes; return for each, in order, whether it is made.

    A change that an earlier attempt made, whose answer was lost, counts as made. A PartiQL
    statement removes at most one attribute, because emulators disagree on the syntax for more;
    more than one is removed from a payment at most once.
    """
    single = [n for n, change in enumerate(changes) if len(change.removed) > 1]
    joint = [n for n, change in enumerate(changes) if len(change.removed) <= 1]
    if len(joint) == 1:
        single, joint = [*single, *joint], []
    made = {n: change_one(client, table, changes[n]) for n in single}
    chunks = [joint[i : i + STATEMENTS] for i in range(0, len(joint), STATEMENTS)]
    calls = [partial(change_many, client, table, [changes[n] for n in chunk]) for chunk in chunks]
    for chunk, answers in zip(chunks, concurrently(calls), strict=True):
        made |= dict(zip(chunk, answers, strict=True))
    return [made[n] for n in range(len(changes))]


def concurrently(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Return the results of calls, in order, of which CALLS_AT_ONCE are made at a time."""
    if len(calls) <= 1:
        return [run() for run in calls]
    from concurrent.futures import ThreadPoolExecutor  # rarely needed, so not at start

    with ThreadPoolExecutor(min(CALLS_AT_ONCE, len(calls))) as pool:
        return [future.result() for future in [pool.submit(run) for run in calls]]


def add_many(
    client: DynamoDBClient, table: str, key: Sequence[str], records: Sequence[Record]
) -> list[bool]:
    """Add records that do not exist, 25 a call; return for each whether this call has added it.

    False stands for one that was there, also by an earlier attempt whose answer was lost, for one
    with the key of another one before it, and for any error of its own.
    """
    first: dict[tuple[str, ...], int] = {}
    for number, record in enumerate(records):
        first.setdefault(tuple(record[name] for name in key), number)
    wanted, added = list(first.values()), [False] * len(records)
    for start in range(0, len(wanted), STATEMENTS):
        chunk = wanted[start : start + STATEMENTS]
        statements: Any = [_insert(table, records[number]) for number in chunk]
        response = call(client.batch_execute_statement, Statements=statements)
        for number, answer in zip(chunk, response["Responses"], strict=True):
            added[number] = "Error" not in answer
    return added


def _insert(table: str, record: Record) -> dict[str, Any]:
    names = ", ".join(f"'{name}': ?" for name in record)
    return {
        "Statement": f'INSERT INTO "{table}" VALUE {{{names}}}',
        "Parameters": list(map(to_value, record.values())),
    }


def change_one(client: DynamoDBClient, table: str, change: ItemUpdate) -> bool:
    """Make a change; return whether it is made, now or by an attempt whose answer was lost."""
    try:
        call(client.update_item, **update_request(table, change))
    except ConditionFailed as failed:
        return was_made(client, table, change, failed)
    return True


def was_made(
    client: DynamoDBClient, table: str, change: ItemUpdate, failed: ConditionFailed
) -> bool:
    """Return whether a change failed because an earlier attempt made it."""
    current = [failed.item] if failed.item else read_many(client, table, [change.key])
    return any(item.get("revision", {}).get("S") == change.new_revision for item in current)


def update_request(table: str, change: ItemUpdate) -> Any:
    """Return the parameters of an UpdateItem, or of an update within a transaction."""
    names = {f"#{n}": name for n, name in enumerate([*change.changed, *change.removed])}
    aliases = list(names)
    count = len(change.changed)
    expression = "SET " + ", ".join(f"{alias} = :{alias[1:]}" for alias in aliases[:count])
    if change.removed:
        expression += " REMOVE " + ", ".join(aliases[count:])
    values = {f":{n}": to_value(value) for n, value in enumerate(change.changed.values())}
    condition = "attribute_exists(#key) AND attribute_not_exists(revision)"
    if change.old_revision:
        condition, values[":old"] = "revision = :old", to_value(change.old_revision)
    else:
        names["#key"] = next(iter(change.key))
    return {
        "TableName": table,
        "Key": change.key,
        "UpdateExpression": expression,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def change_many(client: DynamoDBClient, table: str, changes: Sequence[ItemUpdate]) -> list[bool]:
    """Make up to 25 independent changes in one call; return for each what `change_one` does."""
    made: dict[int, bool] = {}
    waiting = dict(enumerate(changes))
    for delay in (*RETRY_DELAYS, None):
        codes = _execute(client, table, waiting)
        made |= {n: code is None for n, code in codes.items() if code in _FINAL}
        waiting = {n: changes[n] for n in codes if n not in made}
        problems = {code for code in codes.values() if code not in _FINAL}
        if not problems:
            break
        if delay is None or problems - TRANSIENT:
            names = ", ".join(sorted(map(str, problems)))
            raise StoreUnavailable(f"DynamoDB BatchExecuteStatement: {names}")
        time.sleep(delay)
    refused = [changes[n] for n, done in made.items() if not done]
    current = _revisions(client, table, refused)
    return [
        made[n] or current.get(_identity(change.key)) == change.new_revision
        for n, change in enumerate(changes)
    ]


def _execute(
    client: DynamoDBClient, table: str, changes: Mapping[int, ItemUpdate]
) -> dict[int, str | None]:
    """Execute a statement for each change; return its error code, None where it succeeded."""
    statements: Any = [_statement(table, change) for change in changes.values()]
    response = call(client.batch_execute_statement, Statements=statements)
    codes = [answer.get("Error", {}).get("Code") for answer in response["Responses"]]
    return dict(zip(changes, codes, strict=True))


def _revisions(
    client: DynamoDBClient, table: str, changes: Sequence[ItemUpdate]
) -> dict[tuple[str, ...], str]:
    if not changes:
        return {}
    items = read_many(client, table, [change.key for change in changes])
    names = list(changes[0].key)
    return {_identity({n: item[n] for n in names}): item["revision"]["S"] for item in items}


def _identity(key: Item) -> tuple[str, ...]:
    return tuple(value["S"] for value in key.values())


def _statement(table: str, change: ItemUpdate) -> dict[str, Any]:
    sets = ", ".join(f'"{name}" = ?' for name in change.changed)
    removes = "".join(f" REMOVE {name}" for name in change.removed)
    where = " AND ".join(f"{name} = ?" for name in (*change.key, "revision"))
    values = [to_value(value) for value in change.changed.values()]
    return {
        "Statement": f'UPDATE "{table}" SET {sets}{removes} WHERE {where}',  # noqa: S608
        "Parameters": [*values, *change.key.values(), to_value(change.old_revision)],
    }


def read_many(client: DynamoDBClient, table: str, keys: Sequence[Item]) -> Iterator[Item]:
    """Yield items by their keys, by consistent reads, in any order; missing ones are left out."""
    for start in range(0, len(keys), READS):
        yield from read_all(client, {table: keys[start : start + READS]})


def read_all(client: DynamoDBClient, keys: Mapping[str, Sequence[Item]]) -> Iterator[Item]:
    """Yield up to 100 items of several tables, as `read_many` does those of one."""
    request: Any = {
        table: {"Keys": wanted, "ConsistentRead": True} for table, wanted in keys.items()
    }
    for delay in (*RETRY_DELAYS, None):
        response = call(client.batch_get_item, RequestItems=request)
        for items in response["Responses"].values():
            yield from items
        request = response.get("UnprocessedKeys")
        if not request:
            break
        if delay is None:
            raise StoreUnavailable("DynamoDB BatchGetItem: UnprocessedKeys")
        time.sleep(delay)
