"""What a hold would stop: by target, by how far the payments are, and up to a number of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paymentapp.config import Settings
from paymentapp.models.holds import HoldScope
from paymentapp.models.payments import PaymentKey
from paymentapp.services import hold_effects
from paymentapp.services.hold_effects import HoldEffect, effect_of
from tests.api.conftest import Bench
from tests.support.ledger_provider import LedgerProvider
from tests.support.payment_methods import ledger


@pytest.fixture
def bench() -> Bench:
    providers = {"paypal": LedgerProvider(), "wire": ledger("wire")}
    bench = Bench(Settings(approvals="EUR: 1"), providers=dict(providers))
    for name in ("ada", "bob"):
        bench.add_customer(name, f"{name}@example.com")
    bench.pay(amount=10)
    bench.pay(amount=20, payment_method="wire")
    bench.pay(amount=30, customer_id="bob", email="bob@example.com")
    bench.pay(amount=40, currency="EUR")
    return bench


def stopped(effect: HoldEffect) -> dict[str, str]:
    return {each.key.currency: str(each.amount) for each in effect.stops.totals}


@pytest.mark.parametrize(
    ("scope", "value", "sums"),
    [
        (HoldScope.ALL, "", {"USD": "60.00", "EUR": "40.00"}),
        (HoldScope.PROVIDER, "wire", {"USD": "20.00"}),
        (HoldScope.CUSTOMER, "bob", {"USD": "30.00"}),
    ],
)
def test_what_has_not_left_is_summed_by_currency(
    bench: Bench, scope: HoldScope, value: str, sums: dict[str, str]
) -> None:
    effect = effect_of(bench.store, scope, value)
    assert stopped(effect) == sums
    assert effect.complete


def test_one_payment_is_itself_and_an_unknown_one_nothing(bench: Bench) -> None:
    payment_id = bench.pay(amount=5).get_json()["payment_id"]
    effect = effect_of(bench.store, HoldScope.PAYMENT, f"ada/{payment_id}")
    assert stopped(effect) == {"USD": "5.00"}
    assert effect_of(bench.store, HoldScope.PAYMENT, "ada/no").stops.payments == 0


def test_what_is_settled_is_nobodys_concern(bench: Bench) -> None:
    bench.now += timedelta(hours=1)
    payment = bench.services.payments.get(
        PaymentKey("ada", bench.pay(amount=7).get_json()["payment_id"])
    )
    batch = bench.services.dispatcher.submit([payment])
    assert effect_of(bench.store, HoldScope.CUSTOMER, "ada").sending.payments == 1
    assert batch is not None
    bench.services.poller.poll(batch)
    effect = effect_of(bench.store, HoldScope.CUSTOMER, "ada")
    assert (effect.sending.payments, effect.gone.payments) == (0, 0)


@pytest.mark.parametrize(("scope", "value"), [(HoldScope.ALL, ""), (HoldScope.CUSTOMER, "ada")])
def test_beyond_a_number_of_payments_the_sums_are_said_to_be_incomplete(
    bench: Bench, scope: HoldScope, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold_effects, "READ_MAX", 2)  # a thousand payments take too long to make
    monkeypatch.setattr(hold_effects, "_PAGE", 2)
    effect = effect_of(bench.store, scope, value)
    assert not effect.complete
    assert effect.stops.payments < 4
