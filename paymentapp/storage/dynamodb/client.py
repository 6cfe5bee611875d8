"""The DynamoDB client, and the translation of its errors.

It is botocore's, on which boto3 builds: boto3's own part, for resources and transfers, would only
lengthen a cold start.
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
    """The condition of a write does not hold; `item` is the stored item, where DynamoDB sent it."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__("the condition of a write failed")
        self.item = item


def open_client(connections: int) -> DynamoDBClient:
    """Make a client for one process, with at most so many connections. Nothing is sent yet.

    Call it from one thread at a time: sessions are not thread-safe. Raises SettingsError where no
    region is set, StoreUnavailable where botocore cannot make a client.
    """
    config = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=connections,
        tcp_keepalive=True,
        parameter_validation=False,  # takes a sixth of a call's CPU time
        user_agent="paymentapp",  # botocore builds its long default twice a call
    )
    try:
        session = botocore.session.get_session()
        return cast("DynamoDBClient", session.create_client("dynamodb", config=config))
    except NoRegionError as error:
        raise SettingsError("AWS_DEFAULT_REGION must name a region") from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"DynamoDB client: {type(error).__name__}") from error


def clients(connections: int) -> PerProcess[DynamoDBClient]:
    """Return a callable that gives each process a client of its own."""
    return PerProcess(partial(open_client, connections))


def call(method: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call a method of the client.

    Raises ConditionFailed, or StoreUnavailable with the operation and the error code. AWS's
    messages may contain table data, account ids and ARNs; they stay in the chained exception.
    """
    try:
        return method(*args, **kwargs)
    except ClientError as error:
        answer: Mapping[str, Any] = error.response
        code = answer.get("Error", {}).get("Code", "unknown")
        if code == "ConditionalCheckFailedException":
            raise ConditionFailed(answer.get("Item")) from error
        raise StoreUnavailable(f"DynamoDB {error.operation_name}: {code}", code) from error
    except BotoCoreError as error:
        name, cause = getattr(method, "__name__", "call"), type(error).__name__
        raise StoreUnavailable(f"DynamoDB {name}: {cause}", cause) from error
