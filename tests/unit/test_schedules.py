"""Scheduled payments: accepted at once, and sent within a minute of their time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from paymentapp.clock import from_text
from paymentapp.errors import KeyReused, NotPayable, StoreUnavailable
from paymentapp.models.actors import SYSTEM
from paymentapp.models.idempotency import key_hashes
from paymentapp.models.payments import Payment, Status
from paymentapp.services.payment_orders import PaymentOrder, fingerprint
from paymentapp.services.payments import IN_PROGRESS
from paymentapp.services.schedules import SCHEDULE_MAX
from paymentapp.worker.timeboxed import TimeboxedRun
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process
from tests.support.records import add_claim, usd

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER = PaymentOrder("ada", "ada@example.com", usd("12.5"), "paypal")
NEW_YORK = ZoneInfo("America/New_York")


class NoonInNewYork:
    """Cutoffs of a bank that takes payments once a day, at noon."""

    def next_departure(self, now: datetime) -> datetime:
        local = now.astimezone(NEW_YORK)
        noon = local.replace(hour=12, minute=0, second=0, microsecond=0)
        return (noon if local <= noon else noon + timedelta(days=1)).astimezone(UTC)


@dataclass
class World:
    """A service with one shard, and a clock that moves only when a test moves it."""

    now: datetime = START
    store: MemoryStore = field(default_factory=MemoryStore)
    provider: LedgerProvider = field(default_factory=LedgerProvider)
    worker: StillWorker = field(default_factory=StillWorker)

    def __post_init__(self) -> None:
        self.services = a_process(self.store, self.clock, self.provider, due_shards=1)
        self.services.customers.register("ada", "ada@example.com", {})

    def clock(self) -> datetime:
        return self.now

    def pay(self, at: datetime | None, key: str | None = None) -> Payment:
        order = ORDER._replace(scheduled_at=at)
        return self.services.payments.request(order, key).payment

    def sends_at(self, moment: datetime) -> bool:
        """Return whether a sweep at this time sends anything."""
        self.now = moment
        before = len(self.provider.calls)
        self.services.sweeper.run()
        return len(self.provider.calls) > before

    def submits(self, payment: Payment) -> bool:
        """Return whether a time-boxed run that is handed the payment sends it."""
        services = self.services
        run = TimeboxedRun(
            *(services.dispatcher, services.poller, services.sweeper, services.inbox),
            services.mailbox_collector,
            services.deliverer,
            seconds_left=lambda: 300.0,
            step_seconds=1,
        )
        assert run.submit_due([payment]) == []
        return bool(self.provider.calls)


def test_it_is_accepted_at_once_and_pending_until_its_time() -> None:
    world = World()
    at = START + timedelta(days=30)
    payment = world.pay(at)
    assert (payment.status, payment.scheduled_at, payment.due_at) == (Status.PENDING, at, at)
    assert not world.sends_at(at - timedelta(seconds=1))
    assert not world.sends_at(at)
    assert world.sends_at(at + timedelta(seconds=1))
    assert world.services.payments.get(payment.key).scheduled_at == at


def test_it_can_be_cancelled_until_it_leaves() -> None:
    world = World()
    payment = world.pay(START + timedelta(days=30))
    world.now += timedelta(days=29)
    assert world.services.payments.cancel(payment.key).status is Status.CANCELLED
    assert not world.sends_at(START + timedelta(days=31))


def test_what_is_woken_or_streamed_before_its_time_stays_even_within_the_clocks_tolerance() -> None:
    world = World()
    payment = world.pay(START + timedelta(seconds=4))
    assert world.services.dispatcher.group([payment]) == []
    assert not world.submits(payment)
    world.now += timedelta(seconds=4)
    assert world.submits(payment)


def test_waiting_costs_a_sweep_no_more_than_an_empty_table() -> None:
    """Read the due index alone: what waits is not read, so that nothing loops over it."""
    world = World()
    world.services.sweeper.run()
    world.store.calls.clear()
    world.services.sweeper.run()
    empty = list(world.store.calls)
    world.pay(START + timedelta(days=30))
    world.store.calls.clear()
    assert world.services.sweeper.run() == 0
    assert world.store.calls == empty


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-08T01:59:59-05:00", "2026-03-08T06:59:59Z"),
        ("2026-03-08T03:00:00-04:00", "2026-03-08T07:00:00Z"),  # a second later
        ("2026-03-08T02:30:00-05:00", "2026-03-08T07:30:00Z"),  # no clock there shows that time
        ("2026-11-01T01:30:00-04:00", "2026-11-01T05:30:00Z"),
        ("2026-11-01T01:30:00-05:00", "2026-11-01T06:30:00Z"),  # the same time there, an hour later
    ],
)
def test_its_time_is_the_one_that_its_offset_says_on_the_days_of_clock_changes(
    text: str, utc: str
) -> None:
    world = World()
    at = from_text(text)
    world.pay(at)
    assert at == from_text(utc)
    assert not world.sends_at(at - timedelta(seconds=1))
    assert world.sends_at(at + timedelta(seconds=5))


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("2026-03-08T11:00:00-04:00", "2026-03-08T16:00:00Z"),
        ("2026-03-07T12:00:01-05:00", "2026-03-08T16:00:00Z"),  # 23 hours after the noon before
        ("2026-10-31T12:00:00-04:00", "2026-10-31T16:00:00Z"),
        ("2026-10-31T12:00:01-04:00", "2026-11-01T17:00:00Z"),  # 25 hours
    ],
)
def test_it_leaves_at_the_first_cutoff_from_its_time_on(text: str, leaves: str) -> None:
    world = World()
    world.provider.cutoffs = NoonInNewYork()
    assert world.pay(from_text(text)).due_at == from_text(leaves)
    assert not world.sends_at(from_text(leaves) - timedelta(seconds=1))
    assert world.sends_at(from_text(leaves) + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("ahead", "message"),
    [
        (timedelta(0), "in the future"),
        (timedelta(days=-1), "in the future"),
        (SCHEDULE_MAX + timedelta(seconds=1), "at most a year"),
    ],
)
def test_a_time_that_is_past_or_too_far_is_refused(ahead: timedelta, message: str) -> None:
    with pytest.raises(NotPayable, match=message) as refused:
        World().pay(START + ahead)
    assert refused.value.field == "scheduled_at"


def test_a_year_ahead_is_accepted() -> None:
    assert World().pay(START + SCHEDULE_MAX).scheduled_at == START + SCHEDULE_MAX


def test_a_repeated_request_finds_its_payment_after_the_time_has_come() -> None:
    world = World()
    at = START + timedelta(hours=1)
    payment = world.pay(at, "k1")
    world.now = at + timedelta(days=1)
    assert world.pay(at, "k1") == payment


def test_nobody_is_told_that_the_time_is_past_while_the_request_may_still_be_accepted() -> None:
    world = World()
    at = START + timedelta(seconds=30)
    order = ORDER._replace(scheduled_at=at)
    payments = world.services.payments
    record = payments._record(order, key_hashes("k1", SYSTEM.name)[0], None)
    assert record is not None
    add_claim(payments.store, record)  # and a crash before the payment
    world.now = at
    with pytest.raises(StoreUnavailable, match="in progress"):
        world.pay(at, "k1")
    world.now = START + IN_PROGRESS
    with pytest.raises(NotPayable):
        world.pay(at, "k1")


def test_the_same_key_with_another_time_is_another_request() -> None:
    world = World()
    at = START + timedelta(hours=1)
    world.pay(at, "k1")
    for other in (None, at + timedelta(microseconds=1)):
        with pytest.raises(KeyReused):
            world.pay(other, "k1")


def test_the_fingerprint_without_a_time_is_as_it_was_before() -> None:
    assert fingerprint(ORDER) == "692c0bea748df225d0dae825d42666bc"


def test_nobody_waits_for_the_outcome_of_what_leaves_later() -> None:
    world = World()
    payment = world.pay(START + timedelta(hours=1))
    begun = time.monotonic()
    assert world.services.payments.wait(payment.key, 30) == payment
    assert time.monotonic() - begun < 5
