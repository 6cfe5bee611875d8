"""Delivery to one receiver within a time limit, under its lease."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from paymentapp.errors import StoreUnavailable
from paymentapp.services.outbound.publisher import TOPIC
from paymentapp.storage.base import Lease
from paymentapp.worker.deliveries import LEASE, TimedDelivery
from tests.support.failing_store import FailingStore
from tests.support.topic_world import TopicWorld
from tests.support.webhook_world import PostedWebhook, WebhookWorld


def to_endpoints(
    world: WebhookWorld, left: Callable[[], float] = lambda: 60, at_once: int = 2
) -> TimedDelivery:
    return TimedDelivery(
        *(world.deliverer, None, world.store, world.clock),
        at_once=at_once,
        seconds_left=left,
        step_seconds=20,
    )


def to_topic(world: TopicWorld, left: Callable[[], float] = lambda: 60) -> TimedDelivery:
    return TimedDelivery(
        *(world.process.deliverer, world.publisher, world.store, world.clock),
        at_once=2,
        seconds_left=left,
        step_seconds=20,
    )


def test_an_endpoint_gets_all_that_there_is_time_for() -> None:
    world = WebhookWorld()
    world.pay(60)
    assert not to_endpoints(world).deliver_to(world.id)
    assert len(world.client.posted) == len(set(world.client.event_ids)) == 60


def test_what_there_is_no_time_for_is_left_and_said_to_be_waiting() -> None:
    world = WebhookWorld()
    world.pay(60)
    short = to_endpoints(world, lambda: 60 - len(world.client.posted), at_once=1)
    assert short.deliver_to(world.id)
    assert 0 < len(world.client.posted) < 60
    assert not to_endpoints(world).deliver_to(world.id)
    assert len(world.client.posted) == len(set(world.client.event_ids)) == 60


def test_with_too_little_time_for_one_attempt_no_further_call_is_asked_for() -> None:
    world = WebhookWorld()
    world.pay()
    assert not to_endpoints(world, lambda: 20).deliver_to(world.id)
    assert world.client.posted == []


def test_several_attempts_are_made_at_once() -> None:
    world = WebhookWorld()
    both = threading.Barrier(2, timeout=5)

    def meet(_webhook: PostedWebhook) -> int:
        both.wait()
        return 204

    world.client.answer = meet
    world.pay(4)
    to_endpoints(world).deliver_to(world.id)
    assert len(world.client.posted) == 4


def test_an_endpoint_that_fails_is_no_reason_to_go_on() -> None:
    world = WebhookWorld()
    world.client.answer = lambda _webhook: None
    world.pay(60)
    while to_endpoints(world).deliver_to(world.id):
        pass
    posted = len(world.client.posted)
    assert not to_endpoints(world).deliver_to(world.id)
    assert len(world.client.posted) == posted + 1  # one attempt, to see whether it is up


def test_while_another_process_delivers_nothing_is_done() -> None:
    world = WebhookWorld()
    world.pay()
    until = world.now + LEASE
    assert to_endpoints(world).idle_receivers() == [world.id]
    world.store.hold_lease(Lease(f"webhook#{world.id}", "another", until), world.now)
    assert to_endpoints(world).idle_receivers() == []
    assert not to_endpoints(world).deliver_to(world.id)
    assert world.client.posted == []
    world.later(minutes=2)
    to_endpoints(world).deliver_to(world.id)
    assert len(world.client.posted) == 1
    assert to_endpoints(world).idle_receivers() == [world.id]  # the lease was released


def test_a_store_that_fails_ends_the_call_and_loses_nothing() -> None:
    store = FailingStore()
    world = WebhookWorld(store)
    world.pay(2)
    store.planned["list_events"] = StoreUnavailable("for the test")
    with pytest.raises(StoreUnavailable):
        to_endpoints(world).deliver_to(world.id)
    to_endpoints(world).deliver_to(world.id)
    assert len(world.client.posted) == 2


def test_the_topic_is_a_receiver() -> None:
    world = TopicWorld()
    world.publish()
    world.pay(150)
    short = to_topic(world, lambda: 60 - 10 * len(world.topic.calls))
    assert short.idle_receivers() == [TOPIC]
    assert short.deliver_to(TOPIC)
    assert len(world.topic.published) == 40
    assert not to_topic(world).deliver_to(TOPIC)
    assert len(world.topic.event_ids) == len(set(world.topic.event_ids)) == 150


@pytest.mark.parametrize("receiver", [TOPIC, "we_00000000000000000000aaaaaaaa"])
def test_a_receiver_that_there_is_not_gets_nothing(receiver: str) -> None:
    assert not to_endpoints(WebhookWorld()).deliver_to(receiver)
