"""The worker's threads: what leaves at once, what is gathered, what is swept, how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest

from paymentapp import Parts, build_parts
from paymentapp.config import Settings
from paymentapp.crew import Crew, Pace, Timetable
from paymentapp.errors import OutcomeUnknown, StoreUnavailable
from paymentapp.events import Event
from paymentapp.models import Batch, Money, Payment, PaymentKey, Status
from paymentapp.providers.base import WebhookNews
from paymentapp.services.payments import PaymentOrder
from paymentapp.worker import EVENTS_LIMIT, LONE_BATCHES_AT_ONCE
from tests.support.ledger_provider import LedgerProvider
from tests.support.told_webhooks import ToldWebhooks

SELDOM = 3600  # seconds: a test that sets this sees no sweep but the first


def until(condition: Callable[[], bool], seconds: float = 10) -> float:
    """Wait for a condition; returns the seconds that it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it did not come to pass"
        time.sleep(0.005)
    return time.monotonic() - start


@pytest.fixture
def make_parts(tmp_path: Path) -> Iterator[Callable[..., Parts]]:
    made: list[Parts] = []

    def make(
        provider: LedgerProvider,
        providers: Mapping[str, LedgerProvider] = MappingProxyType({}),
        **settings: int,
    ) -> Parts:
        store = f"sqlite:///{tmp_path}/test.db"
        parts = build_parts(
            Settings(store=store, **settings),  # type: ignore[arg-type]
            providers={"paypal": provider, **providers},
        )
        parts.store.create_tables()
        made.append(parts)
        return parts

    yield make
    for parts in made:
        parts.worker.stop()
        parts.store.close()


def pay(parts: Parts, number: int, method: str = "paypal") -> Payment:
    customer = f"c{number}"
    parts.customers.register(customer, f"{customer}@example.com", {})
    money = Money(Decimal(5), "USD")
    return parts.payments.request(
        PaymentOrder(customer, f"{customer}@example.com", money, method)
    ).payment


def status(parts: Parts, key: PaymentKey) -> Status:
    return parts.payments.get(key).status


def test_a_lone_payment_leaves_at_once(make_parts: Callable[..., Parts]) -> None:
    provider = LedgerProvider()
    parts = make_parts(provider, sweep_seconds=SELDOM)
    parts.worker.start()
    time.sleep(0.3)  # the first sweep is over
    payment = pay(parts, 1)
    assert until(lambda: bool(provider.calls)) < 0.5
    until(lambda: status(parts, payment.key) is Status.SUCCEEDED)


def test_a_flood_leaves_in_few_batches(make_parts: Callable[..., Parts]) -> None:
    provider = LedgerProvider(batch_size=100)
    parts = make_parts(provider, sweep_seconds=1)
    parts.worker.start()
    payments = [pay(parts, n) for n in range(600)]
    until(lambda: len(provider.paid()) == 600, 20)
    assert len(provider.calls) <= 25
    until(lambda: all(status(parts, p.key) is Status.SUCCEEDED for p in payments), 20)


def test_a_provider_that_has_had_its_calls_holds_up_no_other(
    make_parts: Callable[..., Parts],
) -> None:
    provider, other = LedgerProvider(), LedgerProvider()
    other.name, provider.submits_per_second = "gift", 0
    parts = make_parts(provider, sweep_seconds=SELDOM, providers={"gift": other})
    parts.worker.start()
    time.sleep(0.3)  # the first sweep is over
    for number in range(LONE_BATCHES_AT_ONCE + 1):
        pay(parts, number)
        time.sleep(0.05)
    assert len(provider.calls) == LONE_BATCHES_AT_ONCE
    pay(parts, 99, "gift")
    assert until(lambda: bool(other.calls)) < 0.5


def test_what_nobody_woke_for_is_swept(make_parts: Callable[..., Parts]) -> None:
    provider = LedgerProvider()
    parts = make_parts(provider, sweep_seconds=1)
    payment = pay(parts, 1)  # accepted by a process that does not dispatch
    parts.worker.start()
    until(lambda: status(parts, payment.key) is Status.SUCCEEDED)


def test_accepting_does_not_wait_for_a_slow_provider(make_parts: Callable[..., Parts]) -> None:
    provider = LedgerProvider()
    release = threading.Event()

    def hang(_batch: Batch) -> None:
        release.wait(20)

    provider.before = hang
    parts = make_parts(provider, sweep_seconds=1)
    parts.worker.start()
    start = time.monotonic()
    for number in range(50):
        pay(parts, number)
    assert time.monotonic() - start < 3
    release.set()
    until(lambda: len(provider.paid()) == 50)


def test_stopping_finishes_what_is_in_flight(make_parts: Callable[..., Parts]) -> None:
    provider = LedgerProvider()
    provider.before = lambda _batch: time.sleep(0.5)
    parts = make_parts(provider)
    parts.worker.start()
    payment = pay(parts, 1)
    until(lambda: bool(provider.calls))
    parts.worker.stop()
    batch = parts.store.get_batch(parts.payments.get(payment.key).batch_id or "")
    assert batch is not None
    assert batch.reference == f"ref-{batch.batch_id}"
    assert not parts.worker.running


def test_stopping_does_not_wait_for_ever(make_parts: Callable[..., Parts]) -> None:
    provider = LedgerProvider()
    release = threading.Event()

    def hang(_batch: Batch) -> None:
        release.wait(30)

    provider.before = hang
    parts = make_parts(provider)
    parts.worker.start()
    pay(parts, 1)
    until(lambda: bool(provider.calls))
    start = time.monotonic()
    parts.worker.stop()
    assert time.monotonic() - start < 8
    release.set()


def test_stopping_hands_the_sweep_to_another_process(make_parts: Callable[..., Parts]) -> None:
    provider = LedgerProvider()
    first, second = make_parts(provider, sweep_seconds=1), make_parts(provider, sweep_seconds=1)
    first.worker.start()
    until(lambda: first.worker.sweep.is_held())
    first.worker.stop()
    payment = pay(second, 1)
    second.worker.start()
    assert until(lambda: status(second, payment.key) is Status.SUCCEEDED) < 6


def test_a_store_that_fails_for_a_while_stops_nothing(make_parts: Callable[..., Parts]) -> None:
    provider = LedgerProvider()
    parts = make_parts(provider, sweep_seconds=1)
    real = parts.store.due_payments

    def fail(shard: int, until: datetime, limit: int) -> list[Payment]:
        raise StoreUnavailable(f"for the test: {shard}, {until}, {limit}")

    parts.store.due_payments = fail
    parts.worker.start()
    time.sleep(1.5)
    parts.store.due_payments = real
    parts.worker._inbox.queue.clear()
    payment = pay(parts, 1)
    until(lambda: status(parts, payment.key) is Status.SUCCEEDED)


def test_what_cannot_be_grouped_is_left_to_the_sweep(make_parts: Callable[..., Parts]) -> None:
    """An error in grouping ends neither the payment nor the thread."""
    parts = make_parts(LedgerProvider(), sweep_seconds=1)
    real = parts.worker.dispatcher.group
    troubles = [ValueError("nobody foresaw that")]

    def group(payments: Iterable[Payment]) -> list[list[Payment]]:
        if troubles:
            raise troubles.pop()
        return real(payments)

    parts.worker.dispatcher.group = group
    parts.worker.start()
    first = pay(parts, 1)
    until(lambda: status(parts, first.key) is Status.SUCCEEDED, 10)
    assert {thread.name for thread in parts.worker._threads if thread.is_alive()} == {
        "_gather",
        "_tend",
    }


def test_a_failing_provider_is_an_alert_until_it_answers(make_parts: Callable[..., Parts]) -> None:
    provider = LedgerProvider()

    def fail(_batch: Batch) -> None:
        raise OutcomeUnknown("TIMEOUT")

    provider.before = fail
    parts = make_parts(provider, sweep_seconds=1)
    parts.worker.start()
    pay(parts, 1)
    until(lambda: "paypal" in parts.worker.alerts())
    assert parts.worker.alerts()["paypal"].startswith("OutcomeUnknown: TIMEOUT (1 in a row, left")
    provider.before = lambda _batch: None
    until(lambda: parts.worker.alerts() == {}, 15)


def test_it_says_whether_anybody_dispatches(make_parts: Callable[..., Parts]) -> None:
    parts = make_parts(LedgerProvider(), sweep_seconds=1)
    web_only = make_parts(LedgerProvider())
    assert web_only.worker.problem() == "no dispatcher is running"
    parts.worker.start()
    until(lambda: web_only.worker.problem() is None)
    assert parts.worker.problem() is None
    parts.worker._beat -= 100
    until(lambda: parts.worker.problem() is None)


def test_a_crew_outlives_a_job_that_fails() -> None:
    crew = Crew(1, "test")
    crew.start()
    assert crew.idle()
    done = [crew.do(lambda: 1 // 0), crew.do(lambda: None)]
    assert all(event.wait(5) for event in done)
    crew.stop(time.monotonic() + 5)


def test_a_pace_saves_up_no_more_than_its_burst() -> None:
    pace = Pace(rate=1000, burst=3)
    time.sleep(0.05)
    assert [pace.take() for _ in range(4)] == [True, True, True, False]
    time.sleep(0.005)
    assert pace.take()


def test_a_timetable_gives_what_is_due_in_order() -> None:
    timetable = Timetable()
    for due, name in ((3.0, "c"), (1.0, "a"), (2.0, "b")):
        timetable.add(due, name)
    assert timetable.take_due(2.5) == ["a", "b"]
    assert timetable.take_due(2.5) == []
    assert timetable.take_due(3.0) == ["c"]


def listening(make_parts: Callable[..., Parts]) -> tuple[Parts, ToldWebhooks]:
    """A service that expects webhooks, and sweeps but once."""
    provider = LedgerProvider()
    provider.webhooks = webhooks = ToldWebhooks()
    return make_parts(provider, sweep_seconds=SELDOM), webhooks


def hear(parts: Parts, webhooks: ToldWebhooks, number: int) -> None:
    body = webhooks.tells(WebhookNews(f"WH-{number}", "SOMETHING.ELSE"))
    parts.webhooks.receive("paypal", {}, body)


def waiting(parts: Parts) -> int:
    """How many events have yet to be applied."""
    far = parts.clock() + timedelta(days=1)
    return sum(len(parts.store.due_events(shard, far, 10_000)) for shard in range(4))


def test_an_event_is_applied_at_once(make_parts: Callable[..., Parts]) -> None:
    parts, webhooks = listening(make_parts)
    parts.worker.start()
    time.sleep(0.3)  # the first sweep is over
    hear(parts, webhooks, 1)
    assert until(lambda: waiting(parts) == 0) < 1


def test_too_many_events_at_once_are_left_to_the_sweep(make_parts: Callable[..., Parts]) -> None:
    parts, webhooks = listening(make_parts)
    parts.worker.start()
    time.sleep(0.3)
    release = threading.Event()
    real = parts.worker.inbox.apply
    held: list[Event] = []

    def hold(event: Event) -> Event:
        held.append(event)
        release.wait(10)
        return real(event)

    parts.worker.inbox.apply = hold
    for number in range(EVENTS_LIMIT + 5):
        hear(parts, webhooks, number)
    assert parts.worker._clerks.is_behind(EVENTS_LIMIT)
    release.set()
    until(lambda: waiting(parts) == 5, 30)


def test_a_web_process_leaves_events_to_a_worker(make_parts: Callable[..., Parts]) -> None:
    parts, webhooks = listening(make_parts)
    hear(parts, webhooks, 1)
    time.sleep(0.1)
    assert waiting(parts) == 1


def test_a_job_that_the_store_fails_is_left_to_the_sweep_and_ends_no_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def job() -> None:
        raise StoreUnavailable("busy")

    crew = Crew(1, "sender")
    crew.start()
    first, second = crew.do(job), crew.do(lambda: None)
    assert first.wait(5)
    assert second.wait(5)
    crew.stop(time.monotonic() + 5)
    assert "a step was left to the sweep: busy" in caplog.text
