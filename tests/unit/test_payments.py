"""Accepting and cancelling while another request, or a dispatcher, comes in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from paymentapp.errors import Conflict, NotAllowed, StoreUnavailable
from paymentapp.models.actors import HOLD, Actor, operator
from paymentapp.models.idempotency import KEY_RETENTION, IdempotencyRecord
from paymentapp.models.payments import Payment, Status, next_payment_id
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import COLLISION_LIMIT
from paymentapp.storage.changes import PaymentChange
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import a_process
from tests.support.records import add_payment, stamped, usd

PAYROLL = Actor("payroll", frozenset({"payroll", "sub-1"}), frozenset({"payments:write"}))
OTHER = Actor("till", frozenset({"till"}), frozenset({"payments:write"}))
GUARD = Actor("guard", frozenset({"guard"}), frozenset({HOLD}))
ORDER = PaymentOrder("ada", "ada@example.com", usd("12.5"), "paypal")


class BusyStore(MemoryStore):
    """A store that calls each hook once, before the write that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.before_change: Callable[[], object] = lambda: None
        self.before_claim_change: Callable[[IdempotencyRecord], object] = lambda _: None

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        first, self.before_change = self.before_change, lambda: None
        first()
        return super().change_payments(changes)

    def _bind(
        self, claim: IdempotencyRecord, replaces: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        if replaces is not None:
            first, self.before_claim_change = self.before_claim_change, lambda _: None
            first(replaces)
        return super()._bind(claim, replaces)


@dataclass
class World:
    """A service with a clock that moves only when a test moves it."""

    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    store: BusyStore = field(default_factory=BusyStore)

    def __post_init__(self) -> None:
        services = a_process(self.store, self.clock, LedgerProvider(), due_shards=1)
        services.customers.register("ada", "ada@example.com", {})
        self.payments = services.payments

    def clock(self) -> datetime:
        return self.now

    def pay(self, key: str | None = None) -> Payment:
        return self.payments.request(ORDER, key).payment

    def leave(self, payment: Payment) -> None:
        """Put the payment into a batch, as a dispatcher does."""
        assert self.store.change_payments([PaymentChange(payment, stamped(payment))]) == [True]


def test_a_payment_that_leaves_while_it_is_cancelled_is_not_cancelled() -> None:
    world = World()
    payment = world.pay()
    world.store.before_change = lambda: world.leave(payment)
    with pytest.raises(Conflict, match="too late to cancel: the payment is submitting"):
        world.payments.cancel(payment.key)
    assert world.payments.get(payment.key).status is Status.SUBMITTING


def test_a_payment_names_the_client_that_requested_it() -> None:
    world = World()
    payment = world.payments.request(ORDER, by=PAYROLL).payment
    assert (payment.created_by, payment.history[0].by) == ("payroll", "payroll")
    assert world.pay().created_by is None


@pytest.mark.parametrize("actor", [PAYROLL, GUARD, operator("Ada")])
def test_a_payment_is_cancelled_by_its_client_or_by_who_may_hold_any(actor: Actor) -> None:
    world = World()
    payment = world.payments.request(ORDER, by=PAYROLL).payment
    cancelled = world.payments.cancel(payment.key, actor)
    assert [line.by for line in cancelled.history] == ["payroll", actor.name]
    assert world.payments.get(payment.key) == cancelled


def test_another_key_or_person_of_the_same_client_cancels_its_payments() -> None:
    world = World()
    same = Actor("console", frozenset({"console", "payroll"}), frozenset({"payments:write"}))
    payment = world.payments.request(ORDER, by=PAYROLL).payment
    assert world.payments.cancel(payment.key, same).history[-1].by == "console"


def test_another_client_does_not_cancel_it_whatever_its_status() -> None:
    world = World()
    payment = world.payments.request(ORDER, by=PAYROLL).payment
    with pytest.raises(NotAllowed) as refused:
        world.payments.cancel(payment.key, OTHER)
    assert refused.value.scope == HOLD
    world.payments.cancel(payment.key, PAYROLL)
    with pytest.raises(NotAllowed):
        world.payments.cancel(payment.key, OTHER)


def test_a_payment_that_names_no_client_is_cancelled_by_any() -> None:
    world = World()
    assert world.payments.cancel(world.pay().key, OTHER).status is Status.CANCELLED


def test_after_35_days_a_key_makes_another_payment() -> None:
    world = World()
    first = world.pay("k1")
    assert timedelta(days=35) == KEY_RETENTION  # longer than any batch may be without an outcome
    world.now += KEY_RETENTION - timedelta(seconds=1)
    assert world.pay("k1") == first
    world.now += timedelta(seconds=1)
    assert world.pay("k1").key != first.key


def test_two_requests_with_one_key_that_meet_another_payment_make_one() -> None:
    """Let both take the next microsecond; the second one follows the key."""
    world = World()
    other = world.pay()
    made: list[Payment] = []
    world.store.before_claim_change = lambda _: made.append(world.pay("k1"))
    assert world.pay("k1") == made[0]
    assert made[0].key != other.key


def test_a_moment_that_is_full_of_payments_takes_no_more() -> None:
    world = World()
    payment = world.pay()
    for _ in range(COLLISION_LIMIT - 1):
        payment = replace(payment, payment_id=next_payment_id(payment.payment_id))
        add_payment(world.store, payment)
    with pytest.raises(StoreUnavailable, match="at one moment"):
        world.pay()
