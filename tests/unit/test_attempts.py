"""Attempts to send a batch: what is on record of them, whatever fails in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest

from paymentapp.bootstrap import Services
from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.batches import NO_ATTEMPT, UNKNOWN_ATTEMPT, Batch
from paymentapp.models.holds import Hold
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment
from paymentapp.providers.base import Postponed, Refused
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process

NO_ANSWER = OutcomeUnknown("TIMEOUT")


class World:
    """Two processes over one store, whose clock stands still."""

    def __init__(self, provider: LedgerProvider | None = None) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.store = MemoryStore()
        self.provider = provider or LedgerProvider()
        self.seconds = 0.0
        self.here, self.there = self.process(), self.process()
        self.dispatcher = self.here.dispatcher

    def process(self) -> Services:
        return a_process(
            *(self.store, lambda: self.now, self.provider),
            worker=StillWorker(),
            timer=lambda: self.seconds,
            due_shards=1,
        )

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds

    def pay(self, name: str = "ann", amount: str = "5", currency: str = "USD") -> Payment:
        self.now += timedelta(seconds=1)
        self.here.customers.register(name, f"{name}@example.com", {})
        money = Money(Decimal(amount), currency)
        order = PaymentOrder(name, f"{name}@example.com", money, "paypal")
        return self.here.payments.request(order).payment

    def send(self, *payments: Payment) -> Batch:
        batch = self.dispatcher.submit(payments or [self.pay()])
        assert batch is not None
        return self.stored(batch)

    def stored(self, batch: Batch) -> Batch:
        found = self.store.get_batch(batch.batch_id)
        assert found is not None
        return found

    def says(self, error: Exception | None, then: Callable[[], object] = lambda: None) -> None:
        """Have the provider raise an error, after something else has happened."""

        def before(_batch: Batch) -> None:
            then()
            if error is not None:
                raise error

        self.provider.before = before


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("error", [NotSent("BUSY"), Misconfigured("NO_FUNDS")])
def test_an_attempt_that_had_no_effect_leaves_nothing_open(world: World, error: Exception) -> None:
    world.says(error)
    batch = world.send()
    assert (batch.open_attempt, batch.certainly_unsent) == (NO_ATTEMPT, True)
    batch = world.dispatcher.resume(batch)
    assert (batch.open_attempt, batch.attempts) == (NO_ATTEMPT, 2)


@pytest.mark.parametrize("error", [NO_ANSWER, ValueError("our own code")])
def test_an_attempt_that_may_have_had_an_effect_stays_open_for_ever(
    world: World, error: Exception
) -> None:
    world.says(error)
    batch = world.send()
    assert not batch.certainly_unsent
    world.says(NotSent("BUSY"))
    for _ in range(2):
        batch = world.dispatcher.resume(batch)
    assert (batch.open_attempt, batch.certainly_unsent) == (UNKNOWN_ATTEMPT, False)


def test_one_attempt_of_many_is_enough(world: World) -> None:
    world.says(NotSent("BUSY"))
    batch = world.send()
    world.says(NO_ANSWER)
    batch = world.dispatcher.resume(batch)
    world.says(NotSent("BUSY"))
    assert not world.dispatcher.resume(batch).certainly_unsent


def test_a_postponed_attempt_leaves_nothing_open(world: World) -> None:
    postponed = Postponed("CLOSED", world.now + timedelta(hours=1))
    world.provider.refuse = lambda _members: cast(Refused, postponed)
    assert world.send().certainly_unsent


@pytest.mark.parametrize("resent", [False, True], ids=["first", "second"])
def test_an_attempt_is_on_record_before_it_is_made(world: World, resent: bool) -> None:
    seen: list[str] = []
    if resent:
        world.says(NotSent("BUSY"))
        batch = world.send()
    world.provider.before = lambda batch: seen.append(world.stored(batch).open_attempt)
    world.dispatcher.resume(batch) if resent else world.send()
    assert NO_ATTEMPT not in seen
    assert len(seen) == 1


def test_a_crash_during_an_attempt_leaves_it_open(world: World) -> None:
    world.says(cast(Exception, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        world.send()
    (batch_id,) = world.provider.calls
    batch = world.store.get_batch(batch_id)
    assert batch is not None
    world.says(NotSent("BUSY"))
    assert world.there.dispatcher.resume(batch).open_attempt == UNKNOWN_ATTEMPT


def test_what_two_attempts_at_once_end_in_is_not_known(world: World) -> None:
    """Whichever ends last: the one that was claimed over has gone on."""

    def takes_over() -> None:
        world.says(NotSent("BUSY"))
        (batch_id,) = world.provider.calls
        batch = world.store.get_batch(batch_id)
        assert batch is not None
        world.there.dispatcher.resume(batch)

    world.says(NotSent("BUSY"), takes_over)
    assert world.send().open_attempt == UNKNOWN_ATTEMPT


def test_an_end_that_is_recorded_twice_ends_no_other_attempt(world: World) -> None:
    world.says(NotSent("BUSY"))
    batch = world.send()
    first = batch.claimed(world.now)
    ended = first.changed(open_attempt=first.without_effect(first.open_attempt))
    second = ended.claimed(world.now)
    assert second.without_effect(first.open_attempt) == second.open_attempt != NO_ATTEMPT


def test_a_hold_that_comes_between_claim_and_call_leaves_nothing_open(world: World) -> None:
    world.says(NotSent("BUSY"))
    batch = world.send()
    asked: list[object] = []

    def late(batch: Batch, members: object) -> Hold | None:
        asked.append((batch, members))
        return None if len(asked) == 1 else world.here.holds.current()[0]

    world.here.holds.hold_payment(world.store.get_members(batch)[0].key, "a doubt")
    world.here.holds.on_batch = late
    assert world.dispatcher.resume(batch).certainly_unsent
    assert len(world.provider.calls) == 1
