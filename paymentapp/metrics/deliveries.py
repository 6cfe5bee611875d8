"""Deliveries of events whose attempts are counted: to webhook endpoints, and to the topic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from paymentapp.messaging.aws_client import MessagingFailed
from paymentapp.messaging.sns import TopicMessage, TopicResult
from paymentapp.metrics.base import Metrics
from paymentapp.services.outbound.deliverer import Sends
from paymentapp.services.outbound.publisher import TOPIC, PublishesMessages
from paymentapp.webhook_client.client import NotDelivered

WEBHOOK = "webhook"
DELIVERED, REFUSED, FAILED, NO_ANSWER = "delivered", "refused", "failed", "no_answer"


def measured_client(client: Sends, metrics: Metrics) -> Sends:
    """Return the client itself where metrics are off, else one that counts each attempt."""
    return _MeasuredClient(client, metrics) if metrics.enabled else client


def measured_topic(topic: PublishesMessages, metrics: Metrics) -> PublishesMessages:
    """Return the topic itself where metrics are off, else one that counts each message."""
    return _MeasuredTopic(topic, metrics) if metrics.enabled else topic


class _MeasuredClient:
    """Posts webhooks, and counts what came of each."""

    def __init__(self, client: Sends, metrics: Metrics) -> None:
        self._client = client
        self._metrics = metrics

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a body and return the status of the answer. Raises NotDelivered."""
        try:
            status = self._client.post(url, headers, body)
        except NotDelivered:
            self._metrics.delivery_attempted(WEBHOOK, NO_ANSWER)
            raise
        self._metrics.delivery_attempted(WEBHOOK, DELIVERED if 200 <= status < 300 else REFUSED)
        return status

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class _MeasuredTopic:
    """Publishes messages, and counts what came of each."""

    def __init__(self, topic: PublishesMessages, metrics: Metrics) -> None:
        self._topic = topic
        self._metrics = metrics
        self.arn = topic.arn
        self.name = topic.name

    def batches(self, messages: Sequence[TopicMessage]) -> Iterator[list[TopicMessage]]:
        """Yield the messages in their order, as many at a time as one call may have."""
        return self._topic.batches(messages)

    def publish(self, batch: Sequence[TopicMessage]) -> list[TopicResult]:
        """Publish a batch, and return each result. Raises MessagingFailed where there is none."""
        try:
            results = self._topic.publish(batch)
        except MessagingFailed:
            for _ in batch:
                self._metrics.delivery_attempted(TOPIC, FAILED)
            raise
        for result in results:
            self._metrics.delivery_attempted(TOPIC, _word(result))
        return results

    def close(self) -> None:
        """Close the connections."""
        self._topic.close()


def _word(result: TopicResult) -> str:
    if result.refused:
        return REFUSED
    return FAILED if result.failed else DELIVERED
