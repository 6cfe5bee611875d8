"""Deliveries: at least once, whatever crashes; tried again for days; given up in public."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
import simplejson

from paymentapp.errors import Conflict, StoreUnavailable
from paymentapp.models.events import Event
from paymentapp.models.provider_state import StateEntry
from paymentapp.models.webhook_endpoints import (
    RETRY_DELAYS,
    DeliveryStatus,
    EndpointStatus,
    retry_delay,
)
from paymentapp.schemas.events import EventSchema
from paymentapp.services.outbound.deliverer import ROUND_MAX, WebhookAttempt
from paymentapp.services.outbound.progress import advance, read_progress
from paymentapp.vault.sealing import Vault
from tests.support.failing_store import FailingStore
from tests.support.memory_store import MemoryStore
from tests.support.webhook_world import URL, PostedWebhook, WebhookWorld, one_by_one

Jobs = Sequence[Callable[[], WebhookAttempt]]


@pytest.fixture
def world() -> WebhookWorld:
    return WebhookWorld()


def failing(_webhook: PostedWebhook) -> int:
    return 500


def test_an_event_is_posted_as_the_list_shows_it_and_signed(world: WebhookWorld) -> None:
    (payment,) = world.pay()
    assert not world.deliver()
    (posted,) = world.client.posted
    (shown,) = world.process.events.page(None, 10).events
    assert simplejson.loads(posted.body, use_decimal=True) == EventSchema().dump(shown)
    assert (posted.event["type"], posted.event_id) == ("payment.pending", shown.event_id)
    assert posted.event["data"]["payment_id"] == payment.payment_id
    assert posted.is_signed_by(world.made.secret)
    assert posted.headers["Content-Type"] == "application/json"
    assert b'"amount":5,' in posted.body


def test_an_event_is_posted_once_where_it_is_answered(world: WebhookWorld) -> None:
    world.pay(3)
    for _ in range(3):
        world.deliver()
    assert len(world.client.posted) == 3
    assert world.deliveries() == []


def test_events_before_the_registration_are_not_sent() -> None:
    world = WebhookWorld()
    world.pay()
    world.later(seconds=1)
    world.id = world.register().endpoint.endpoint_id
    world.deliver()
    assert world.client.posted == []


def test_an_endpoint_gets_the_types_that_it_wants(world: WebhookWorld) -> None:
    world.id = world.register("payment.cancelled").endpoint.endpoint_id
    first, _ = world.pay(2)
    world.process.payments.cancel(first.key)
    world.deliver()
    assert [each.event["type"] for each in world.client.posted] == ["payment.cancelled"]


def test_a_long_list_is_followed_in_rounds(world: WebhookWorld) -> None:
    world.pay(ROUND_MAX + 1)
    assert world.deliver()
    assert not world.deliver()
    assert len(set(world.client.event_ids)) == ROUND_MAX + 1


def test_what_did_not_happen_is_not_sent_and_what_follows_is(world: WebhookWorld) -> None:
    false = Event("payment.submitting", world.now, ("ada", "nothing"), 1)
    world.store.add_event(false)
    world.pay()
    world.deliver()
    assert [each.event["type"] for each in world.client.posted] == ["payment.pending"]
    false_id = world.store.list_events(None, 10).events[0].event_id
    world.endpoints.redeliver(world.id, false_id)
    world.deliver()
    assert len(world.client.posted) == 1
    (delivery,) = world.deliveries()
    assert (delivery.status, delivery.next_attempt_at) == (DeliveryStatus.FAILED, None)
    assert "did not happen" in delivery.last_error


class Meanwhile(MemoryStore):
    """Has a step happen between the read of an endpoint and that of its events."""

    step: Callable[[], object] | None = None

    def get_state_entry(self, name: str) -> StateEntry | None:
        step, self.step = self.step, None
        if step is not None:
            step()
        return super().get_state_entry(name)


def test_what_happens_after_a_change_of_the_endpoint_goes_by_that_change() -> None:
    store = Meanwhile()
    world = WebhookWorld(store)
    world.id = world.register("payment.failed").endpoint.endpoint_id
    changed = "https://example.com/changed"

    def change_and_pay() -> None:
        world.endpoints.change(world.id, {"event_types": (), "url": changed})
        world.pay()

    store.step = change_and_pay
    world.deliver()
    assert [each.url for each in world.client.posted] == [changed]


def test_nothing_is_sent_to_an_endpoint_that_is_disabled_before_the_event() -> None:
    store = Meanwhile()
    world = WebhookWorld(store)

    def disable_and_pay() -> None:
        world.endpoints.change(world.id, {"status": EndpointStatus.DISABLED})
        world.pay()

    store.step = disable_and_pay
    assert not world.deliver()
    assert world.client.posted == []
    world.endpoints.change(world.id, {"status": EndpointStatus.ENABLED})
    world.deliver()
    assert len(world.client.posted) == 1


@pytest.mark.parametrize("status", [None, 199, 300, 302, 400, 404, 429, 500, 503])
def test_what_is_not_answered_by_2xx_is_tried_again(
    world: WebhookWorld, status: int | None
) -> None:
    world.client.answer = lambda _webhook: status
    world.pay()
    world.deliver()
    (delivery,) = world.deliveries()
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.PENDING, 1)
    assert delivery.last_status_code == status
    world.client.answer = lambda _webhook: 200
    world.deliver()
    assert len(world.client.posted) == 1  # not due yet
    world.later(seconds=6)
    world.deliver()
    first, second = world.client.posted
    assert first.event_id == second.event_id
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert second.is_signed_by(world.made.secret)
    (delivery,) = world.deliveries()
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.SUCCEEDED, 2)


def test_attempts_are_spread_over_three_days_and_then_end(world: WebhookWorld) -> None:
    world.client.answer = failing
    world.pay()
    world.deliver()
    times = [world.now]
    while (due := world.deliveries()[0].next_attempt_at) is not None:
        world.now = due
        world.deliver()
        times.append(due)
    assert world.deliveries()[0].status is DeliveryStatus.FAILED
    assert len(world.client.posted) == len(RETRY_DELAYS) + 1
    for (before, after), delay in zip(pairwise(times), RETRY_DELAYS, strict=True):
        assert 0.89 * delay < after - before < 1.11 * delay
    assert timedelta(days=2.5) < times[-1] - times[0] < timedelta(days=3.7)


def test_the_delay_has_jitter_and_an_end() -> None:
    assert len({retry_delay(9) for _ in range(20)}) > 1
    assert retry_delay(10) is None


def test_a_delivery_that_failed_is_sent_again_on_request(world: WebhookWorld) -> None:
    world.client.answer = failing
    world.pay()
    world.deliver()
    (delivery,) = world.deliveries()
    ended = delivery
    while ended.status is DeliveryStatus.PENDING:
        ended = ended.attempted(world.now, 500, "HTTP status 500")
    assert world.store.change_webhook_delivery(delivery, ended)
    again = world.endpoints.redeliver(world.id, delivery.event_id)
    assert (again.status, again.attempts) == (DeliveryStatus.PENDING, 0)
    world.client.answer = lambda _webhook: 204
    world.deliver()
    assert world.deliveries()[0].status is DeliveryStatus.SUCCEEDED


def test_an_event_that_was_delivered_is_sent_again_on_request(world: WebhookWorld) -> None:
    world.pay()
    world.deliver()
    (event_id,) = world.client.event_ids
    world.endpoints.redeliver(world.id, event_id)
    world.deliver()
    assert world.client.event_ids == [event_id] * 2


def test_a_crash_before_the_position_moves_sends_again() -> None:
    store = FailingStore()
    world = WebhookWorld(store)
    world.pay(2)
    store.planned["add_note"] = StoreUnavailable("for the test")
    with pytest.raises(StoreUnavailable):
        world.deliver()
    world.deliver()
    first, second = world.client.event_ids[:2]
    assert world.client.event_ids == [first, second] * 2


def test_a_failure_that_cannot_be_recorded_is_not_passed_over() -> None:
    store = FailingStore()
    world = WebhookWorld(store)
    world.client.answer = failing
    world.pay()
    store.planned["add_webhook_delivery"] = StoreUnavailable("for the test")
    with pytest.raises(StoreUnavailable):
        world.deliver()
    world.client.answer = lambda _webhook: 204
    world.deliver()
    assert len(set(world.client.event_ids)) == 1
    assert len(world.client.posted) == 2


def test_what_there_was_no_time_for_is_sent_in_the_next_round(world: WebhookWorld) -> None:
    def two(jobs: Jobs) -> Sequence[WebhookAttempt | None]:
        return [*(job() for job in jobs[:2]), *(None for _ in jobs[2:])]

    world.pay(5)
    assert world.deliver(two)
    assert world.deliver(two)
    world.deliver(two)
    assert len(world.client.posted) == len(set(world.client.event_ids)) == 5


def test_an_attempt_that_was_not_made_leaves_a_delivery_as_it_is(world: WebhookWorld) -> None:
    world.client.answer = failing
    world.pay()
    world.deliver()
    world.later(seconds=6)
    before = world.deliveries()
    world.deliver(lambda jobs: [None for _ in jobs])
    assert world.deliveries() == before


def test_an_event_that_cannot_be_sent_does_not_hold_up_the_others(world: WebhookWorld) -> None:
    def break_once(webhook: PostedWebhook) -> int:
        if webhook.event_id == world.client.event_ids[0] and len(world.client.posted) == 1:
            raise RuntimeError("for the test")
        return 204

    world.client.answer = break_once
    world.pay(3)
    world.deliver()
    assert len(set(world.client.event_ids)) == 3
    (delivery,) = world.deliveries()
    assert delivery.last_error == "internal error: RuntimeError"


def test_an_endpoint_that_is_gone_is_disabled_and_that_is_an_event(world: WebhookWorld) -> None:
    other = world.register().endpoint.endpoint_id
    world.client.answer = lambda _webhook: 410
    world.pay()
    world.deliver()
    endpoint = world.endpoints.get(world.id)
    assert endpoint.status is EndpointStatus.DISABLED
    assert "410" in endpoint.disabled_reason
    world.client.answer = lambda _webhook: 204
    world.deliverer.deliver(other, one_by_one)
    told = world.client.posted[-1].event
    assert told["type"] == "webhook_endpoint.disabled"
    assert told["data"] == {
        "id": world.id,
        "description": None,
        "status": "disabled",
        "disabled_reason": endpoint.disabled_reason,
    }
    count = len(world.client.posted)
    world.pay()
    world.later(days=1)
    assert not world.deliver()
    assert len(world.client.posted) == count


def test_an_endpoint_that_fails_for_five_days_is_disabled(world: WebhookWorld) -> None:
    world.client.answer = failing
    for _ in range(5):
        world.pay()
        world.deliver()
        assert world.endpoints.get(world.id).status is EndpointStatus.ENABLED
        world.later(days=1, minutes=1)
    world.deliver()
    endpoint = world.endpoints.get(world.id)
    assert endpoint.status is EndpointStatus.DISABLED
    assert endpoint.disabled_reason == "Every attempt has failed for 5 days."


def test_one_success_in_five_days_keeps_an_endpoint(world: WebhookWorld) -> None:
    for day in range(8):
        world.client.answer = (lambda _webhook: 204) if day == 3 else failing
        world.pay()
        world.deliver()
        world.later(days=1)
    assert world.endpoints.get(world.id).status is EndpointStatus.ENABLED


def test_an_endpoint_that_is_enabled_again_goes_on_where_it_stopped(world: WebhookWorld) -> None:
    world.client.answer = lambda _webhook: 410
    world.pay()
    world.deliver()
    world.pay()
    with pytest.raises(Conflict):
        world.endpoints.redeliver(world.id, world.client.event_ids[0])
    enabled = world.endpoints.change(world.id, {"status": EndpointStatus.ENABLED})
    assert enabled.disabled_reason == ""
    world.client.answer = lambda _webhook: 204
    world.later(minutes=1)
    world.deliver()
    payments = [each for each in world.client.posted if each.event["type"] == "payment.pending"]
    assert len({each.event_id for each in payments}) == 2
    assert [each.status for each in world.deliveries()] == [DeliveryStatus.SUCCEEDED]


def test_a_position_never_goes_back(world: WebhookWorld) -> None:
    endpoint = world.endpoints.get(world.id)
    advance(world.store, endpoint, "evt_00000000000000000009", None)
    world.pay()
    world.deliver()
    reached = read_progress(world.store, endpoint).after
    advance(world.store, endpoint, "evt_00000000000000000009", world.now)
    assert read_progress(world.store, endpoint) == (reached, world.now)
    world.endpoints.change(world.id, {"status": EndpointStatus.ENABLED})
    assert read_progress(world.store, endpoint) == (reached, None)
    world.deliver()
    assert len(world.client.posted) == 1


def test_an_endpoint_that_has_moved_meanwhile_stays_enabled(world: WebhookWorld) -> None:
    def move(_webhook: PostedWebhook) -> int:
        world.endpoints.change(world.id, {"url": "https://example.org/"})
        return 410

    world.client.answer = move
    world.pay()
    world.deliver()
    assert world.endpoints.get(world.id).status is EndpointStatus.ENABLED
    world.client.answer = lambda _webhook: 204
    world.later(seconds=6)
    world.deliver()
    assert [each.url for each in world.client.posted] == [URL, "https://example.org/"]


def test_an_endpoint_that_is_down_gets_one_attempt_a_round_and_all_once_it_is_up(
    world: WebhookWorld,
) -> None:
    world.client.answer = failing
    world.pay(10)
    world.deliver()
    assert len(world.client.posted) == 10
    world.pay(10)
    assert not world.deliver()
    assert len(world.client.posted) == 11  # an event; no delivery is due
    world.later(seconds=6)
    assert not world.deliver()
    assert len(world.client.posted) == 13  # an event, and a delivery
    world.client.answer = lambda _webhook: 204
    world.later(minutes=6)
    world.deliver()
    world.deliver()
    delivered = {each.event_id for each in world.client.posted[13:]}
    assert len(delivered) == 20
    assert {each.status for each in world.deliveries()} == {DeliveryStatus.SUCCEEDED}


def test_an_event_that_is_never_accepted_does_not_keep_the_others(world: WebhookWorld) -> None:
    first, *_ = world.pay(20)
    bad = first.payment_id.encode()
    world.client.answer = lambda webhook: 500 if bad in webhook.body else 204
    for _ in range(60):
        world.deliver()
        world.later(seconds=100)
    assert len(set(world.client.event_ids)) == 20
    (delivery,) = world.deliveries()
    assert delivery.attempts > 2


def test_both_secrets_sign_for_a_day_after_a_rotation(world: WebhookWorld) -> None:
    new = world.endpoints.rotate_secret(world.id).secret
    world.pay()
    world.deliver()
    (posted,) = world.client.posted
    assert posted.is_signed_by(new)
    assert posted.is_signed_by(world.made.secret)
    world.later(hours=24)
    world.pay()
    world.deliver()
    last = world.client.posted[-1]
    assert last.is_signed_by(new)
    assert not last.is_signed_by(world.made.secret)


def test_a_test_is_sent_and_is_in_no_list(world: WebhookWorld) -> None:
    delivery = world.endpoints.test(world.id)
    world.deliver()
    (posted,) = world.client.posted
    assert posted.event["type"] == "webhook_endpoint.test"
    assert posted.event["id"] == delivery.event_id == posted.event_id
    assert posted.event["data"]["id"] == world.id
    assert world.process.events.page(None, 10).events == []
    assert world.deliveries()[0].status is DeliveryStatus.SUCCEEDED


def test_a_secret_that_cannot_be_opened_sends_nothing_and_loses_nothing() -> None:
    world = WebhookWorld()
    world.pay()
    assert not replace(world.deliverer, vault=Vault("")).deliver(world.id, one_by_one)
    assert world.client.posted == []
    world.deliver()
    assert len(world.client.posted) == 1


def test_an_endpoint_that_is_deleted_gets_nothing(world: WebhookWorld) -> None:
    world.pay()
    world.endpoints.delete(world.id)
    assert not world.deliver()
    assert world.client.posted == []
