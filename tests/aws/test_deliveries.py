"""Deliveries by a queue: the sweep names the receivers, a function delivers to each."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import botocore.session
import pytest

from paymentapp.aws_lambda import run_sweep
from paymentapp.aws_lambda.deliveries import deliver_messages
from paymentapp.bootstrap import Services
from paymentapp.config import load_settings
from paymentapp.errors import SettingsError
from paymentapp.messaging.aws_client import MessagingFailed
from paymentapp.messaging.sqs import DeliveryQueue, open_sqs_client, receiver_in
from paymentapp.services.outbound.publisher import TOPIC
from paymentapp.storage.per_process import PerProcess
from tests.support.emulators import FAKE_ACCOUNT, ministack, ministack_program
from tests.support.lambda_events import LambdaContext
from tests.support.topic_world import ARN
from tests.support.webhook_world import WebhookWorld

NAME = "PAYMENTAPP_DELIVERY_QUEUE_URL"


@dataclass
class RecordingQueue:
    """Records the receivers that are sent to it."""

    sent: list[str] = field(default_factory=list)
    fails: bool = False

    def send(self, receiver: str) -> None:
        if self.fails:
            raise MessagingFailed("Throttling")
        self.sent.append(receiver)


class QueueWorld(WebhookWorld):
    """A process with an endpoint, whose deliveries go by a queue."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.queue = RecordingQueue()
        self.services: Services = copy(self.process)
        vars(self.services)["deliverer"] = self.deliverer

    def sweep(self) -> None:
        run_sweep(self.services, LambdaContext(), self.queue)

    def consume(self, left: Callable[[], float] = lambda: 60) -> None:
        """Deliver what the messages in the queue ask for."""
        sent, self.queue.sent = self.queue.sent, []
        records = [{"body": json.dumps({"deliver_to": each})} for each in sent]
        deliver_messages(self.services, {"Records": records}, left, self.queue)


def test_the_sweep_names_each_receiver_and_sends_nothing_itself() -> None:
    world = QueueWorld(events_sns_arn=ARN)
    other = world.register().endpoint.endpoint_id
    world.pay(3)
    world.sweep()
    assert world.queue.sent == [world.id, other, TOPIC]
    assert world.client.posted == []


def test_an_endpoint_that_is_disabled_is_not_named() -> None:
    world = QueueWorld()
    world.endpoints.delete(world.id)
    world.sweep()
    assert world.queue.sent == []


def test_a_message_has_events_delivered() -> None:
    world = QueueWorld()
    world.pay(3)
    world.sweep()
    world.consume()
    assert {each.event["type"] for each in world.client.posted} >= {"payment.pending"}
    assert world.queue.sent == []


def test_where_more_is_waiting_another_message_follows() -> None:
    world = QueueWorld(webhooks_at_once=1)
    world.pay(40)
    world.queue.send(world.id)
    calls = 0
    while world.queue.sent:
        calls += 1
        begun = len(world.client.posted)
        world.consume(lambda begun=begun: 60 + begun - len(world.client.posted))  # type: ignore[misc]  # 30 attempts
    assert calls == 2
    assert len(world.client.posted) == len(set(world.client.event_ids)) == 40


def test_a_queue_that_fails_ends_no_sweep_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    world = QueueWorld()
    world.queue.fails = True
    world.sweep()
    assert f"delivery to {world.id} not queued: Throttling" in caplog.text
    world.queue.fails = False
    world.sweep()
    assert world.queue.sent == [world.id]


@pytest.mark.parametrize(
    "event",
    [{}, None, {"Records": [{}, {"body": "x"}, {"body": "[1]"}, {"body": '{"deliver_to": 1}'}]}],
    ids=["empty", "none", "unreadable"],
)
def test_messages_that_name_nobody_are_dropped(
    event: object, caplog: pytest.LogCaptureFixture
) -> None:
    world = QueueWorld()
    with caplog.at_level(logging.WARNING):
        done = deliver_messages(world.services, event, lambda: 60, world.queue)
    assert done == {"receivers": 0}
    assert caplog.text.count("not readable") == (4 if event else 0)


def test_the_setting_is_a_url_whose_account_is_not_shown() -> None:
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/paymentapp-deliveries"
    assert load_settings({NAME: url}).delivery_queue_url == url
    with pytest.raises(SettingsError, match=NAME):
        load_settings({NAME: "http://sqs.example.com/queue"})


def test_a_queue_of_sqs_takes_receivers(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = ministack_program()
    if program is None:
        pytest.skip("ministack is not installed")
    with ministack(program, tmp_path_factory.mktemp("sqs")) as address:
        for name, value in (FAKE_ACCOUNT | {"AWS_ENDPOINT_URL": address}).items():
            monkeypatch.setenv(name, value)
        sqs: Any = botocore.session.get_session().create_client("sqs")
        url = sqs.create_queue(QueueName="deliveries")["QueueUrl"]
        queue = DeliveryQueue(url, PerProcess(open_sqs_client))
        queue.send("we_1")
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        assert receiver_in(message["Body"]) == "we_1"
        sqs.delete_queue(QueueUrl=url)
        with pytest.raises(MessagingFailed, match=r"NonExistentQueue|QueueDoesNotExist"):
            queue.send("we_1")
