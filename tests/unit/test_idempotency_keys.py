"""Idempotency keys: a retry is answered with the first outcome, whatever has changed since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from paymentapp.errors import KeyReused, NotFound, NotPayable, StoreUnavailable
from paymentapp.models.customers import Customer
from paymentapp.models.idempotency import KEY_RETENTION, IdempotencyRecord
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment
from paymentapp.models.revisions import new_revision
from paymentapp.providers.base import CurrencyRule
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import IN_PROGRESS, Requested
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import WirePayees, ledger
from tests.support.processes import StillWorker, a_process
from tests.support.records import usd

ORDER = PaymentOrder("ada", "ada@example.com", usd("12.5"), "wire")
ANY = PaymentOrder("ada", "ada@example.com", usd("12.5"), None)
FIRST = PaymentOrder("ada", "ada@example.com", usd("12.5"), "paypal")


class RacedStore(MemoryStore):
    """Lets somebody else come first: each hook runs once, before the call that it is named for."""

    def __init__(self) -> None:
        super().__init__()
        self.before_claim: Callable[[], object] = lambda: None
        self.before_claim_change: Callable[[], object] = lambda: None
        self.before_payment: Callable[[], object] = lambda: None

    def _bind(
        self, claim: IdempotencyRecord, replaces: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        if replaces is None:
            first, self.before_claim = self.before_claim, lambda: None
        else:
            first, self.before_claim_change = self.before_claim_change, lambda: None
        first()
        return super()._bind(claim, replaces)

    def _put_payment(self, payment: Payment) -> Payment:
        first, self.before_payment = self.before_payment, lambda: None
        first()
        return super()._put_payment(payment)

    @property
    def claim(self) -> IdempotencyRecord:
        (claim,) = self._claims.values()
        return claim

    @claim.setter
    def claim(self, claim: IdempotencyRecord) -> None:
        self._claims = {claim.key_hash: claim}

    def forget_claims(self) -> None:
        """As DynamoDB deletes expired records, some time after."""
        self._claims.clear()

    def payments(self) -> list[Payment]:
        return list(self._payments.values())

    def put_customer(self, customer: Customer | None) -> None:
        self._customers = {customer.customer_id: customer} if customer else {}


@dataclass
class World:
    """A service with two providers, and Ada, who can be paid by both."""

    store: RacedStore = field(default_factory=RacedStore)
    worker: StillWorker = field(default_factory=StillWorker)
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.wire = ledger("wire", WirePayees())
        self.services = a_process(
            self.store, self.clock, LedgerProvider(), self.wire, worker=self.worker
        )
        self.services.customers.register("ada", "ada@example.com", {})
        self.services.methods.put("ada", "wire", {"account": "12345678"}, default=None)

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def request(self, order: PaymentOrder = ORDER) -> Requested:
        return self.services.payments.request(order, "k1")

    @property
    def ada(self) -> Customer:
        return cast(Customer, self.store.get_customer("ada"))

    # What may change between a request and its retry

    def method_is_deleted(self) -> None:
        self.services.methods.delete("ada", "wire")

    def limit_is_lowered(self) -> None:
        self.wire.currencies = {"USD": CurrencyRule(2, Decimal(1))}

    def currency_is_dropped(self) -> None:
        self.wire.currencies = {}

    def provider_is_switched_off(self) -> None:
        del cast(dict[str, Any], self.services.providers)["wire"]

    def email_changes(self) -> None:
        self.store.put_customer(replace(self.ada, email="ada.l@example.com"))

    def customer_is_deleted(self) -> None:
        self.store.put_customer(None)


CHANGES: list[Callable[[World], None]] = [
    World.method_is_deleted,
    World.limit_is_lowered,
    World.currency_is_dropped,
    World.provider_is_switched_off,
    World.email_changes,
    World.customer_is_deleted,
]


@pytest.fixture
def world() -> World:
    return World()


# Replay first


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_retry_is_answered_whatever_has_changed_since(
    world: World, change: Callable[[World], None]
) -> None:
    first = world.request()
    change(world)
    world.now += timedelta(days=34)
    assert world.request() == Requested(first.payment, replayed=True)
    assert len(world.worker.woken) == 1


def test_a_new_request_is_still_checked(world: World) -> None:
    world.request()
    world.method_is_deleted()
    with pytest.raises(NotPayable, match="no details for wire"):
        world.services.payments.request(ORDER, "k2")
    with pytest.raises(NotPayable, match="no details for wire"):
        world.services.payments.request(ORDER)


def test_the_store_is_asked_once_before_it_is_written_to(world: World) -> None:
    world.store.calls.clear()
    world.request()
    assert world.store.calls == ["read_for_payment", "accept"]
    world.store.calls.clear()
    world.request()
    assert world.store.calls == ["read_for_payment", "get_payment"]
    world.store.calls.clear()
    world.services.payments.request(ORDER)
    assert world.store.calls == ["read_for_payment", "accept"]


def test_two_first_requests_at_once_make_one_payment(world: World) -> None:
    others: list[Requested] = []
    world.store.before_claim = lambda: others.append(world.request())
    assert world.request() == Requested(others[0].payment, replayed=True)
    assert world.store.payments() == [others[0].payment]


# The body of a key


@pytest.mark.parametrize(
    "other",
    [
        ORDER._replace(money=usd("12.51")),
        ORDER._replace(money=Money(Decimal("12.5"), "EUR")),
        ORDER._replace(email="eve@example.com"),
        ORDER._replace(customer_id="eve"),
        ORDER._replace(payment_method="paypal"),
        ORDER._replace(payment_method=None),
    ],
)
def test_every_part_of_the_body_counts(world: World, other: PaymentOrder) -> None:
    world.services.customers.register("eve", "ada@example.com", {})
    world.request()
    with pytest.raises(KeyReused):
        world.request(other)
    assert len(world.store.payments()) == 1


@pytest.mark.parametrize(("first", "second"), [(ANY, FIRST), (FIRST, ANY)])
def test_no_method_and_the_first_method_are_two_bodies(
    world: World, first: PaymentOrder, second: PaymentOrder
) -> None:
    paid = world.request(first)
    assert paid.payment.payment_method == "paypal"
    with pytest.raises(KeyReused):
        world.request(second)
    assert world.request(first).replayed


def written_by_version_0_2(world: World, fingerprint: str) -> None:
    world.store.claim = replace(world.store.claim, fingerprint=fingerprint, names_method=None)


@pytest.mark.parametrize(
    ("order", "fingerprint"),  # as version 0.2 computed it
    [
        (ORDER, "60b2041b33a64175440b7f33eeaa9cd9"),
        (FIRST, "692c0bea748df225d0dae825d42666bc"),
        (ANY, "692c0bea748df225d0dae825d42666bc"),
    ],
)
def test_a_key_of_an_earlier_version_answers_its_caller(
    world: World, order: PaymentOrder, fingerprint: str
) -> None:
    paid = world.request(order)
    written_by_version_0_2(world, fingerprint)
    assert world.request(order) == Requested(paid.payment, replayed=True)
    with pytest.raises(KeyReused):
        world.request(order._replace(money=usd("12.51")))


# A record without its payment


def crash_after_the_claim(world: World) -> None:
    world.store.before_payment = crash
    with pytest.raises(StoreUnavailable, match="a crash"):
        world.request()
    assert world.store.payments() == []


def crash() -> None:
    raise StoreUnavailable("a crash")


def test_a_crash_after_the_claim_leaves_the_payment_to_the_retry(world: World) -> None:
    crash_after_the_claim(world)
    requested = world.request()
    assert not requested.replayed
    assert requested.payment.payment_id == world.store.claim.payment_id
    assert world.request() == Requested(requested.payment, replayed=True)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_nobody_is_told_no_while_another_request_may_be_accepted(
    world: World, change: Callable[[World], None]
) -> None:
    """Its claim is there, and its payment may be there in a moment."""
    crash_after_the_claim(world)
    change(world)
    world.now += IN_PROGRESS - timedelta(seconds=1)
    with pytest.raises(StoreUnavailable, match="in progress"):
        world.request()
    world.now += timedelta(seconds=2)
    with pytest.raises((NotPayable, NotFound)):
        world.request()


# Expired records


def test_an_expired_key_makes_another_payment_of_any_body(world: World) -> None:
    first = world.request()
    world.now += KEY_RETENTION
    other = ORDER._replace(money=usd("99"))
    second = world.request(other)
    assert not second.replayed
    assert second.payment.key != first.payment.key
    assert world.request(other) == Requested(second.payment, replayed=True)
    with pytest.raises(KeyReused):
        world.request()


def test_of_two_requests_that_renew_a_key_one_pays_and_the_other_is_answered(
    world: World,
) -> None:
    world.request()
    world.now += KEY_RETENTION
    others: list[Requested] = []
    world.store.before_claim_change = lambda: others.append(world.request())
    assert world.request() == Requested(others[0].payment, replayed=True)
    assert not others[0].replayed
    assert len(world.store.payments()) == 2  # of 35 days ago, and now


def test_of_two_bodies_that_renew_a_key_the_second_is_refused(world: World) -> None:
    world.request()
    world.now += KEY_RETENTION
    world.store.before_claim_change = lambda: world.request(ORDER._replace(money=usd("99")))
    with pytest.raises(KeyReused):
        world.request()
    assert len(world.store.payments()) == 2


def test_an_expired_record_may_be_deleted_while_it_is_renewed(world: World) -> None:
    first = world.request()
    world.now += KEY_RETENTION
    world.store.before_claim_change = world.store.forget_claims
    second = world.request()
    assert not second.replayed
    assert second.payment.key != first.payment.key
    assert world.request() == Requested(second.payment, replayed=True)


def test_an_expired_key_is_checked_as_a_new_one(world: World) -> None:
    world.request()
    world.method_is_deleted()
    world.now += KEY_RETENTION
    with pytest.raises(NotPayable):
        world.request()


def test_a_record_that_never_stands_still_is_not_guessed_at(world: World) -> None:
    world.request()
    world.now += KEY_RETENTION

    def renew_in_vain() -> None:
        world.store.claim = replace(world.store.claim, revision=new_revision())
        world.store.before_claim_change = renew_in_vain

    world.store.before_claim_change = renew_in_vain
    with pytest.raises(StoreUnavailable, match="keeps being claimed"):
        world.request()
    assert len(world.store.payments()) == 1
