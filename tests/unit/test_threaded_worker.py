"""The worker's threads: what leaves at once, what is gathered, what is swept, how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest

from paymentapp.bootstrap import Services, build_services
from paymentapp.config import Settings
from paymentapp.errors import OutcomeUnknown, StoreUnavailable
from paymentapp.models.batches import Batch
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.providers.updates import WebhookNews
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.changes import PaymentChange
from paymentapp.worker.concurrency import DelayQueue, RateLimiter, ThreadPool
from paymentapp.worker.threaded import EVENTS_LIMIT
from tests.support.ledger_provider import LedgerProvider
from tests.support.records import a_payment, add_payment
from tests.support.scripted_webhooks import ScriptedWebhooks

Make = Callable[..., Services]

SELDOM = 3600  # seconds: a test that sets this sees no sweep but the first


def until(condition: Callable[[], bool], seconds: float = 10) -> float:
    """Wait for a condition; return the seconds that it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it did not come to pass"
        time.sleep(0.005)
    return time.monotonic() - start


@pytest.fixture
def make_services(tmp_path: Path) -> Iterator[Make]:
    made: list[Services] = []

    def make(
        provider: LedgerProvider,
        providers: Mapping[str, LedgerProvider] = MappingProxyType({}),
        **settings: int,
    ) -> Services:
        store = f"sqlite:///{tmp_path}/test.db"
        services = build_services(
            Settings(store=store, **settings),  # type: ignore[arg-type]
            providers={"paypal": provider, **providers},
        )
        services.store.create_tables()
        made.append(services)
        return services

    yield make
    for services in made:
        services.worker.stop()
        services.store.close()


def pay(services: Services, number: int, method: str = "paypal") -> Payment:
    customer = f"c{number}"
    services.customers.register(customer, f"{customer}@example.com", {})
    money = Money(Decimal(5), "USD")
    return services.payments.request(
        PaymentOrder(customer, f"{customer}@example.com", money, method)
    ).payment


def status(services: Services, key: PaymentKey) -> Status:
    return services.payments.get(key).status


def test_a_lone_payment_leaves_at_once(make_services: Make) -> None:
    provider = LedgerProvider()
    services = make_services(provider, sweep_seconds=SELDOM)
    services.worker.start()
    time.sleep(0.3)  # the first sweep is over
    payment = pay(services, 1)
    assert until(lambda: bool(provider.calls)) < 0.5
    until(lambda: status(services, payment.key) is Status.SUCCEEDED)


def test_a_flood_leaves_in_few_batches(make_services: Make) -> None:
    provider = LedgerProvider(batch_size=100)
    services = make_services(provider, sweep_seconds=1)
    services.worker.start()
    payments = [pay(services, n) for n in range(600)]
    until(lambda: len(provider.paid()) == 600, 20)
    assert len(provider.calls) <= 25
    until(lambda: all(status(services, p.key) is Status.SUCCEEDED for p in payments), 20)


def test_a_poll_that_has_to_wait_is_made_by_a_later_sweep(make_services: Make) -> None:
    """Of eight polls a second, six are the sweep's, and ten are saved up."""
    provider = LedgerProvider(batch_size=1)
    provider.polls_per_second = 8
    services = make_services(provider, sweep_seconds=1)
    keys = []
    for number in range(28):
        payment = pay(services, number)
        batch = services.dispatcher.submit([payment])
        assert batch is not None
        assert services.store.change_batch(batch, batch.changed(attention_at=batch.created_at))
        keys.append(payment.key)
    start = time.monotonic()
    services.worker.start()
    time.sleep(1.5)
    settled = sum(status(services, key) is Status.SUCCEEDED for key in keys)
    assert 0 < settled <= 10 + 6 * (time.monotonic() - start)
    until(lambda: all(status(services, key) is Status.SUCCEEDED for key in keys), 20)


def test_a_sweep_sends_as_many_small_batches_as_the_provider_allows(make_services: Make) -> None:
    """Of eight a second, six are the sweep's, and ten are saved up; the others stay due."""
    provider = LedgerProvider()
    provider.submits_per_second = 8
    services = make_services(provider, sweep_seconds=1)
    for number in range(28):  # each goes in a batch of its own
        add_payment(services.store, a_payment(customer_id=f"c{number}", isolated=True))
    start = time.monotonic()
    services.worker.start()
    until(lambda: bool(provider.calls))
    time.sleep(1)
    assert len(provider.calls) <= 10 + 6 * (time.monotonic() - start)
    until(lambda: len(provider.paid()) == 28, 30)


def test_what_nobody_woke_for_is_swept(make_services: Make) -> None:
    provider = LedgerProvider()
    services = make_services(provider, sweep_seconds=1)
    payment = pay(services, 1)  # accepted by a process that does not dispatch
    services.worker.start()
    until(lambda: status(services, payment.key) is Status.SUCCEEDED)


def test_accepting_does_not_wait_for_a_slow_provider(make_services: Make) -> None:
    provider = LedgerProvider()
    release = threading.Event()

    def hang(_batch: Batch) -> None:
        release.wait(20)

    provider.before = hang
    services = make_services(provider, sweep_seconds=1)
    services.worker.start()
    start = time.monotonic()
    for number in range(50):
        pay(services, number)
    assert time.monotonic() - start < 3
    release.set()
    until(lambda: len(provider.paid()) == 50)


def test_stopping_finishes_what_is_in_flight(make_services: Make) -> None:
    provider = LedgerProvider()
    provider.before = lambda _batch: time.sleep(0.5)
    services = make_services(provider)
    services.worker.start()
    payment = pay(services, 1)
    until(lambda: bool(provider.calls))
    services.worker.stop()
    batch = services.store.get_batch(services.payments.get(payment.key).batch_id or "")
    assert batch is not None
    assert batch.reference == f"ref-{batch.batch_id}"
    assert not services.worker.running


def test_stopping_does_not_wait_for_ever(make_services: Make) -> None:
    provider = LedgerProvider()
    release = threading.Event()

    def hang(_batch: Batch) -> None:
        release.wait(30)

    provider.before = hang
    services = make_services(provider)
    services.worker.start()
    pay(services, 1)
    until(lambda: bool(provider.calls))
    start = time.monotonic()
    services.worker.stop()
    assert time.monotonic() - start < 8
    release.set()


def test_stopping_hands_the_sweep_to_another_process(make_services: Make) -> None:
    provider = LedgerProvider()
    first = make_services(provider, sweep_seconds=1)
    second = make_services(provider, sweep_seconds=1)
    first.worker.start()
    until(lambda: first.sweeper.is_held())
    first.worker.stop()
    payment = pay(second, 1)
    second.worker.start()
    assert until(lambda: status(second, payment.key) is Status.SUCCEEDED) < 6


def test_a_store_that_fails_for_a_while_stops_nothing(make_services: Make) -> None:
    provider = LedgerProvider()
    services = make_services(provider, sweep_seconds=1)
    real = services.store.due_payments

    def fail(shard: int, until: datetime, limit: int) -> list[Payment]:
        raise StoreUnavailable(f"for the test: {shard}, {until}, {limit}")

    services.store.due_payments = fail
    services.worker.start()
    time.sleep(1.5)
    services.store.due_payments = real
    services.worker._accepted.queue.clear()
    payment = pay(services, 1)
    until(lambda: status(services, payment.key) is Status.SUCCEEDED)


def test_what_cannot_be_grouped_is_left_to_the_sweep(make_services: Make) -> None:
    """Raise an error in grouping: it ends neither the payment nor the thread."""
    services = make_services(LedgerProvider(), sweep_seconds=1)
    real = services.dispatcher.group
    troubles = [ValueError("nobody foresaw that")]

    def group(payments: Iterable[Payment]) -> list[list[Payment]]:
        if troubles:
            raise troubles.pop()
        return real(payments)

    services.dispatcher.group = group
    services.worker.start()
    first = pay(services, 1)
    until(lambda: status(services, first.key) is Status.SUCCEEDED, 10)
    second = pay(services, 2)
    until(lambda: status(services, second.key) is Status.SUCCEEDED, 10)
    assert not any(thread.has_died for thread in services.worker.threads())


def test_a_failing_provider_is_an_alert_until_it_answers(make_services: Make) -> None:
    provider = LedgerProvider()

    def fail(_batch: Batch) -> None:
        raise OutcomeUnknown("TIMEOUT")

    provider.before = fail
    services = make_services(provider, sweep_seconds=1)
    services.worker.start()
    pay(services, 1)
    until(lambda: "paypal" in services.worker.alerts())
    assert services.worker.alerts()["paypal"].startswith(
        "OutcomeUnknown: TIMEOUT (1 in a row, no new batch"
    )
    provider.before = lambda _batch: None
    until(lambda: services.worker.alerts() == {}, 15)


def test_it_says_whether_anybody_dispatches(make_services: Make) -> None:
    services = make_services(LedgerProvider(), sweep_seconds=1)
    web_only = make_services(LedgerProvider())
    assert web_only.worker.problem() == "no dispatcher is running"
    services.worker.start()
    until(lambda: web_only.worker.problem() is None)
    assert services.worker.problem() is None
    services.worker._sweep_thread._beat_at -= 100
    until(lambda: services.worker.problem() is None)


def test_a_crew_outlives_a_job_that_fails() -> None:
    crew = ThreadPool(1, "test", limit=60)
    crew.start()
    assert crew.idle()
    done = [crew.do(lambda: 1 // 0), crew.do(lambda: None)]
    assert all(event.wait(5) for event in done)
    crew.stop(time.monotonic() + 5)


def test_a_pace_saves_up_no_more_than_its_burst() -> None:
    limiter = RateLimiter(rate=1000, burst=3)
    time.sleep(0.05)
    assert [limiter.take() for _ in range(4)] == [True, True, True, False]
    time.sleep(0.005)
    assert limiter.take()


def test_a_timetable_gives_what_is_due_in_order() -> None:
    timetable = DelayQueue()
    for due, name in ((3.0, "c"), (1.0, "a"), (2.0, "b")):
        timetable.add(due, name)
    assert timetable.take_due(2.5) == ["a", "b"]
    assert timetable.take_due(2.5) == []
    assert timetable.take_due(3.0) == ["c"]


def listening(make_services: Make) -> tuple[Services, ScriptedWebhooks]:
    """Build a service that expects webhooks, and sweeps only once."""
    provider = LedgerProvider()
    provider.webhooks = webhooks = ScriptedWebhooks()
    return make_services(provider, sweep_seconds=SELDOM), webhooks


def hear(services: Services, webhooks: ScriptedWebhooks, number: int) -> None:
    body = webhooks.tells(WebhookNews(f"WH-{number}", "SOMETHING.ELSE"))
    services.webhooks.receive("paypal", {}, body)


def waiting(services: Services) -> int:
    """Return how many events have yet to be applied."""
    far = services.clock() + timedelta(days=1)
    return sum(len(services.store.due_provider_events(shard, far, 10_000)) for shard in range(4))


def test_an_event_is_applied_at_once(make_services: Make) -> None:
    services, webhooks = listening(make_services)
    services.worker.start()
    time.sleep(0.3)  # the first sweep is over
    hear(services, webhooks, 1)
    assert until(lambda: waiting(services) == 0) < 1


def test_too_many_events_at_once_are_left_to_the_sweep(make_services: Make) -> None:
    services, webhooks = listening(make_services)
    services.worker.start()
    time.sleep(0.3)
    release = threading.Event()
    real = services.inbox.apply
    held: list[ProviderEvent] = []

    def hold(event: ProviderEvent) -> ProviderEvent:
        held.append(event)
        release.wait(10)
        return real(event)

    services.inbox.apply = hold
    for number in range(EVENTS_LIMIT + 5):
        hear(services, webhooks, number)
    assert services.worker._appliers.is_behind(EVENTS_LIMIT)
    release.set()
    until(lambda: waiting(services) == 5, 30)


def test_a_web_process_leaves_events_to_a_worker(make_services: Make) -> None:
    services, webhooks = listening(make_services)
    hear(services, webhooks, 1)
    time.sleep(0.1)
    assert waiting(services) == 1


def test_a_job_that_the_store_fails_is_left_to_the_sweep_and_ends_no_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def job() -> None:
        raise StoreUnavailable("busy")

    crew = ThreadPool(1, "sender", limit=60)
    crew.start()
    first, second = crew.do(job), crew.do(lambda: None)
    assert first.wait(5)
    assert second.wait(5)
    crew.stop(time.monotonic() + 5)
    assert "step failed: busy; the sweep retries it" in caplog.text


def test_a_scheduled_payment_leaves_at_its_time_and_not_before(make_services: Make) -> None:
    provider = LedgerProvider()
    services = make_services(provider, sweep_seconds=1)
    services.worker.start()
    services.customers.register("ann", "ann@example.com", {})
    at = services.clock() + timedelta(seconds=1.5)
    order = PaymentOrder("ann", "ann@example.com", Money(Decimal(5), "USD"), "paypal", at)
    left: list[datetime] = []
    provider.before = lambda _batch: left.append(services.clock())
    services.payments.request(order)
    until(lambda: bool(left))
    assert at <= left[0] < at + timedelta(seconds=5)


def test_what_nobody_approves_in_time_is_rejected(make_services: Make) -> None:
    services = make_services(LedgerProvider(), sweep_seconds=1, due_shards=1)
    payment = pay(services, 1)
    waiting = replace(payment, status=Status.AWAITING_APPROVAL, revision="waiting")
    assert services.store.change_payments([PaymentChange(payment, waiting)]) == [True]
    services.worker.start()
    until(lambda: status(services, payment.key) is Status.REJECTED)
