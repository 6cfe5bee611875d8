"""Amounts in currencies without two decimals: https://docs.stripe.com/currencies."""

from __future__ import annotations

from decimal import Decimal

import pytest
import stripe

from simulators.stripe.currencies import DECIMALS, decimal_text

from .support import Live


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [
        ("usd", 1, "0.01"),
        ("USD", 1250, "12.50"),
        ("jpy", 1, "1"),
        ("krw", 900, "900"),
        ("kwd", 5120, "5.120"),
        ("isk", 500, "5"),
        ("ugx", 500, "5"),
        ("huf", 1045, "10.45"),
        ("twd", 80045, "800.45"),
    ],
)
def test_a_transfer_is_taken_and_shown_as_money(
    live: Live, currency: str, amount: int, shown: str
) -> None:
    made = live.transfer(currency=currency, amount=amount)
    assert (made.amount, made.currency) == (amount, currency.lower())
    entry = live.ledger()[0]
    assert (entry["amount"], entry["currency"]) == (shown, currency.upper())


@pytest.mark.parametrize(
    ("currency", "amount"), [("isk", 550), ("ugx", 1), ("kwd", 5124), ("tnd", 1)]
)
def test_a_fraction_that_does_not_exist_is_refused(live: Live, currency: str, amount: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.transfer(currency=currency, amount=amount)
    assert caught.value.param == "amount"
    assert live.ledger() == []


@pytest.mark.parametrize("currency", ["huf", "twd"])
def test_whole_amounts_alone_are_paid_out(live: Live, currency: str) -> None:
    live.transfer(currency=currency, amount=1045)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        live.payout(currency=currency, amount=1045)
    assert caught.value.param == "amount"
    live.payout(currency=currency, amount=1000)
    assert live.ledger()[-1]["amount"] == "10.00"


def test_every_currency_is_shown_exactly() -> None:
    for currency, decimals in DECIMALS.items():
        assert Decimal(decimal_text(currency, 123_456_700)) == Decimal(123_456_700).scaleb(
            -decimals
        )
