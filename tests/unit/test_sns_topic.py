"""Batches within SNS's limits, and what an answer says of each message."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from paymentapp.messaging.aws_client import MessagingFailed
from paymentapp.messaging.sns import (
    BYTES_MAX,
    TOO_LONG,
    SnsTopic,
    TopicMessage,
    TopicResult,
    open_sns_client,
)
from tests.support.topic_world import ARN, NoClient

FIFO = f"{ARN}.fifo"


class ScriptedClient:
    """A client of SNS that answers, or raises, what the test says, one call after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[dict[str, Any]] = []

    def __call__(self) -> ScriptedClient:
        return self

    def close(self) -> None:
        pass

    def publish_batch(self, **request: Any) -> Any:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def messages(count: int, size: int = 10, group: str = "") -> list[TopicMessage]:
    return [
        TopicMessage(f"evt_{number}", "payment.pending", "x" * size, group or f"g{number}")
        for number in range(count)
    ]


def sizes(topic: SnsTopic, given: list[TopicMessage]) -> list[int]:
    batches = list(topic.batches(given))
    assert [each for batch in batches for each in batch] == given
    return [len(batch) for batch in batches]


def error(code: str) -> ClientError:
    text = f"Topic does not exist: {ARN}"
    return ClientError({"Error": {"Code": code, "Message": text}}, "PublishBatch")


def ok(*numbers: int) -> list[dict[str, str]]:
    return [{"Id": str(number), "MessageId": "m"} for number in numbers]


def test_a_batch_has_ten_messages_and_256_kib_at_most() -> None:
    topic = SnsTopic(ARN, NoClient())
    assert sizes(topic, messages(23)) == [10, 10, 3]
    assert sizes(topic, messages(5, BYTES_MAX // 2 - 200)) == [2, 2, 1]
    assert sizes(topic, messages(2, BYTES_MAX)) == [1, 1]
    assert sizes(topic, []) == []


def test_a_batch_for_a_fifo_topic_has_each_group_once() -> None:
    assert sizes(SnsTopic(FIFO, NoClient()), messages(3, group="same")) == [1, 1, 1]
    assert sizes(SnsTopic(ARN, NoClient()), messages(3, group="same")) == [3]


def test_what_is_sent_has_attributes_to_filter_by() -> None:
    client = ScriptedClient({"Successful": ok(0)})
    assert SnsTopic(ARN, client).publish(messages(1)) == [TopicResult()]
    (request,) = client.requests
    (entry,) = request["PublishBatchRequestEntries"]
    assert request["TopicArn"] == ARN
    assert entry == {
        "Id": "0",
        "Message": "x" * 10,
        "MessageAttributes": {
            "type": {"DataType": "String", "StringValue": "payment.pending"},
            "event_id": {"DataType": "String", "StringValue": "evt_0"},
        },
    }


def test_a_fifo_topic_gets_group_and_deduplication_id() -> None:
    client = ScriptedClient({"Successful": ok(0)})
    SnsTopic(FIFO, client).publish(messages(1))
    (entry,) = client.requests[0]["PublishBatchRequestEntries"]
    assert (entry["MessageGroupId"], entry["MessageDeduplicationId"]) == ("g0", "evt_0")


def test_each_message_has_its_own_result() -> None:
    failed = [
        {"Id": "1", "Code": "InternalError", "SenderFault": False},
        {"Id": "2", "Code": "InvalidParameter", "SenderFault": True},
        {"Id": "3", "Code": "KMSAccessDenied", "SenderFault": True},
        {"Id": "4", "Code": "Throttled", "SenderFault": True},
    ]
    client = ScriptedClient({"Successful": ok(0), "Failed": failed})
    assert SnsTopic(ARN, client).publish(messages(6)) == [
        TopicResult(),
        TopicResult("InternalError"),
        TopicResult("InvalidParameter", refused=True),
        TopicResult("KMSAccessDenied"),
        TopicResult("Throttled"),
        TopicResult("NoResult"),
    ]


def test_a_message_that_is_too_long_is_refused_without_a_call() -> None:
    client = ScriptedClient()
    topic = SnsTopic(ARN, client)
    assert topic.publish(messages(1, BYTES_MAX)) == [TopicResult(TOO_LONG, refused=True)]
    assert client.requests == []


def test_a_batch_that_is_refused_as_a_whole_is_published_one_by_one() -> None:
    whole, alone = error("BatchRequestTooLong"), error("InvalidParameter")
    client = ScriptedClient(whole, {"Successful": ok(0)}, alone, {"Successful": ok(0)})
    assert SnsTopic(ARN, client).publish(messages(3)) == [
        TopicResult(),
        TopicResult("InvalidParameter", refused=True),
        TopicResult(),
    ]


@pytest.mark.parametrize(
    "raised",
    [
        *map(error, ("Throttling", "NotFound", "AuthorizationError", "KMSDisabled")),
        *(EndpointConnectionError(endpoint_url=ARN), NoCredentialsError()),
    ],
    ids=lambda raised: str(raised)[:40],
)
def test_a_call_that_fails_says_why_by_a_code_alone(raised: Exception) -> None:
    with pytest.raises(MessagingFailed) as caught:
        SnsTopic(ARN, ScriptedClient(raised)).publish(messages(2))
    assert "123456789012" not in str(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.code.isalnum()


def test_the_region_is_the_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = open_sns_client(ARN)
    assert client.meta.region_name == "eu-west-1"
    assert client.meta.config.retries["total_max_attempts"] == 3
