"""Unique references: one payment of a client has each, and hands it over to its retry alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from paymentapp.errors import StoreUnavailable
from paymentapp.models.actors import HOLD, Actor
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.payments import UNPAID, Payment, Status
from paymentapp.models.references import ReferenceUsed
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import IN_PROGRESS
from paymentapp.storage.changes import PaymentChange
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import a_process
from tests.support.records import usd
from tests.unit.test_idempotency_keys import RacedStore
from tests.unit.test_retries import START, BusyStore, crash

SHOP = Actor("shop", frozenset({"shop"}), frozenset({"payments:write"}))
PAYROLL = Actor("payroll", frozenset({"payroll"}), frozenset({"payments:write", HOLD}))
ORDER = PaymentOrder("ada", "ada@example.com", usd("12.5"), "paypal", texts=CallerTexts("r-1"))
OTHER = ORDER._replace(money=usd("99"))


@dataclass
class World:
    """A service with unique references, and a clock that moves by a microsecond with each look."""

    now: datetime = START
    unique: bool = True
    store: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        self.serve(unique=self.unique)
        for customer in ("ada", "bob"):
            self.services.customers.register(customer, f"{customer}@example.com", {})

    def serve(self, *, unique: bool) -> None:
        """Start a process with the setting, over the same store."""
        provider = LedgerProvider()
        self.services = a_process(self.store, self.clock, provider, unique_references=unique)

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pay(self, order: PaymentOrder = ORDER, key: str | None = None, by: Actor = SHOP) -> Payment:
        return self.services.payments.request(order, key, by).payment

    def retry(self, payment: Payment, by: Actor = SHOP) -> Payment:
        return self.services.retries.retry(payment.key, None, None, by).payment

    def ends(self, payment: Payment, status: Status) -> Payment:
        stored = self.services.payments.get(payment.key)
        ended = replace(stored, status=status, due_at=None, revision=f"{status}")
        assert self.store.change_payments([PaymentChange(stored, ended)]) == [True]
        return ended

    def refused(self, order: PaymentOrder = OTHER, by: Actor = SHOP) -> Payment:
        """Return the payment that has the reference of a request that is refused."""
        with pytest.raises(ReferenceUsed, match="used this reference") as error:
            self.pay(order, by=by)
        return self.services.payments.get(error.value.key)


@pytest.fixture
def world() -> World:
    return World()


def test_the_second_payment_with_a_reference_is_refused_and_names_the_first(world: World) -> None:
    first = world.pay()
    assert world.refused() == first
    to_bob = OTHER._replace(customer_id="bob", email="bob@example.com")
    assert world.refused(to_bob) == first
    assert list(world.store.scan_payments(START, world.now)) == [first]


def test_another_client_and_another_reference_are_free(world: World) -> None:
    paid = [
        world.pay(),
        world.pay(by=PAYROLL),
        world.pay(ORDER._replace(texts=CallerTexts("r-2"))),
        world.pay(ORDER._replace(texts=CallerTexts())),
        world.pay(ORDER._replace(texts=CallerTexts())),
    ]
    assert len({payment.key for payment in paid}) == 5


def test_without_the_setting_a_reference_may_be_used_again() -> None:
    world = World(unique=False)
    assert world.pay().key != world.pay().key
    assert "reference_holder" not in world.store.calls


def test_a_repeated_request_gets_its_own_payment(world: World) -> None:
    first = world.pay(key="k1")
    assert world.pay(key="k1") == first
    with pytest.raises(ReferenceUsed):
        world.pay(key="k2")


@pytest.mark.parametrize("status", [Status.SUCCEEDED, *sorted(UNPAID)])
def test_a_reference_stays_taken_whatever_becomes_of_its_payment(
    world: World, status: Status
) -> None:
    ended = world.ends(world.pay(), status)
    assert world.refused() == ended


def test_a_retry_keeps_the_reference_through_a_chain(world: World) -> None:
    payment = world.pay()
    for _ in range(3):
        payment = world.retry(world.ends(payment, Status.FAILED))
        assert payment.texts.reference == "r-1"
        assert world.refused() == payment


def test_a_retry_in_place_of_one_that_was_cancelled_takes_it_over(world: World) -> None:
    original = world.ends(world.pay(), Status.FAILED)
    for _ in range(2):
        retry = world.retry(original)
        assert world.refused() == retry
        world.ends(retry, Status.CANCELLED)


def test_a_retry_by_another_client_keeps_the_reference_of_the_first_one(world: World) -> None:
    own = world.pay(by=PAYROLL)
    failed = world.ends(world.pay(), Status.FAILED)
    retry = world.retry(failed, PAYROLL)
    again = world.retry(world.ends(retry, Status.FAILED), PAYROLL)
    assert world.refused() == again
    assert world.refused(by=PAYROLL) == own


def test_a_retry_whose_reference_another_payment_has_is_refused_and_leaves_no_link() -> None:
    world = World(unique=False)
    failed = world.ends(world.pay(), Status.FAILED)
    world.serve(unique=True)
    world.pay()
    with pytest.raises(ReferenceUsed):
        world.retry(failed)
    assert world.services.payments.get(failed.key).retried_by is None


def test_after_a_crash_before_the_payment_the_same_request_gets_it() -> None:
    store = BusyStore()
    world = World(store=store)
    store.before_payment = crash
    with pytest.raises(StoreUnavailable):
        world.pay(key="k1")
    payment = world.pay(key="k1")
    assert world.refused() == payment


def test_after_a_crash_behind_the_payment_the_same_request_gets_it() -> None:
    store = BusyStore()
    world = World(store=store)
    store.after_payment = crash
    with pytest.raises(StoreUnavailable):
        world.pay(key="k1")
    (stored,) = world.store.scan_payments(START, world.now)
    assert world.pay(key="k1") == stored


def test_while_a_request_with_its_key_is_in_progress_none_is_refused() -> None:
    store = RacedStore()
    world = World(store=store)
    store.before_payment = lambda: world.pay(OTHER, "k2")  # behind the record of the key
    with pytest.raises(ReferenceUsed):
        world.pay(key="k1")
    with pytest.raises(StoreUnavailable, match="in progress"):
        world.pay(key="k1")
    world.now += IN_PROGRESS
    with pytest.raises(ReferenceUsed):
        world.pay(key="k1")


def test_a_crash_between_the_link_of_a_retry_and_the_retry_is_completed() -> None:
    store = BusyStore()
    world = World(store=store)
    failed = world.ends(world.pay(), Status.RETURNED)
    store.before_payment = crash
    with pytest.raises(StoreUnavailable):
        world.retry(failed)
    assert world.refused() == world.services.payments.get(failed.key)
    retry = world.retry(failed)
    assert world.refused() == retry
