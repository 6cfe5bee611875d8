"""Present values: what a sweep shows, and what one process reads from the store once a minute."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

import pytest

from paymentapp.errors import InsufficientFunds, OutcomeUnknown
from paymentapp.messaging.aws_client import MessagingFailed
from paymentapp.messaging.sns import TopicMessage, TopicResult
from paymentapp.metrics.base import NO_METRICS
from paymentapp.metrics.deliveries import measured_client, measured_topic
from paymentapp.metrics.prometheus import PrometheusMetrics
from paymentapp.models.holds import HoldScope
from paymentapp.vault.sealing import new_key
from paymentapp.webhook_client.client import NotDelivered
from tests.support.exposed import samples_of
from tests.support.measured_world import MeasuredWorld
from tests.support.receivers import answering, receiving

LIMITS = "all USD 20/day; client payroll USD 100/day; customer USD 50/day; payment USD 500"


@pytest.fixture
def world() -> MeasuredWorld:
    return MeasuredWorld()


def look(world: MeasuredWorld) -> None:
    """Have the process look at the funds, which it does once a minute."""
    world.now += timedelta(minutes=2)
    world.services.sweeper.look_at_funds()


def fails(_batch: object) -> None:
    raise OutcomeUnknown("NO_ANSWER", retry_after=30)


def test_the_oldest_due_payment_is_shown_and_none_is_zero(world: MeasuredWorld) -> None:
    world.services.sweeper.find_due()
    assert world.samples().of("paymentapp_oldest_due_seconds") == {(): 0}
    world.pay()
    world.now += timedelta(minutes=5)
    world.services.sweeper.find_due()
    assert 300 <= world.samples().of("paymentapp_oldest_due_seconds")[()] <= 320


def test_a_sweep_shows_when_it_was(world: MeasuredWorld) -> None:
    world.services.sweeper.find_due()
    swept = world.samples().of("paymentapp_swept_timestamp_seconds")[()]
    assert 0 <= world.now.timestamp() - swept <= 5


def test_a_failing_provider_is_shown_until_it_answers(world: MeasuredWorld) -> None:
    world.provider.before = fails
    world.pay()
    world.sweep(1)
    world.services.sweeper.find_due()
    assert world.samples().of("paymentapp_provider_failing") == {("paypal",): 1}
    assert world.samples().of("paymentapp_provider_breaker_open") == {("paypal",): 1}
    world.provider.before = lambda _batch: None
    world.sweep(2)
    world.services.sweeper.find_due()
    assert world.samples().of("paymentapp_provider_failing") == {("paypal",): 0}
    assert world.samples().of("paymentapp_provider_breaker_open") == {("paypal",): 0}


def test_lack_of_funds_is_no_failure_of_the_provider(world: MeasuredWorld) -> None:
    def lacks(_batch: object) -> None:
        raise InsufficientFunds("LACK")

    world.provider.before = lacks
    world.pay()
    world.sweep(1)
    look(world)
    world.services.sweeper.find_due()
    assert world.samples().of("paymentapp_provider_failing") == {("paypal",): 0}
    assert world.samples().of("paymentapp_provider_unfunded") == {("USD", "paypal"): 1}


def test_batches_are_shown_by_state_and_none_is_zero(world: MeasuredWorld) -> None:
    world.provider.before = fails
    world.pay()
    world.sweep(1)
    look(world)
    batches = world.samples().of("paymentapp_batches")
    assert batches[("paypal", "frozen")] == 1
    assert batches[("paypal", "parked")] == 0
    world.provider.before = lambda _batch: None
    world.sweep()
    look(world)
    assert world.samples().of("paymentapp_batches")[("paypal", "frozen")] == 0


def test_a_parked_batch_is_shown(world: MeasuredWorld) -> None:
    world.provider.before = fails
    world.pay()
    world.sweep(1)
    world.now += timedelta(days=26)
    world.sweep(1)
    look(world)
    assert world.samples().of("paymentapp_batches")[("paypal", "parked")] == 1


def test_a_reading_of_the_store_shows_when_it_was(world: MeasuredWorld) -> None:
    look(world)
    read = world.samples().of("paymentapp_store_read_timestamp_seconds")[()]
    assert 0 <= world.now.timestamp() - read <= 5


def test_holds_are_shown_by_scope_alone(world: MeasuredWorld) -> None:
    world.services.holds.place(HoldScope.CUSTOMER, "ada", "why")
    look(world)
    held = {("all",): 0, ("provider",): 0, ("customer",): 1, ("payment",): 0, ("bulk",): 0}
    assert world.samples().of("paymentapp_holds") == held


def test_the_use_of_limits_is_shown_by_their_numbers() -> None:
    world = MeasuredWorld(limits=LIMITS)
    world.pay()
    look(world)
    used = world.samples().of("paymentapp_limit_used_ratio")
    assert used == {("USD", "1", "day"): 0.25, ("USD", "2", "day"): 0}


def test_a_webhook_endpoint_that_gets_nothing_is_shown_until_it_does() -> None:
    world = MeasuredWorld(vault_keys=new_key(), webhooks_allow_loopback=True)
    services = world.services

    def deliver() -> dict[tuple[str, ...], float]:
        world.now += timedelta(hours=1)
        world.store.publish_events(world.now)
        services.deliverer.deliver(endpoint_id, lambda jobs: [job() for job in jobs])
        look(world)
        return world.samples().of("paymentapp_receivers_failing")

    with receiving(answering(500)) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/events"
        endpoint_id = services.webhook_endpoints.create(url, (), "").endpoint.endpoint_id
        world.pay()
        assert deliver() == {("webhook",): 1}
        receiver.answer = answering(204)
        assert deliver() == {("webhook",): 0}


def test_a_failure_of_a_thread_is_counted_once(world: MeasuredWorld) -> None:
    show = world.services.supervisor.on_check
    for failed in (None, "sweeper", "sweeper"):
        show(9, failed)
    assert world.samples().of("paymentapp_threads") == {(): 9}
    assert world.samples().of("paymentapp_thread_failures_total") == {(): 1}


class Client:
    """Answers a status, or nothing."""

    def __init__(self, *answers: int | None) -> None:
        self.answers = list(answers)

    def post(self, _url: str, _headers: Mapping[str, str], _body: bytes) -> int:
        status = self.answers.pop(0)
        if status is None:
            raise NotDelivered("no answer")
        return status

    def close(self) -> None:
        return


def test_webhooks_are_counted_by_what_came_of_them() -> None:
    metrics = PrometheusMetrics()
    client = measured_client(Client(204, 200, 500, None), metrics)
    for _ in range(3):
        client.post("https://example.com/ada", {}, b"")
    with pytest.raises(NotDelivered):
        client.post("https://example.com/ada", {}, b"")
    counted = samples_of(metrics).of("paymentapp_delivery_attempts_total")
    assert counted == {
        ("webhook", "delivered"): 2,
        ("webhook", "refused"): 1,
        ("webhook", "no_answer"): 1,
    }


class Topic:
    """Answers results, or nothing where there are none."""

    arn = "arn:aws:sns:eu-west-1:123456789012:events"
    name = "events"

    def __init__(self, *results: TopicResult) -> None:
        self.results = list(results)

    def batches(self, messages: Sequence[TopicMessage]) -> Iterator[list[TopicMessage]]:
        yield list(messages)

    def publish(self, _batch: Sequence[TopicMessage]) -> list[TopicResult]:
        if not self.results:
            raise MessagingFailed("DOWN")
        return self.results

    def close(self) -> None:
        return


def test_messages_to_the_topic_are_counted_by_what_came_of_them() -> None:
    metrics = PrometheusMetrics()
    batch = [TopicMessage("e", "t", "{}", "g")] * 3
    results = TopicResult(), TopicResult("bad", refused=True), TopicResult("later")
    measured_topic(Topic(*results), metrics).publish(batch)
    with pytest.raises(MessagingFailed):
        measured_topic(Topic(), metrics).publish(batch)
    counted = samples_of(metrics).of("paymentapp_delivery_attempts_total")
    assert counted == {
        ("topic", "delivered"): 1,
        ("topic", "refused"): 1,
        ("topic", "failed"): 4,
    }


def test_while_metrics_are_off_deliveries_go_as_they_are() -> None:
    client, topic = Client(), Topic()
    assert measured_client(client, NO_METRICS) is client
    assert measured_topic(topic, NO_METRICS) is topic


_WORD = re.compile(r"[a-z0-9_]{1,40}|[A-Z]{3}|[0-9.e+-]+|\+Inf")


def test_no_label_has_an_id_an_email_or_an_account() -> None:
    world = MeasuredWorld(limits=LIMITS)
    world.services.holds.place(HoldScope.CUSTOMER, "ada", "ada@example.com")
    world.sweep(1)
    for hold in world.store.list_holds():
        world.services.holds.release(hold.hold_id)
    world.pay()
    world.sweep()
    look(world)
    samples = world.samples()
    assert len(samples.names) > 20
    strange = {value for value in samples.label_values if not _WORD.fullmatch(value)}
    assert strange == set()
    assert not samples.label_values & {"ada", "payroll"}
