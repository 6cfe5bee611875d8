"""Writes that are made together or not at all: TransactWriteItems.

Each write of a transaction costs twice the write units of the same write alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from paymentapp.errors import StoreUnavailable
from paymentapp.storage.dynamodb.client import ConditionFailed, call
from paymentapp.storage.dynamodb.conditional_writes import RETRY_DELAYS, TRANSIENT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Write = Mapping[str, Mapping[str, Any]]  # {"Put": {...}} or {"Update": {...}}


def write_together(client: DynamoDBClient, writes: Sequence[Write]) -> None:
    """Make all writes, or none; only the first one has a condition.

    Raises ConditionFailed where it does not hold. A conflict with another transaction on the same
    item, after which certainly nothing was written, is repeated: botocore does not do it.
    """
    items: Any = list(writes)
    for delay in (*RETRY_DELAYS, None):
        try:
            call(client.transact_write_items, TransactItems=items)
            return
        except StoreUnavailable as error:
            reasons = _cancellation_reasons(error)
            codes = [reason.get("Code") for reason in reasons]
            if codes[:1] == ["ConditionalCheckFailed"]:
                raise ConditionFailed(reasons[0].get("Item")) from error
            if delay is None or not codes or set(codes) - TRANSIENT - {"None", None}:
                raise
        time.sleep(delay)


def _cancellation_reasons(error: StoreUnavailable) -> Sequence[Mapping[str, Any]]:
    """Return DynamoDB's reason for each write of a transaction; empty for any other error."""
    cause = error.__cause__
    answer: Mapping[str, Any] = cause.response if isinstance(cause, ClientError) else {}
    reasons: Sequence[Mapping[str, Any]] = answer.get("CancellationReasons", ())
    return reasons
