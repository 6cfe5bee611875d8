"""Events at a topic of the AWS emulator, as a queue that is subscribed receives them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
import pytest
import simplejson

from paymentapp.aws_lambda import run_sweep
from paymentapp.bootstrap import build_services
from paymentapp.config import Settings
from paymentapp.messaging.sns import TOO_LONG
from paymentapp.models.payments import Payment
from paymentapp.schemas.events import EventSchema
from paymentapp.services.outbound import publisher
from paymentapp.services.outbound.messages import body_of
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.emulators import FAKE_ACCOUNT, ministack, ministack_program
from tests.support.lambda_events import LambdaContext
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.records import usd
from tests.support.worker_world import until


@dataclass
class Messaging:
    """Clients of the emulator's SNS and SQS."""

    sns: Any
    sqs: Any

    def topic(self, name: str) -> str:
        fifo = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
        arn: str = self.sns.create_topic(Name=name, Attributes=fifo)["TopicArn"]
        return arn

    def subscribed_queue(self, topic: str, *types: str) -> str:
        """Subscribe a new queue to a topic, for events of these types or of all; return its URL."""
        name = f"q-{time.monotonic_ns()}"
        fifo = topic.endswith(".fifo")
        attributes = {"FifoQueue": "true"} if fifo else {}
        url: str = self.sqs.create_queue(
            QueueName=f"{name}.fifo" if fifo else name, Attributes=attributes
        )["QueueUrl"]
        asked = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        options = {"RawMessageDelivery": "true"}
        if types:
            options["FilterPolicy"] = json.dumps({"type": types})
        arn = asked["Attributes"]["QueueArn"]
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=options)
        return url

    def received(self, url: str) -> list[Any]:
        """Take what is in a queue."""
        found: list[Any] = []
        options = {"MessageAttributeNames": ["All"], "AttributeNames": ["All"]}
        while messages := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, **options
        ).get("Messages"):
            found += messages
        return found


@pytest.fixture(scope="module")
def messaging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Messaging]:
    program = ministack_program()
    if program is None:
        pytest.skip("ministack is not installed")
    with (
        ministack(program, tmp_path_factory.mktemp("sns")) as address,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in (FAKE_ACCOUNT | {"AWS_ENDPOINT_URL": address}).items():
            environment.setenv(name, value)
        session = botocore.session.get_session()
        yield Messaging(session.create_client("sns"), session.create_client("sqs"))


class Paying:
    """A service in memory that publishes to a topic."""

    def __init__(self, arn: str) -> None:
        settings = Settings(events_sns_arn=arn, follow_seconds=3, senders=1, sweep_seconds=1)
        self.provider = LedgerProvider()
        providers = {"paypal": self.provider}
        self.services = build_services(settings, store=MemoryStore(), providers=providers)
        self.services.customers.register("ada", "ada@example.com", {})

    def pay(self) -> Payment:
        order = PaymentOrder("ada", "ada@example.com", usd("12.5"), "paypal")
        return self.services.payments.request(order).payment

    def publish(self) -> None:
        assert self.services.publisher is not None
        self.services.publisher.publish(lambda: True)

    def sweep(self) -> None:
        run_sweep(self.services, LambdaContext())

    def readyz(self) -> str:
        return {each.name: each.detail for each in self.services.health.checks()}["topic"]


def test_a_queue_receives_that_a_payment_has_succeeded(messaging: Messaging) -> None:
    topic = messaging.topic("events")
    succeeded = messaging.subscribed_queue(topic, "payment.succeeded")
    everything = messaging.subscribed_queue(topic)
    paying = Paying(topic)
    paying.sweep()
    payment = paying.pay()

    def has_succeeded() -> bool:
        paying.sweep()
        return paying.services.payments.get(payment.key).status == "succeeded"

    until(has_succeeded, 30)
    paying.sweep()
    (message,) = messaging.received(succeeded)
    listed = paying.services.events.page(None, 100).events
    (shown,) = [each for each in listed if each.type == "payment.succeeded"]
    assert simplejson.loads(message["Body"], use_decimal=True) == EventSchema().dump(shown)
    attributes = message["MessageAttributes"]
    assert attributes["type"]["StringValue"] == "payment.succeeded"
    assert attributes["event_id"]["StringValue"] == shown.event_id
    all_of_them = {json.loads(each["Body"])["id"] for each in messaging.received(everything)}
    assert all_of_them == {each.event_id for each in listed}


def test_a_worker_publishes_by_a_thread(messaging: Messaging) -> None:
    topic = messaging.topic("by-thread")
    queue = messaging.subscribed_queue(topic, "payment.succeeded")
    paying = Paying(topic)
    paying.publish()
    found: list[Any] = []
    paying.services.worker.start()
    try:
        for _ in range(3):
            paying.pay()

        def all_received() -> bool:
            found.extend(messaging.received(queue))
            return len(found) >= 3

        until(all_received, 30)
    finally:
        paying.services.worker.stop()
    assert len({json.loads(each["Body"])["data"]["payment_id"] for each in found}) == 3


def test_a_fifo_topic_keeps_a_payments_order_and_drops_what_comes_twice(
    messaging: Messaging,
) -> None:
    topic = messaging.topic("events.fifo")
    queue = messaging.subscribed_queue(topic)
    paying = Paying(topic)
    paying.publish()
    payment = paying.pay()
    paying.services.payments.cancel(payment.key)
    paying.publish()
    assert paying.services.publisher is not None
    paying.services.publisher.publish_again(paying.services.events.page(None, 1).events[0].event_id)
    paying.publish()
    found = messaging.received(queue)
    types = [each["MessageAttributes"]["type"]["StringValue"] for each in found]
    assert types == ["payment.pending", "payment.cancelled"]
    group = f"ada/{payment.payment_id}"
    assert {each["Attributes"]["MessageGroupId"] for each in found} == {group}


def test_a_topic_that_does_not_exist_loses_nothing_and_holds_up_no_payment(
    messaging: Messaging, caplog: pytest.LogCaptureFixture
) -> None:
    topic = messaging.topic("to-come")
    messaging.sns.delete_topic(TopicArn=topic)
    paying = Paying(topic)
    paying.sweep()
    paying.pay()
    time.sleep(1.1)  # what was just accepted is its own process's for a second
    paying.sweep()
    assert len(paying.provider.paid()) == 1
    assert paying.readyz().startswith("not published to to-come since 20")
    errors = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert "events not published to topic to-come: NotFound; retried" in errors
    assert topic.split(":")[4] not in caplog.text

    messaging.topic("to-come")
    queue = messaging.subscribed_queue(topic)
    paying.sweep()
    listed = {each.event_id for each in paying.services.events.page(None, 100).events}
    assert {json.loads(each["Body"])["id"] for each in messaging.received(queue)} == listed


def test_an_event_that_is_too_long_holds_up_none_of_the_others(
    messaging: Messaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = messaging.topic("long")
    queue = messaging.subscribed_queue(topic)
    paying = Paying(topic)
    paying.publish()
    long = paying.pay()
    paying.pay()

    def lengthen(event: Any) -> str:
        body = body_of(event)
        return body + " " * 300_000 if long.payment_id in body else body

    monkeypatch.setattr(publisher, "body_of", lengthen)
    paying.publish()
    assert len(messaging.received(queue)) == 1
    assert paying.services.publisher is not None
    (refused,) = paying.services.publisher.failed(10)
    assert refused.last_error == TOO_LONG
