"""Payments to details that have changed lately leave later, and can be cancelled until then."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest

from paymentapp.bootstrap import Services, build_services
from paymentapp.config import Settings
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.providers.base import Provider
from paymentapp.services.backoffice.payment_history import faults
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.routing import declined
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import WirePayees, ledger

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOLD = timedelta(hours=24)


@dataclass
class Noon:
    """Cut-off at noon: what is due later leaves the day after."""

    def next_departure(self, now: datetime) -> datetime:
        noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
        return noon if now <= noon else noon + timedelta(days=1)


@dataclass
class World:
    """A service that holds payments for a day after a change, and a customer of a year ago."""

    hours: int = 24
    routes: str = ""
    now: datetime = START - timedelta(days=365)
    store: MemoryStore = field(default_factory=MemoryStore)
    wire: LedgerProvider = field(default_factory=lambda: ledger("wire", WirePayees()))
    other: LedgerProvider = field(default_factory=lambda: ledger("other", WirePayees()))
    mail: LedgerProvider = field(default_factory=lambda: ledger("mail"))

    def __post_init__(self) -> None:
        given = (self.wire, self.other, self.mail)
        providers = {each.name: cast(Provider, each) for each in given}
        settings = Settings(payee_change_hold_hours=self.hours, routes=self.routes, due_shards=1)
        self.services: Services = build_services(
            settings, store=self.store, providers=providers, clock=lambda: self.now
        )
        self.services.customers.register("ada", "ada@example.com", {})
        self.put("wire")
        self.now = START

    def put(self, method: str, account: str = "123456789") -> None:
        self.services.methods.put("ada", method, {"account": account}, default=False)

    def pay(self, method: str | None = "wire", key: str | None = None) -> Payment:
        order = PaymentOrder("ada", "ada@example.com", Money(Decimal(5), "USD"), method)
        return self.services.payments.request(order, key).payment

    def sweep(self) -> int:
        """Sweep a minute later; return how many payments have been sent in all."""
        self.now += timedelta(minutes=1)
        self.services.sweeper.run()
        return sum(len(each.paid()) for each in (self.wire, self.other, self.mail))


def test_details_that_have_not_changed_lately_are_paid_at_once() -> None:
    world = World()
    payment = world.pay()
    assert (payment.due_at, payment.history[0].reference) == (START, "")
    assert world.sweep() == 1


def test_a_payment_after_a_change_leaves_when_the_hours_are_over() -> None:
    world = World()
    world.put("wire", "55554444")
    world.now += timedelta(hours=1)
    payment = world.pay()
    assert (payment.status, payment.due_at) == (Status.PENDING, START + HOLD)
    world.now = START + HOLD - timedelta(minutes=10)
    assert world.sweep() == 0
    world.now = START + HOLD
    assert world.sweep() == 1


def test_its_history_says_why_it_waits() -> None:
    world = World()
    world.put("wire", "55554444")
    payment = world.pay()
    until = "2026-03-02T12:00:00.000000Z"
    assert payment.history[0].reference == f"details have changed; held until {until}"
    assert list(faults(payment)) == []


def test_a_second_payment_within_the_hours_waits_as_well() -> None:
    world = World()
    world.put("wire", "55554444")
    assert {world.pay().due_at, world.pay().due_at} == {START + HOLD}


def test_it_can_be_cancelled_until_it_leaves() -> None:
    world = World()
    world.put("wire", "55554444")
    payment = world.pay()
    world.now += timedelta(hours=23)
    assert world.services.payments.cancel(payment.key).status is Status.CANCELLED
    world.now += timedelta(hours=2)
    assert world.sweep() == 0


def test_a_wake_up_does_not_send_it_earlier() -> None:
    world = World()
    world.put("wire", "55554444")
    assert world.services.dispatcher.group([world.pay()]) == []


def test_a_retry_under_its_key_does_not_move_it() -> None:
    world = World()
    world.put("wire", "55554444")
    payment = world.pay(key="k1")
    world.now += timedelta(hours=5)
    world.put("wire", "77778888")
    assert world.pay(key="k1") == payment


def test_accepted_payments_keep_their_details_and_their_time() -> None:
    world = World()
    payment = world.pay()
    world.put("wire", "55554444")
    assert world.store.get_payment(payment.key) == payment
    assert world.sweep() == 1


def test_a_customer_who_was_just_registered_is_not_paid_by_e_mail_at_once() -> None:
    world = World()
    assert world.pay("mail").due_at == START
    world.services.customers.register("eve", "eve@example.com", {})
    order = PaymentOrder("eve", "eve@example.com", Money(Decimal(5), "USD"), "mail")
    assert world.services.payments.request(order).payment.due_at == START + HOLD


def test_it_leaves_at_the_first_cut_off_after_the_hours() -> None:
    world = World()
    world.wire.cutoffs = Noon()
    world.now = START + timedelta(hours=1)
    world.put("wire", "55554444")
    assert world.pay().due_at == START + timedelta(days=2)


def test_another_route_waits_for_its_own_details() -> None:
    world = World(routes="wire; other")
    payment = world.pay(None)
    assert payment.due_at == START
    world.put("other", "55554444")
    sent = payment.moved(Status.SUBMITTING, world.now, Cause.DISPATCH, "b1", batch_id="b1")
    again = declined(world.store, world.services.routes, sent, world.now, "NO_WAY")
    assert (again.payment_method, again.due_at) == ("other", START + HOLD)
    assert again.history[-1].reference.startswith("NO_WAY; details have changed; held until ")


def test_what_a_provider_reports_of_the_details_holds_nothing() -> None:
    """A note of a provider, or a new key, is no change of the details."""
    world = World()
    customer = world.store.get_customer("ada")
    assert customer is not None
    stored = customer.methods["wire"].destination
    assert world.services.methods.correct("ada", "wire", [stored], None, "name misspelt")
    assert world.pay().due_at == START


def test_details_that_a_bank_has_corrected_are_held() -> None:
    world = World()
    customer = world.store.get_customer("ada")
    assert customer is not None
    stored, payees = customer.methods["wire"].destination, world.wire.payees
    assert payees is not None
    new = payees.destination("ada", {"account": "55554444"})
    assert world.services.methods.correct("ada", "wire", [stored], new, "C01")
    assert world.pay().due_at == START + HOLD


@pytest.mark.parametrize("method", ["wire", "mail"])
def test_without_the_setting_nothing_waits(method: str) -> None:
    world = World(hours=0)
    world.put("wire", "55554444")
    assert world.pay(method).due_at == START
