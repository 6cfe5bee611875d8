"""Events are published to a topic: at least once, in order, whatever fails in between."""

from __future__ import annotations

import logging
from itertools import count

import pytest
import simplejson

from paymentapp.errors import NotFound, StoreUnavailable
from paymentapp.messaging.aws_client import MessagingFailed
from paymentapp.messaging.sns import TopicMessage, TopicResult
from paymentapp.models.events import Event
from paymentapp.models.webhook_endpoints import DeliveryStatus
from paymentapp.schemas.events import EventSchema
from paymentapp.services.outbound import publisher
from paymentapp.services.outbound.messages import body_of
from paymentapp.services.outbound.publisher import ROUND_MAX, PublishedRound
from tests.support.failing_store import FailingStore
from tests.support.topic_world import ARN, START, THROTTLED, TOO_LONG, TopicWorld

ACCOUNT = "123456789012"


@pytest.fixture
def world() -> TopicWorld:
    """Return a world that has looked at the topic once: it gets events from then on."""
    return begun(TopicWorld())


def begun(world: TopicWorld) -> TopicWorld:
    world.publish()
    return world


def test_an_event_is_published_as_the_list_shows_it(world: TopicWorld) -> None:
    (payment,) = world.pay()
    assert world.publish() == PublishedRound(more=False)
    (message,) = world.topic.published
    (shown,) = world.process.events.page(None, 10).events
    assert simplejson.loads(message.body, use_decimal=True) == EventSchema().dump(shown)
    assert (message.event_id, message.type) == (shown.event_id, "payment.pending")
    assert message.group == f"ada/{payment.payment_id}"


def test_an_event_is_published_once_where_nothing_fails(world: TopicWorld) -> None:
    world.pay(25)
    for _ in range(3):
        world.publish()
    assert [len(call) for call in world.topic.calls] == [10, 10, 5]
    assert len(set(world.topic.event_ids)) == 25


def test_what_did_not_happen_is_not_published_and_what_follows_is(world: TopicWorld) -> None:
    world.store.add_event(Event("payment.submitting", world.now, ("ada", "nothing"), 1))
    world.pay()
    assert world.publish() == PublishedRound(more=False)
    assert [message.type for message in world.topic.published] == ["payment.pending"]
    world.publisher.publish_again(world.store.list_events(None, 10).events[0].event_id)
    assert world.publish() == PublishedRound(more=False)
    assert len(world.topic.published) == 1
    (delivery,) = world.publisher.failed(10)
    assert (delivery.status, delivery.next_attempt_at) == (DeliveryStatus.FAILED, None)
    assert "did not happen" in delivery.last_error


def test_events_before_the_first_look_are_not_published() -> None:
    world = TopicWorld()
    world.pay()
    world.later(seconds=1)
    begun(world)
    world.pay()
    world.publish()
    assert len(world.topic.published) == 1


def test_another_topic_begins_anew_and_the_first_one_goes_on(world: TopicWorld) -> None:
    world.pay()
    world.later(seconds=1)
    other = TopicWorld(world.store, f"{ARN}-new")
    other.now = world.now
    begun(other)
    assert other.topic.published == []
    world.publish()
    assert len(world.topic.published) == 1


def test_a_long_list_is_followed_in_rounds(world: TopicWorld) -> None:
    world.pay(ROUND_MAX + 1)
    assert world.publish().more
    assert not world.publish().more
    assert len(world.topic.event_ids) == len(set(world.topic.event_ids)) == ROUND_MAX + 1


def test_a_part_of_a_batch_that_failed_is_published_again_by_itself(world: TopicWorld) -> None:
    turns = count()
    world.topic.answer = lambda _message: THROTTLED if next(turns) in {3, 7} else TopicResult()
    world.pay(10)
    assert world.publish() == PublishedRound(more=False)
    first, second = world.topic.calls
    assert second == [first[3], first[7]]
    assert len(world.slept) == 1
    assert sorted(world.topic.event_ids) == sorted(first)


def test_the_position_stays_before_what_goes_on_failing(world: TopicWorld) -> None:
    world.pay(30)
    ids = [each.event_id for each in world.process.events.page(None, 30).events]
    stuck = ids[13]
    world.topic.answer = lambda m: THROTTLED if m.event_id == stuck else TopicResult()
    assert world.publish().error == "Throttled"
    assert not {*ids[20:]} & {*world.topic.event_ids}  # no batch after the one that failed
    world.topic.answer = lambda _message: TopicResult()
    world.topic.published.clear()
    world.publish()
    assert world.topic.event_ids == ids[13:]


def test_a_topic_that_is_not_there_loses_nothing(
    world: TopicWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_batch: object) -> list[TopicResult]:
        raise MessagingFailed("NotFound")

    monkeypatch.setattr(world.topic, "publish", fail)
    world.pay(20)
    for _ in range(3):
        assert world.publish() == PublishedRound(more=False, error="NotFound")
    errors = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert errors == ["events not published to topic events: NotFound; retried"] * 3
    monkeypatch.undo()
    world.publish()
    assert len(set(world.topic.event_ids)) == 20
    assert ACCOUNT not in caplog.text


def test_what_is_refused_for_good_is_recorded_and_holds_up_nothing(
    world: TopicWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.pay(12)
    bad = world.process.events.page(None, 12).events[4].event_id
    world.topic.answer = lambda m: TOO_LONG if m.event_id == bad else TopicResult()
    assert world.publish() == PublishedRound(more=False)
    assert len(world.topic.published) == 11
    (refused,) = world.publisher.failed(10)
    assert (refused.event_id, refused.status) == (bad, DeliveryStatus.FAILED)
    assert refused.last_error == "InvalidParameter"
    assert f"event {bad} refused by topic events: InvalidParameter" in caplog.text
    assert ACCOUNT not in caplog.text
    world.publish()
    assert sum(call.count(bad) for call in world.topic.calls) == 1


def test_an_event_that_cannot_be_rendered_holds_up_nothing(
    world: TopicWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = count()
    monkeypatch.setattr(publisher, "body_of", lambda e: body_of(e) if next(turns) else 1 / 0)
    world.pay(3)
    world.publish()
    assert len(world.topic.published) == 2
    (failed,) = world.publisher.failed(10)
    assert failed.last_error == "internal error: ZeroDivisionError"


def test_what_was_refused_is_published_on_request(world: TopicWorld) -> None:
    world.topic.answer = lambda _message: TOO_LONG
    world.pay()
    world.publish()
    (refused,) = world.publisher.failed(10)
    world.publisher.publish_again(refused.event_id)
    world.publish()
    assert world.publisher.failed(10)[0].status is DeliveryStatus.FAILED  # refused once more
    world.publisher.publish_again(refused.event_id)
    world.topic.answer = lambda _message: THROTTLED
    assert world.publish().error == "Throttled"
    assert world.publisher.failed(10)[0].status is DeliveryStatus.PENDING  # tried again
    world.topic.answer = lambda _message: TopicResult()
    world.publish()
    assert world.topic.event_ids == [refused.event_id]
    assert world.publisher.failed(10)[0].status is DeliveryStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("subject", "group"),
    [
        (("paypal", "USD", "1", "2", ""), "paypal"),
        (("x" * 200, "USD", "1", "2", ""), "x" * 128),
        ((), "provider.funded"),
    ],
    ids=["first", "long", "none"],
)
def test_an_event_has_a_group_whatever_it_is_about(subject: tuple[str, ...], group: str) -> None:
    assert publisher._group(Event("provider.funded", START, subject)) == group


def test_any_event_of_the_list_is_published_again_on_request(world: TopicWorld) -> None:
    world.pay()
    world.publish()
    (event_id,) = world.topic.event_ids
    world.publisher.publish_again(event_id)
    world.publish()
    world.publish()
    assert world.topic.event_ids == [event_id] * 2
    with pytest.raises(NotFound):
        world.publisher.publish_again("evt_00000000000000000009")


@pytest.mark.parametrize("call", ["get_note", "list_events", "change_note"])
def test_a_crash_before_the_position_moves_publishes_again_and_loses_nothing(call: str) -> None:
    store = FailingStore()
    world = begun(TopicWorld(store))
    world.pay(15)
    store.planned[call] = StoreUnavailable("for the test")
    with pytest.raises(StoreUnavailable):
        world.publish()
    world.publish()
    ids = [each.event_id for each in world.process.events.page(None, 15).events]
    assert world.topic.event_ids in (ids, ids * 2)
    assert (call == "change_note") == (world.topic.event_ids == ids * 2)


def test_a_refusal_that_cannot_be_recorded_is_not_passed_over() -> None:
    store = FailingStore()
    world = begun(TopicWorld(store))
    world.topic.answer = lambda _message: TOO_LONG
    world.pay()
    store.planned["add_webhook_delivery"] = StoreUnavailable("for the test")
    with pytest.raises(StoreUnavailable):
        world.publish()
    assert world.publisher.failed(10) == []
    world.publish()
    assert len(world.publisher.failed(10)) == 1


def test_what_there_was_no_time_for_is_published_in_the_next_round(world: TopicWorld) -> None:
    world.pay(35)
    turns = count()
    assert world.publish(lambda: next(turns) < 2).more
    assert len(world.topic.published) == 20
    world.publish()
    assert len(world.topic.event_ids) == len(set(world.topic.event_ids)) == 35


def test_the_status_says_since_when_nothing_is_published(world: TopicWorld) -> None:
    assert world.publisher.status() == "published to events"
    world.topic.answer = lambda _message: THROTTLED
    world.pay()
    world.publish()
    first = world.publisher.status()
    assert first.startswith("not published to events since 2026-03-01T12:00:00.0000")
    world.later(minutes=5)
    world.publish()
    assert world.publisher.status() == first
    world.topic.answer = lambda _message: TopicResult()
    world.publish()
    assert world.publisher.status() == "published to events"


def test_the_events_of_a_payment_stay_in_their_order_on_a_fifo_topic() -> None:
    world = begun(TopicWorld(arn=f"{ARN}.fifo"))
    first, second = world.pay(2)
    world.process.payments.cancel(first.key)
    turns = count()

    def fail_first(_message: TopicMessage) -> TopicResult:
        return THROTTLED if next(turns) == 0 else TopicResult()

    world.topic.answer = fail_first
    while len(world.topic.published) < 3:
        world.publish()
    of_first = [each for each in world.topic.published if first.payment_id in each.group]
    assert [each.type for each in of_first] == ["payment.pending", "payment.cancelled"]
    assert second.payment_id in {each.group.partition("/")[2] for each in world.topic.published}
