"""Writes that are made together or not at all: TransactWriteItems.

Each write of a transaction costs twice the write units of the same write alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from paymentapp.errors import StoreUnavailable
from paymentapp.storage.contention import tries
from paymentapp.storage.dynamodb.client import ConditionFailed, call
from paymentapp.storage.dynamodb.conditional_writes import TRANSIENT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Write = Mapping[str, Mapping[str, Any]]  # {"Put": {...}} or {"Update": {...}}
_CANCELLED = "TransactionCanceledException"
_CONDITION = "ConditionalCheckFailed"


class Cancellation(NamedTuple):
    """Why a transaction has written nothing, by the numbers of its writes.

    `busy` are those whose item another request was changing, or whose partition had no capacity.
    """

    failed: dict[int, ConditionFailed]
    busy: set[int]


def write_together(client: DynamoDBClient, writes: Sequence[Write]) -> None:
    """Make all writes, or none; only the first one has a condition.

    Raises ConditionFailed where it does not hold, and otherwise what `try_together` does.
    """
    for failed in try_together(client, writes).values():
        raise failed


def try_together(client: DynamoDBClient, writes: Sequence[Write]) -> dict[int, ConditionFailed]:
    """Make all writes, or none; return the failed conditions, by the number of their write.

    Nothing was written unless the answer is empty. A conflict with another transaction on the same
    item, after which certainly nothing was written, is repeated: botocore does not do it.
    """
    for _ in tries():
        cancelled = attempt(client, writes)
        if cancelled is None:
            return {}
        if cancelled.failed:
            return cancelled.failed
    raise StoreUnavailable(f"DynamoDB TransactWriteItems: {_CANCELLED}", _CANCELLED)


def attempt(client: DynamoDBClient, writes: Sequence[Write]) -> Cancellation | None:
    """Try once to make all writes, or none; return why nothing was written, None if it was."""
    items: Any = list(writes)
    try:
        call(client.transact_write_items, TransactItems=items)
    except StoreUnavailable as error:
        codes = dict(enumerate(_cancellation_reasons(error)))
        failed = {
            number: ConditionFailed(reason.get("Item"))
            for number, reason in codes.items()
            if reason.get("Code") == _CONDITION
        }
        busy = {number for number, reason in codes.items() if reason.get("Code") in TRANSIENT}
        others = {reason.get("Code") for reason in codes.values()} - TRANSIENT - {"None", None}
        if not failed and (others or not codes):
            raise
        return Cancellation(failed, busy)
    return None


def _cancellation_reasons(error: StoreUnavailable) -> Sequence[Mapping[str, Any]]:
    """Return DynamoDB's reason for each write of a transaction; empty for any other error."""
    cause = error.__cause__
    answer: Mapping[str, Any] = cause.response if isinstance(cause, ClientError) else {}
    reasons: Sequence[Mapping[str, Any]] = answer.get("CancellationReasons", ())
    return reasons
