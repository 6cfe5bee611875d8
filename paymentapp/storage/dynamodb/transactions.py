"""Writes that are made together or not at all: TransactWriteItems.

Each write of a transaction costs twice the write units of the same write alone.
"""

from __future__ import annotations

import random
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
_CONDITION = "ConditionalCheckFailed"


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
    items: Any = list(writes)
    for delay in (*RETRY_DELAYS, None):
        try:
            call(client.transact_write_items, TransactItems=items)
            return {}
        except StoreUnavailable as error:
            reasons = _cancellation_reasons(error)
            failed = {
                number: ConditionFailed(reason.get("Item"))
                for number, reason in enumerate(reasons)
                if reason.get("Code") == _CONDITION
            }
            if failed:
                return failed
            codes = {reason.get("Code") for reason in reasons}
            if delay is None or not codes or codes - TRANSIENT - {"None", None}:
                raise
        time.sleep(random.uniform(delay / 2, delay))  # noqa: S311  # writers that met part
    raise AssertionError("the last try returns or raises")


def _cancellation_reasons(error: StoreUnavailable) -> Sequence[Mapping[str, Any]]:
    """Return DynamoDB's reason for each write of a transaction; empty for any other error."""
    cause = error.__cause__
    answer: Mapping[str, Any] = cause.response if isinstance(cause, ClientError) else {}
    reasons: Sequence[Mapping[str, Any]] = answer.get("CancellationReasons", ())
    return reasons
