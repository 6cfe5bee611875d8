"""Publishes to an SNS topic, in batches; says of each message what came of it.

https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html: ten messages a call, 256 KiB in
all, and each of them published, or not, by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from paymentapp.messaging.aws_client import (
    ClientOfProcess,
    MessagingFailed,
    aws_call,
    make_client,
)

BATCH_MAX = 10
BYTES_MAX = 262_144  # of a message with its attributes, and of all messages of a batch
TOO_LONG = "MessageTooLong"
# Errors of a call that come from what is in the messages.
_OF_CONTENT = {
    *("BatchRequestTooLong", "InvalidParameter", "InvalidParameterValue"),
    *("InvalidParameterException", "ValidationError", "ValidationException"),
}
# Errors of a message that are not its own fault, whatever the answer says: permissions, the key
# that encrypts the topic, the rate.
_OF_THE_TOPIC = ("AccessDenied", "Authorization", "InvalidSecurity", "KMS", "NotFound", "Throttl")


class TopicMessage(NamedTuple):
    """A message: subscriptions may filter by `type`; a FIFO topic keeps the order of a `group`."""

    event_id: str
    type: str
    body: str
    group: str

    @property
    def size(self) -> int:
        """Return the bytes that count towards the limit: the body and the attributes."""
        return len(self.body.encode()) + sum(
            len(name) + sum(map(len, value.values())) for name, value in self.attributes.items()
        )

    @property
    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """Return the message attributes."""
        texts = {"type": self.type, "event_id": self.event_id}
        return {
            name: {"DataType": "String", "StringValue": text[:256]} for name, text in texts.items()
        }


class TopicResult(NamedTuple):
    """What came of a message: published where there is no error; `refused` is for good."""

    error: str = ""
    refused: bool = False

    @property
    def failed(self) -> bool:
        """Return whether the message is to be published again."""
        return bool(self.error) and not self.refused


class SnsTopic:
    """A topic, by its ARN. Any number of threads may share it."""

    def __init__(self, arn: str, client: ClientOfProcess) -> None:
        self.arn = arn
        self.name = topic_name(arn)  # for logs: without the account
        self._is_fifo = arn.endswith(".fifo")
        self._client = client

    def batches(self, messages: Sequence[TopicMessage]) -> Iterator[list[TopicMessage]]:
        """Yield the messages in their order, as many at a time as one call may have.

        In a batch for a FIFO topic each group occurs once: a message that fails must not be
        overtaken by a later one of its group.
        """
        batch: list[TopicMessage] = []
        for message in messages:
            size = message.size + sum(each.size for each in batch)
            in_turn = not (self._is_fifo and message.group in {each.group for each in batch})
            if batch and not (len(batch) < BATCH_MAX and size <= BYTES_MAX and in_turn):
                yield batch
                batch = []
            batch.append(message)
        if batch:
            yield batch

    def publish(self, batch: Sequence[TopicMessage]) -> list[TopicResult]:
        """Publish a batch that `batches` made, or a part of one; return each result, in order.

        Raises MessagingFailed where there is no result of any message.
        """
        if len(batch) == 1 and batch[0].size > BYTES_MAX:
            return [TopicResult(TOO_LONG, refused=True)]
        try:
            answer = aws_call(partial(self._publish, batch))
        except MessagingFailed as error:
            if error.code not in _OF_CONTENT:
                raise
            if len(batch) == 1:
                return [TopicResult(error.code, refused=True)]
            return [result for message in batch for result in self.publish([message])]
        results = {each["Id"]: TopicResult() for each in answer.get("Successful", ())}
        results |= {each["Id"]: _failure(each) for each in answer.get("Failed", ())}
        return [results.get(str(n), TopicResult("NoResult")) for n in range(len(batch))]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _publish(self, batch: Sequence[TopicMessage]) -> Any:
        entries = [self._entry(number, message) for number, message in enumerate(batch)]
        return self._client().publish_batch(TopicArn=self.arn, PublishBatchRequestEntries=entries)

    def _entry(self, number: int, message: TopicMessage) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "Id": str(number),
            "Message": message.body,
            "MessageAttributes": message.attributes,
        }
        if self._is_fifo:
            entry["MessageGroupId"] = message.group
            entry["MessageDeduplicationId"] = message.event_id
        return entry


def topic_name(arn: str) -> str:
    """Return the name of a topic, without its account."""
    return arn.rpartition(":")[2]


def open_sns_client(arn: str) -> Any:
    """Make a client for the region of a topic. Nothing is sent yet."""
    region = arn.split(":")[3]
    return make_client(
        lambda session, config: session.create_client("sns", region_name=region, config=config)
    )


def _failure(failed: Mapping[str, Any]) -> TopicResult:
    code = failed.get("Code") or "unknown"
    own_fault = failed.get("SenderFault", False) and not code.startswith(_OF_THE_TOPIC)
    return TopicResult(code, refused=own_fault)
