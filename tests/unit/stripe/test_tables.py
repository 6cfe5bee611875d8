"""Stripe's tables: complete, with amounts that are exact to the smallest unit."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from paymentapp.errors import InsufficientFunds, Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.providers.base import Refused
from paymentapp.providers.stripe.answers import read_money, smallest_units
from paymentapp.providers.stripe.tables import (
    API_VERSION,
    CURRENCIES,
    DECIMALS,
    ERRORS,
    FAILURES,
    FENCED,
    NOT_PAID_OUT,
    PAYOUT_STATUS,
    REFUSALS,
)
from simulators.stripe.accounts import FAILURES as SIMULATED
from simulators.stripe.currencies import DECIMALS as SIMULATED_DECIMALS

# Of all codes that Stripe publishes: what transfers between accounts, payouts, keys and requests
# can meet. The others are of charges, customers, taxes, and so on.
PERTINENT = re.compile(
    r"amount_|balance_insuff|insufficient_funds|transfers_not|platform_|api_key|secret_key|livemode"
    r"|testmode_charges|tls_|parameter_|parameters_|rate_limit$|lock_timeout|idempotency_key"
    r"|account_invalid|capability_not_active|country_unsupported|resource_missing|processing_error"
    r"|request_blocked|anomalous|approval_required|not_allowed_on_standard|invalid_charge_amount"
)


def published() -> set[str]:
    """Return the error codes that the library's types list."""
    text = (Path(stripe.__file__).parent / "_setup_attempt.py").read_text()
    return set(re.findall(r'^ {20}"([a-z_]+)",$', text, re.MULTILINE))


def test_every_published_error_that_a_transfer_can_meet_is_in_the_table() -> None:
    codes = {code for code in published() if PERTINENT.match(code)}
    assert len(codes) > 25
    assert codes - set(ERRORS) == set()


def test_every_error_is_one_of_five_kinds() -> None:
    kinds = {InsufficientFunds, Misconfigured, NotSent, OutcomeUnknown, Refused}
    assert set(ERRORS.values()) == kinds
    refused = {code for code, kind in ERRORS.items() if kind is Refused}
    assert set(REFUSALS) == refused | {"invalid_request_error"}
    assert set(REFUSALS) - FENCED == {
        "amount_too_large",
        "amount_too_small",
        "invalid_charge_amount",
        "parameter_invalid_integer",
    }


def test_every_published_payout_error_has_words() -> None:
    codes = {c for c in published() if re.match("payouts_|instant_payouts_|bank_account_un", c)}
    assert codes <= set(NOT_PAID_OUT)


def test_every_failure_of_a_payout_has_words() -> None:
    assert set(FAILURES) == set(SIMULATED)
    assert all(len(f"{code}: {words}") <= 200 for code, words in FAILURES.items())


def test_every_status_of_a_payout_is_in_the_table() -> None:
    assert PAYOUT_STATUS == {
        "pending": Status.SUBMITTED,
        "in_transit": Status.SUBMITTED,
        "paid": Status.SUCCEEDED,
        "failed": Status.RETURNED,
        "canceled": Status.RETURNED,
    }


def test_the_version_is_pinned_and_known_to_the_library() -> None:
    assert stripe.api_version == API_VERSION


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("12.5", "USD", 1250),
        ("0.01", "USD", 1),
        ("999999.99", "USD", 99999999),
        ("1250", "JPY", 1250),
        ("1.23", "KWD", 1230),  # the last digit is 0
        ("5", "ISK", 500),  # without decimals, sent with two
        ("5", "UGX", 500),
        ("7", "HUF", 700),
        ("7", "TWD", 700),
    ],
)
def test_an_amount_is_exact_to_the_smallest_unit(amount: str, currency: str, units: int) -> None:
    money = Money(Decimal(amount), currency)
    assert smallest_units(money) == units
    assert read_money(units, currency.lower()) == money


@given(st.sampled_from(sorted(CURRENCIES)), st.data())
def test_every_payable_amount_comes_back_as_it_went(currency: str, data: st.DataObject) -> None:
    rule = CURRENCIES[currency]
    most = int(rule.maximum.scaleb(rule.decimals))
    amount = Decimal(data.draw(st.integers(1, most))).scaleb(-rule.decimals)
    units = smallest_units(Money(amount, currency))
    assert read_money(units, currency.lower()) == Money(amount, currency)
    assert 1 <= units <= 999_999_999_999
    if DECIMALS[currency] == 3:
        assert units % 10 == 0
    if currency in {"ISK", "UGX", "HUF", "TWD"}:
        assert units % 100 == 0


def test_no_amount_has_more_decimals_than_stripe_takes() -> None:
    decimals = {code: rule.decimals for code, rule in CURRENCIES.items()}
    assert {code for code, places in decimals.items() if places not in {0, 2}} == set()
    assert {code for code in decimals if decimals[code] == 0 and DECIMALS[code] == 2} == {
        "HUF",
        "ISK",
        "TWD",
        "UGX",
    }
    assert {code for code in decimals if DECIMALS[code] == 3} == {"BHD", "JOD", "KWD", "OMR", "TND"}
    assert {"USD", "EUR", "GBP", "JPY", "KWD"} <= set(decimals)
    assert set(decimals) == set(SIMULATED_DECIMALS)


def test_a_fraction_of_the_smallest_unit_is_no_amount() -> None:
    with pytest.raises(ValueError, match="USD"):
        smallest_units(Money(Decimal("0.001"), "USD"))


@pytest.mark.parametrize("amount", [True, "5", None, 5.0, Decimal(5)])
def test_what_is_no_whole_number_is_no_amount(amount: object) -> None:
    assert read_money(amount, "usd") is None
