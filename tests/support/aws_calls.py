"""Record a boto3 client's requests and units through its event system, and lose answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

from paymentapp.storage.dynamodb import DynamoDBStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass
class Calls:
    """Operations in order, each with its request and the capacity that the answer reported."""

    names: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    units: float = 0.0
    server: str = ""

    @property
    def truthful(self) -> bool:
        """Tell whether the reported units are AWS's own: DynamoDB Local's web server is Jetty."""
        return "Jetty" in self.server

    def asked(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.names.append(model.name)
        self.requests.append(dict(params))
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "INDEXES"

    def answered(self, parsed: dict[str, Any], **_: Any) -> None:
        self.server = parsed["ResponseMetadata"]["HTTPHeaders"].get("server", "")
        consumed = parsed.get("ConsumedCapacity", [])
        for part in consumed if isinstance(consumed, list) else [consumed]:
            self.units += part["CapacityUnits"]


@contextmanager
def counted(client: DynamoDBClient) -> Iterator[Calls]:
    calls = Calls()
    events = client.meta.events
    events.register("provide-client-params.dynamodb", calls.asked)
    events.register("after-call.dynamodb", calls.answered)
    try:
        yield calls
    finally:
        events.unregister("provide-client-params.dynamodb", calls.asked)
        events.unregister("after-call.dynamodb", calls.answered)


@contextmanager
def lost_answers(client: DynamoDBClient, operation: str, count: int = 1) -> Iterator[list[int]]:
    """Carry out the next `count` requests of an operation, and lose their answers.

    Yields a list of the status of each lost answer.
    """
    lost: list[int] = []
    turns = iter(range(count))
    event = f"before-send.dynamodb.{operation}"

    def lose(request: AWSPreparedRequest, **_: Any) -> None:
        if next(turns, None) is not None:
            lost.append(URLLib3Session().send(request).status_code)
            raise ConnectionClosedError(endpoint_url=request.url)

    client.meta.events.register(event, lose)
    try:
        yield lost
    finally:
        client.meta.events.unregister(event, lose)


@contextmanager
def unwritable_payments(store: DynamoDBStore) -> Iterator[None]:
    """Send what a store reads and writes of payments to a table that does not exist."""
    store._disbursements, table = "none", store._disbursements
    try:
        yield
    finally:
        store._disbursements = table
