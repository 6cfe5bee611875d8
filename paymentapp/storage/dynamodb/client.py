"""The client, and what its errors mean.

By botocore, which is what boto3 makes its clients with: boto3's own part, for resources and
transfers, would only add to a cold start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from paymentapp.errors import SettingsError, StoreUnavailable
from paymentapp.storage.per_process import PerProcess

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ConditionFailed(Exception):
    """A conditional write found something else; `item` is what, where DynamoDB said so."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__("the condition of a write failed")
        self.item = item


def open_client(connections: int) -> DynamoDBClient:
    """Make a client for one process, of so many connections at most. Nothing is sent yet.

    One thread at a time: sessions are not safe to use from two. Raises SettingsError where no
    region is set, StoreUnavailable where botocore cannot make one.
    """
    config = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=connections,
        tcp_keepalive=True,
        parameter_validation=False,  # a sixth of a call's CPU time, for requests of our own
        user_agent="paymentapp",  # else botocore builds its long one twice a call
    )
    try:
        session = botocore.session.get_session()
        return cast("DynamoDBClient", session.create_client("dynamodb", config=config))
    except NoRegionError as error:
        raise SettingsError("AWS_DEFAULT_REGION must name a region") from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"DynamoDB client: {type(error).__name__}") from error


def clients(connections: int) -> PerProcess[DynamoDBClient]:
    """Return what gives each process a client of its own: connections do not survive a fork."""
    return PerProcess(partial(open_client, connections))


def call(method: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call a method of the client.

    Raises ConditionFailed, or StoreUnavailable with the operation and the error's code: AWS's
    messages may hold table data, account ids and ARNs, and stay in the chained exception.
    """
    try:
        return method(*args, **kwargs)
    except ClientError as error:
        answer: Mapping[str, Any] = error.response
        code = answer.get("Error", {}).get("Code", "unknown")
        if code == "ConditionalCheckFailedException":
            raise ConditionFailed(answer.get("Item")) from error
        raise StoreUnavailable(f"DynamoDB {error.operation_name}: {code}") from error
    except BotoCoreError as error:
        name = getattr(method, "__name__", "call")
        raise StoreUnavailable(f"DynamoDB {name}: {type(error).__name__}") from error
