"""Every engine: events reach an endpoint at least once, and nothing does that did not happen."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from paymentapp.clock import utc_now
from paymentapp.models.webhook_endpoints import DeliveryStatus, EndpointStatus
from paymentapp.storage.base import Store
from paymentapp.storage.dynamodb import events as dynamodb_events
from tests.support.receivers import receiving
from tests.support.webhook_world import WebhookWorld


@pytest.fixture(autouse=True)
def no_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have DynamoDB list what was written until now: one clock, and no put that takes long."""
    monkeypatch.setattr(dynamodb_events, "HORIZON", timedelta(0))


@pytest.fixture
def world(store: Store) -> WebhookWorld:
    """Return a service over each engine, at the present time."""
    store.publish_events(utc_now())
    world = WebhookWorld(store)
    world.endpoints.delete(world.id)
    world.now = datetime.now(UTC)
    world.id = world.register().endpoint.endpoint_id
    return world


def rounds(world: WebhookWorld) -> None:
    """Publish what was written, and deliver until nothing is waiting."""
    for _ in range(3):
        world.store.publish_events(utc_now())
    while world.deliver():
        pass


def test_each_event_is_delivered_once_where_nothing_fails(world: WebhookWorld) -> None:
    first, _ = world.pay(2)
    world.process.payments.cancel(first.key)
    rounds(world)
    rounds(world)
    types = sorted(each.event["type"] for each in world.client.posted)
    assert types == ["payment.cancelled", "payment.pending", "payment.pending"]
    assert world.deliveries() == []


def test_what_fails_is_kept_and_sent_again(world: WebhookWorld) -> None:
    world.client.answer = lambda _webhook: 500
    world.pay(2)
    rounds(world)
    assert [each.status for each in world.deliveries()] == [DeliveryStatus.PENDING] * 2
    world.client.answer = lambda _webhook: 200
    world.later(seconds=6)
    rounds(world)
    assert [each.status for each in world.deliveries()] == [DeliveryStatus.SUCCEEDED] * 2
    ids = world.client.event_ids
    assert sorted(ids[:2]) == sorted(ids[2:])


def test_an_endpoint_that_is_gone_is_told_to_the_others(world: WebhookWorld) -> None:
    gone, other = world.id, world.register().endpoint.endpoint_id
    world.client.answer = lambda _webhook: 410
    world.pay()
    rounds(world)
    assert world.endpoints.get(gone).status is EndpointStatus.DISABLED
    world.client.answer = lambda _webhook: 200
    world.id = other
    rounds(world)
    told = [each.event for each in world.client.posted if each.event["type"].startswith("webhook")]
    assert [each["data"]["id"] for each in told] == [gone]


def test_a_worker_delivers_by_its_threads(store: Store) -> None:
    with receiving() as receiver:
        world = WebhookWorld(store, webhooks_allow_loopback=True, sweep_seconds=1)
        world.now = datetime.now(UTC)
        url = f"http://127.0.0.1:{receiver.port}/"
        world.endpoints.change(world.id, {"url": url})
        worker = world.worker()
        worker.start()
        try:
            world.pay(5)
            end = time.monotonic() + 20
            while len({each.headers["webhook-id"] for each in receiver.received}) < 5:
                assert time.monotonic() < end
                time.sleep(0.05)
        finally:
            worker.stop()
