"""How far an endpoint has come is written at intervals, and a crash repeats what came since."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from paymentapp.models.webhook_endpoints import EndpointStatus
from paymentapp.services.outbound.progress import UNWRITTEN_MAX, KeptProgress, read_progress
from paymentapp.worker.webhooks import WebhookLanes
from tests.support.webhook_world import WebhookWorld, one_by_one
from tests.support.worker_world import until

SECONDS = 1.0


@dataclass
class Timer:
    """Seconds that the test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class KeptWorld(WebhookWorld):
    """A lane's rounds, one at a time, with a timer that the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.timer = Timer()
        self.start_process()

    def start_process(self) -> None:
        """Begin with what is stored, as after a crash."""
        self.kept = KeptProgress(SECONDS, self.timer)

    def round(self, count: int = 0) -> None:
        self.pay(count)
        while self.deliverer.deliver(self.id, one_by_one, self.kept):
            pass

    def stored(self) -> str:
        return read_progress(self.store, self.endpoints.get(self.id)).after


def test_after_a_quiet_time_progress_is_written_at_once() -> None:
    world = KeptWorld()
    world.round(1)
    assert world.stored() == world.client.event_ids[-1]
    assert not world.kept.is_unwritten


def test_within_the_interval_nothing_is_written_and_nothing_is_sent_twice() -> None:
    world = KeptWorld()
    world.round(1)
    for _ in range(5):
        world.round(2)
    assert world.stored() == world.client.event_ids[0]
    assert len(set(world.client.event_ids)) == len(world.client.event_ids) == 11


def test_after_the_interval_it_is_written_where_nothing_more_comes() -> None:
    world = KeptWorld()
    world.round(1)
    world.round(2)
    world.timer.now += SECONDS
    world.round()
    assert world.stored() == world.client.event_ids[-1]


def test_many_events_are_written_before_the_interval_ends() -> None:
    world = KeptWorld()
    world.round(1)
    world.round(UNWRITTEN_MAX)
    assert world.stored() == world.client.event_ids[-1]


def test_a_crash_repeats_what_was_delivered_since_under_the_same_ids() -> None:
    world = KeptWorld()
    world.round(1)
    world.round(3)
    world.start_process()
    world.round()
    first, *since = world.client.event_ids
    assert since[:3] == since[3:]
    assert first not in since


def test_where_an_attempt_fails_progress_is_written_at_once() -> None:
    world = KeptWorld()
    world.round(1)
    world.client.answer = lambda _webhook: 500 if len(world.client.posted) == 2 else 204
    world.round(2)
    assert world.stored() == world.client.event_ids[-1]
    world.start_process()
    world.round()
    assert len(world.client.posted) == 3


def test_a_round_that_begins_no_attempt_writes_nothing() -> None:
    world = KeptWorld()
    world.round(1)
    world.pay(2)
    world.deliverer.deliver(world.id, lambda jobs: [None] * len(jobs), world.kept)
    assert not world.kept.is_unwritten
    world.round()
    assert len(world.client.posted) == 3


def test_a_process_that_has_fallen_behind_does_not_go_back() -> None:
    world = KeptWorld()
    world.round(1)
    behind = world.kept
    world.start_process()
    world.round(2)
    world.kept = behind
    world.round()
    assert len(world.client.posted) == 3


def test_a_lane_that_stops_writes_its_progress() -> None:
    world = WebhookWorld()
    lanes = partial(
        WebhookLanes, world.deliverer, world.store, world.clock, at_once=2, pause=60, soon=0.01
    )
    for count in (1, 3):
        first = lanes()
        first.start()
        for _ in range(count):
            world.pay()
            until(partial(has_sent_all, world))
        first.stop(time.monotonic() + 5)
        stored = read_progress(world.store, world.endpoints.get(world.id))
        assert stored.after == max(world.client.event_ids)
    assert len(world.client.posted) == 4


def has_sent_all(world: WebhookWorld) -> bool:
    page = world.store.list_events(None, 1000)
    return {each.event_id for each in page.events} <= set(world.client.event_ids)


def test_a_lane_with_nothing_more_to_send_soon_writes_its_progress() -> None:
    world = WebhookWorld()
    lanes = WebhookLanes(world.deliverer, world.store, world.clock, at_once=2, pause=60, soon=0.01)
    lanes.start()
    try:
        for _ in range(3):
            world.pay()
            until(partial(has_sent_all, world))
        last = max(world.client.event_ids)
        endpoint = world.endpoints.get(world.id)
        until(lambda: read_progress(world.store, endpoint).after == last)
    finally:
        lanes.stop(time.monotonic() + 5)


def test_progress_of_an_endpoint_that_is_deleted_is_not_written() -> None:
    world = KeptWorld()
    world.round(1)
    world.round(1)
    before = world.stored()
    world.endpoints.change(world.id, {"status": EndpointStatus.DISABLED})
    endpoint = world.endpoints.get(world.id)
    world.endpoints.delete(world.id)
    world.deliverer.store_progress(world.id, world.kept)
    assert read_progress(world.store, endpoint).after == before
