"""Clients of AWS messaging services, and the translation of their errors.

botocore is imported when a client is made: a process without a topic never loads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from paymentapp.errors import PaymentAppError

T = TypeVar("T")


class ClientOfProcess(Protocol):
    """Returns this process's client, made at the first call."""

    def __call__(self) -> Any:
        """Return the client."""

    def close(self) -> None:
        """Close it, where it was made."""


class MessagingFailed(PaymentAppError):
    """A call failed, or got no answer: whether it had an effect is unknown.

    `code` is AWS's, or the kind of the error. The message is the code alone: AWS's own text may
    have an ARN, and so an account number.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def make_client(make: Callable[[Any, Any], Any]) -> Any:
    """Return the client that `make` makes from a session and a configuration.

    A call takes less than 25 seconds: three attempts, each of 7 at most, and pauses. Throttled
    calls are repeated too. Call it from one thread at a time: sessions are not thread-safe.
    """
    import botocore.session
    from botocore.config import Config

    config = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        user_agent="paymentapp",
    )
    return make(botocore.session.get_session(), config)


def aws_call(call: Callable[[], T]) -> T:
    """Return what a call returns; the client may be made in it. Raises MessagingFailed."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code") or "unknown"
    except BotoCoreError as error:
        code = type(error).__name__
    raise MessagingFailed(code)
