"""Changes that depend on a revision: one by UpdateItem, many by PartiQL."""

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
CALLS_AT_ONCE = 4  # of one big change; a call waits for AWS far longer than it computes
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds between attempts, on top of botocore's own

# Errors of one statement within a batch that was answered: botocore does not see them.
_TRANSIENT = {
    "InternalServerError",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "ThrottlingError",
    "TransactionConflict",
}
_ANSWERS = {None, "ConditionalCheckFailed"}


class ItemUpdate(NamedTuple):
    """Attributes to set and to remove in one item, if it still has the old revision.

    Nothing else in the item is touched: not the attributes of a later version.
    """

    key: Item
    old_revision: str  # empty: the item's first version, which has none
    new_revision: str
    changed: Record
    removed: list[str]


def change_of(key: Record, old: Record, new: Record) -> ItemUpdate:
    old_revision = old.get("revision", "")
    return ItemUpdate(to_item(key), old_revision, new["revision"], *difference(old, new))


def change_all(client: DynamoDBClient, table: str, changes: Sequence[ItemUpdate]) -> list[bool]:
    """Make independent changes; one answer a change, in order: whether it is made, now or by an
    attempt whose answer was lost.

    A PartiQL statement removes one attribute at most, or else emulators disagree on its syntax;
    more than one is removed from a payment once in its life, if ever.
    """
    alone = [place for place, change in enumerate(changes) if len(change.removed) > 1]
    together = [place for place, change in enumerate(changes) if len(change.removed) <= 1]
    if len(together) == 1:
        alone, together = [*alone, *together], []
    made = {place: change_one(client, table, changes[place]) for place in alone}
    chunks = [together[i : i + STATEMENTS] for i in range(0, len(together), STATEMENTS)]
    calls = [partial(change_many, client, table, [changes[p] for p in chunk]) for chunk in chunks]
    for chunk, answers in zip(chunks, _side_by_side(calls), strict=True):
        made |= dict(zip(chunk, answers, strict=True))
    return [made[place] for place in range(len(changes))]


def _side_by_side(calls: Sequence[Callable[[], T]]) -> list[T]:
    if len(calls) <= 1:
        return [run() for run in calls]
    from concurrent.futures import ThreadPoolExecutor  # only for many; most starts see none

    with ThreadPoolExecutor(min(CALLS_AT_ONCE, len(calls))) as pool:
        return [future.result() for future in [pool.submit(run) for run in calls]]


def change_one(client: DynamoDBClient, table: str, change: ItemUpdate) -> bool:
    """Whether the change is made: now, or by an attempt whose answer was lost."""
    names = {f"#{place}": name for place, name in enumerate([*change.changed, *change.removed])}
    places = list(names)
    count = len(change.changed)
    expression = "SET " + ", ".join(f"{place} = :{place[1:]}" for place in places[:count])
    if change.removed:
        expression += " REMOVE " + ", ".join(places[count:])
    values = {f":{place}": to_value(v) for place, v in enumerate(change.changed.values())}
    condition = "attribute_exists(#key) AND attribute_not_exists(revision)"
    if change.old_revision:
        condition, values[":old"] = "revision = :old", to_value(change.old_revision)
    else:
        names["#key"] = next(iter(change.key))
    try:
        call(
            client.update_item,
            TableName=table,
            Key=change.key,
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        current = [failed.item] if failed.item else read_many(client, table, [change.key])
        return any(item.get("revision", {}).get("S") == change.new_revision for item in current)
    return True


def change_many(client: DynamoDBClient, table: str, changes: Sequence[ItemUpdate]) -> list[bool]:
    """Make up to 25 independent changes in one call; an answer for each, as `change_one`'s."""
    made: dict[int, bool] = {}
    waiting = dict(enumerate(changes))
    for pause in (*PAUSES, None):
        codes = _execute(client, table, waiting)
        made |= {place: code is None for place, code in codes.items() if code in _ANSWERS}
        waiting = {place: changes[place] for place in codes if place not in made}
        problems = {code for code in codes.values() if code not in _ANSWERS}
        if not problems:
            break
        if pause is None or problems - _TRANSIENT:
            names = ", ".join(sorted(map(str, problems)))
            raise StoreUnavailable(f"DynamoDB BatchExecuteStatement: {names}")
        time.sleep(pause)
    refused = [changes[place] for place, done in made.items() if not done]
    current = _revisions(client, table, refused)
    return [
        made[place] or current.get(_identity(change.key)) == change.new_revision
        for place, change in enumerate(changes)
    ]


def _execute(
    client: DynamoDBClient, table: str, changes: Mapping[int, ItemUpdate]
) -> dict[int, str | None]:
    """The error code of each statement, None where it was made."""
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
    """Items by their keys, consistently, in any order; those that do not exist are left out."""
    for start in range(0, len(keys), READS):
        for _, item in read_all(client, {table: keys[start : start + READS]}):
            yield item


def read_all(
    client: DynamoDBClient, keys: Mapping[str, Sequence[Item]]
) -> Iterator[tuple[str, Item]]:
    """Yield up to 100 items of several tables, each with its table, as `read_many`."""
    request: Any = {
        table: {"Keys": wanted, "ConsistentRead": True} for table, wanted in keys.items()
    }
    for pause in (*PAUSES, None):
        response = call(client.batch_get_item, RequestItems=request)
        for table, items in response["Responses"].items():
            yield from ((table, item) for item in items)
        request = response.get("UnprocessedKeys")
        if not request:
            break
        if pause is None:
            raise StoreUnavailable("DynamoDB BatchGetItem: UnprocessedKeys")
        time.sleep(pause)
