"""Make an emulator refuse transactions that meet on an item, as DynamoDB does and it does not."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_EVENT = "before-send.dynamodb.TransactWriteItems"
_CONNECTIONS = 64


class Conflicts:
    """The items of the transactions in flight; `refused` counts the items that they met on.

    docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html, "Transaction
    conflict handling": the second transaction on an item is cancelled.
    """

    def __init__(self, seconds: float) -> None:
        self.refused: Counter[str] = Counter()
        self._seconds = seconds
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()
        self._session = URLLib3Session(max_pool_connections=_CONNECTIONS)

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Send a transaction that meets no other one, and let it take some time."""
        items = [_item(write) for write in json.loads(cast(bytes, request.body))["TransactItems"]]
        with self._lock:
            met = [item in self._in_flight for item in items]
            if any(met):
                self.refused.update(item for item in items if item in self._in_flight)
                return _cancelled(request.url, met)
            self._in_flight.update(items)
        try:
            time.sleep(self._seconds)
            return self._session.send(request)
        finally:
            with self._lock:
                self._in_flight.difference_update(items)


@contextmanager
def conflicts(*clients: DynamoDBClient, seconds: float = 0) -> Iterator[Conflicts]:
    """Refuse transactions of these clients that meet; each takes some seconds longer than it would.

    Give the clients of all the processes that the test stands for: others meet nobody.
    """
    found = Conflicts(seconds)
    send: Any = found.send  # whose answer botocore takes for the service's
    for client in clients:
        client.meta.events.register(_EVENT, send)
    try:
        yield found
    finally:
        for client in clients:
            client.meta.events.unregister(_EVENT, send)


def _item(write: dict[str, Any]) -> str:
    """Return the identity of the item that a write changes."""
    ((kind, request),) = write.items()
    key = request["Key"] if kind != "Put" else request["Item"]
    names = ("customer_id", "payment_id", "pk", "sk")
    return "/".join(key[name]["S"] for name in names if name in key)


def _cancelled(url: str, met: list[bool]) -> AWSResponse:
    reasons = [{"Code": "TransactionConflict" if each else "None"} for each in met]
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": reasons,
        "Message": "Transaction cancelled",
    }
    return AWSResponse(url, 400, HTTPHeaders(), _Body(json.dumps(body).encode()))


class _Body:
    """The raw answer, as urllib3 gives it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._content
