"""Threads that deliver webhooks: each endpoint has its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from paymentapp.models.webhook_endpoints import EndpointStatus
from paymentapp.services.outbound.progress import read_progress
from paymentapp.worker.timeboxed import TimeboxedRun
from paymentapp.worker.webhooks import WebhookLanes
from tests.support.failing_store import FailingStore
from tests.support.webhook_world import PostedWebhook, WebhookWorld
from tests.support.worker_world import until


@contextmanager
def delivering(
    world: WebhookWorld, at_once: int = 2, pause: float = 0.02
) -> Iterator[WebhookLanes]:
    lanes = WebhookLanes(world.deliverer, world.store, world.clock, at_once=at_once, pause=pause)
    lanes.start()
    try:
        yield lanes
    finally:
        lanes.stop(time.monotonic() + 5)
    assert not any(thread.is_alive() for thread in lanes.threads())


def test_events_are_delivered_by_threads() -> None:
    world = WebhookWorld()
    with delivering(world):
        world.pay(20)
        until(lambda: len(world.client.posted) == 20)
        world.pay(2)
        until(lambda: len(world.client.posted) == 22)
    assert len(set(world.client.event_ids)) == 22


def test_events_that_follow_others_are_sent_soon() -> None:
    world = WebhookWorld()
    world.pay()

    def has_posted(count: int) -> bool:
        return len(world.client.posted) == count

    with delivering(world, pause=60):
        for number in range(1, 4):
            until(partial(has_posted, number))
            world.pay()


def test_an_endpoint_that_fails_is_tried_no_sooner() -> None:
    world = WebhookWorld()
    world.client.answer = lambda _: 500
    world.pay()
    with delivering(world, pause=60):
        until(lambda: len(world.client.posted) == 1)
        world.pay()
        time.sleep(1)
    assert len(world.client.posted) == 1


def test_an_endpoint_that_hangs_delays_no_other_and_gets_no_more_than_its_share() -> None:
    world = WebhookWorld()
    slow = "https://slow.example.com/"
    world.endpoints.create(slow, (), "")
    released = threading.Event()
    hanging: list[PostedWebhook] = []

    def answer(webhook: PostedWebhook) -> int:
        if webhook.url == slow:
            hanging.append(webhook)
            released.wait(10)
        return 204

    world.client.answer = answer
    with delivering(world, at_once=2):
        world.pay(20)
        until(lambda: len(world.client.posted) >= 20 + 2)
        assert len(hanging) == 2
        released.set()
        until(lambda: len(world.client.posted) == 40)


def test_endpoints_come_and_go() -> None:
    world = WebhookWorld()
    with delivering(world) as lanes:
        until(lambda: len(lanes.threads()) == 4)
        second = world.register().endpoint.endpoint_id
        until(lambda: len(lanes.threads()) == 7)
        world.endpoints.change(second, {"status": EndpointStatus.DISABLED})
        until(lambda: len(lanes.threads()) == 4)
        world.endpoints.delete(world.id)
        until(lambda: len(lanes.threads()) == 1)


def test_one_process_serves_an_endpoint_and_another_takes_over() -> None:
    world = WebhookWorld()
    with delivering(world):
        until(lambda: world.store.get_lease(f"webhook#{world.id}") is not None)
        with delivering(world):
            world.pay(30)
            until(lambda: len(world.client.posted) == 30)
            time.sleep(0.1)
        assert len(world.client.posted) == 30
    with delivering(world):  # at once: the lease was released
        world.pay()
        until(lambda: len(world.client.posted) == 31)


CALLS = ("list_webhook_endpoints", "get_webhook_endpoint", "hold_lease", "list_events", "get_note")


@pytest.mark.parametrize("call", [*CALLS, "due_webhook_deliveries", "change_note"])
def test_a_call_of_the_store_that_fails_once_ends_no_thread(call: str) -> None:
    store = FailingStore()
    world = WebhookWorld(store)
    with delivering(world):
        world.pay()
        until(lambda: len(set(world.client.event_ids)) == 1)
        store.planned[call] = ValueError("for the test")
        world.later(seconds=20)  # the lease is to be renewed
        world.pay()
        until(lambda: store.planned == {})
        world.pay()
        until(lambda: len(set(world.client.event_ids)) == 3)


def test_what_is_not_begun_when_the_process_stops_is_sent_by_the_next() -> None:
    world = WebhookWorld()
    begun = threading.Event()

    def slowly(_webhook: PostedWebhook) -> int:
        begun.set()
        time.sleep(0.05)
        return 204

    world.client.answer = slowly
    world.pay(30)
    with delivering(world):
        begun.wait(5)
    assert len(world.client.posted) < 30
    with delivering(world):
        until(lambda: len(set(world.client.event_ids)) == 30)


def test_a_lane_ends_while_an_endpoint_hangs_and_what_was_in_flight_is_sent_again() -> None:
    world = WebhookWorld()
    released = threading.Event()

    def hang(_webhook: PostedWebhook) -> int:
        released.wait(10)
        return 204

    world.client.answer = hang
    with delivering(world) as lanes:
        world.pay(6)
        until(lambda: len(world.client.posted) == 2 and world.id in lanes._lanes)
        lane = lanes._lanes[world.id]
        world.endpoints.change(world.id, {"status": EndpointStatus.DISABLED})
        until(lambda: len(lanes.threads()) == 1)
        follower, *_ = lane.threads()
        until(lambda: not follower.is_alive())
        released.set()
    assert read_progress(world.store, world.endpoints.get(world.id)).after < min(
        world.client.event_ids
    )
    world.client.answer = lambda _webhook: 204
    world.endpoints.change(world.id, {"status": EndpointStatus.ENABLED})
    with delivering(world):
        until(lambda: len(set(world.client.event_ids)) == 6)


def a_run(world: WebhookWorld, seconds_left: Callable[[], float]) -> TimeboxedRun:
    services = world.process
    return TimeboxedRun(
        services.dispatcher,
        services.poller,
        services.sweeper,
        services.inbox,
        services.mailbox_collector,
        world.deliverer,
        seconds_left=seconds_left,
        step_seconds=10,
    )


def test_within_a_time_limit_all_is_sent_that_there_is_time_for() -> None:
    world = WebhookWorld()
    world.register()
    world.pay(60)
    a_run(world, lambda: 100).deliver()
    assert len(world.client.posted) == 120


def test_without_time_the_rest_is_sent_by_the_next_run() -> None:
    world = WebhookWorld()
    world.pay(60)
    a_run(world, lambda: 100 - 10 * len(world.client.posted)).deliver()
    sent = len(world.client.posted)
    assert 0 < sent < 15
    a_run(world, lambda: 100).deliver()
    assert len(world.client.posted) == len(set(world.client.event_ids)) == 60


def test_without_endpoints_there_is_nothing_to_do() -> None:
    world = WebhookWorld()
    world.endpoints.delete(world.id)
    a_run(world, lambda: 100).deliver()
    assert world.client.posted == []
