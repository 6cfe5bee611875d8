"""A queue whose messages each name who is to get events: a webhook endpoint, or the topic."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from paymentapp.messaging.aws_client import ClientOfProcess, aws_call, make_client

_MEMBER = "deliver_to"


class DeliveryQueue:
    """An SQS queue, by its URL."""

    def __init__(self, url: str, client: ClientOfProcess) -> None:
        self._url = url
        self._client = client

    def send(self, receiver: str) -> None:
        """Have events delivered to a receiver. Raises MessagingFailed."""
        aws_call(partial(self._send, json.dumps({_MEMBER: receiver})))

    def _send(self, body: str) -> Any:
        return self._client().send_message(QueueUrl=self._url, MessageBody=body)


def receiver_in(body: str) -> str:
    """Return the receiver that a message names. Raises ValueError where it names none."""
    message = json.loads(body)
    receiver = message.get(_MEMBER) if isinstance(message, dict) else None
    if not isinstance(receiver, str):
        raise ValueError("no receiver")
    return receiver


def open_sqs_client() -> Any:
    """Make a client for the process's own region. Nothing is sent yet."""
    return make_client(lambda session, config: session.create_client("sqs", config=config))
