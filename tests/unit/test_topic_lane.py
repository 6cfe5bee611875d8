"""The thread that publishes events: nothing waits for it, and it survives what fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from paymentapp.messaging.sns import TopicMessage, TopicResult
from paymentapp.worker.timeboxed import TimeboxedRun
from paymentapp.worker.topic import TopicLane
from tests.support.failing_store import FailingStore
from tests.support.processes import a_process
from tests.support.topic_world import ARN, THROTTLED, TopicWorld
from tests.support.worker_world import until


@contextmanager
def publishing(world: TopicWorld) -> Iterator[TopicLane]:
    lane = TopicLane(world.publisher, world.store, world.clock, pause=0.01)
    lane.start()
    try:
        yield lane
    finally:
        lane.stop(time.monotonic() + 5)
    assert not any(thread.is_alive() for thread in lane.threads())


@pytest.fixture
def world() -> TopicWorld:
    world = TopicWorld(FailingStore())
    world.publish()
    return world


def test_events_are_published_by_a_thread(world: TopicWorld) -> None:
    with publishing(world):
        world.pay(25)
        until(lambda: len(world.topic.published) == 25)
        world.pay()
        until(lambda: len(world.topic.published) == 26)
    assert len(set(world.topic.event_ids)) == 26


def test_one_process_publishes_and_another_takes_over(world: TopicWorld) -> None:
    with publishing(world):
        until(lambda: world.store.get_lease("topic") is not None)
        with publishing(world):
            world.pay(30)
            until(lambda: len(world.topic.published) == 30)
            time.sleep(0.1)
        assert len(world.topic.published) == 30
    with publishing(world):  # at once: the lease was released
        world.pay()
        until(lambda: len(world.topic.published) == 31)


def test_a_topic_that_fails_is_tried_less_and_less_often(world: TopicWorld) -> None:
    world.topic.answer = lambda _message: THROTTLED
    world.pay()
    with publishing(world):
        time.sleep(0.4)
        assert 2 <= len(world.topic.calls) <= 6  # after 0.02, 0.04, 0.08 … s
        world.topic.answer = lambda _message: TopicResult()
        until(lambda: len(world.topic.published) == 1)
        world.pay()
        until(lambda: len(world.topic.published) == 2)


CALLS = ("hold_lease", "list_events", "get_note", "due_webhook_deliveries", "change_note")


@pytest.mark.parametrize("call", CALLS)
def test_a_call_of_the_store_that_fails_once_does_not_end_the_thread(
    world: TopicWorld, call: str
) -> None:
    assert isinstance(world.store, FailingStore)
    with publishing(world):
        world.pay()
        until(lambda: len(set(world.topic.event_ids)) == 1)
        world.store.planned[call] = ValueError("for the test")
        world.later(seconds=50)  # the lease is to be renewed
        world.pay()
        until(lambda: len(set(world.topic.event_ids)) == 2)
        until(lambda: isinstance(world.store, FailingStore) and world.store.planned == {})


def test_a_topic_that_hangs_does_not_keep_the_process_from_ending(world: TopicWorld) -> None:
    begun, released = threading.Event(), threading.Event()

    def hang(_message: TopicMessage) -> TopicResult:
        begun.set()
        released.wait(10)
        return TopicResult()

    world.topic.answer = hang
    world.pay(30)
    lane = TopicLane(world.publisher, world.store, world.clock, pause=0.01)
    lane.start()
    begun.wait(5)
    stopped_at = time.monotonic()
    lane.stop(stopped_at + 0.2)
    assert time.monotonic() - stopped_at < 1
    released.set()
    until(lambda: not any(thread.is_alive() for thread in lane.threads()))
    assert len(world.topic.published) == 10  # no batch begins any more
    world.topic.answer = lambda _message: TopicResult()
    while world.publish().more:
        pass
    assert len(set(world.topic.event_ids)) == 30


def test_the_worker_watches_the_thread_where_there_is_a_topic(world: TopicWorld) -> None:
    def names(arn: str) -> set[str]:
        process = a_process(world.store, world.clock, events_sns_arn=arn)
        process.worker.start()
        try:
            return {thread.name for thread in process.worker.threads()}
        finally:
            process.worker.stop()

    assert names(ARN) - names("") == {"topic"}


def test_within_a_time_limit_all_is_published_that_there_is_time_for(world: TopicWorld) -> None:
    services = world.process
    run = TimeboxedRun(
        *(services.dispatcher, services.poller, services.sweeper, services.inbox),
        *(services.mailbox_collector, services.deliverer),
        seconds_left=lambda: 100 - 10 * len(world.topic.calls),
        step_seconds=10,
        publisher=world.publisher,
    )
    world.pay(150)
    run.deliver()
    assert len(world.topic.published) == 90
    while world.publish().more:
        pass
    assert len(world.topic.event_ids) == len(set(world.topic.event_ids)) == 150
