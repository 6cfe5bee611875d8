"""Stripe's payees: the details of a customer, and the destination made of them."""

from __future__ import annotations

import re

import pytest

from paymentapp.clock import utc_now
from paymentapp.errors import NotPayable
from paymentapp.providers.stripe.payees import Destination, StripePayees, read_destination
from tests.support.memory_store import MemoryStore
from tests.support.processes import a_process
from tests.support.stripe_backend import stripe_at


@pytest.mark.parametrize(
    ("setting", "payout", "word"),
    [
        ("none", None, "acct_1"),
        ("none", "standard", "acct_1:standard"),
        ("none", "instant", "acct_1:instant"),
        ("standard", None, "acct_1:standard"),
        ("standard", "none", "acct_1"),
        ("instant", "", "acct_1:instant"),
    ],
)
def test_a_destination_is_one_word_that_says_all(
    setting: str, payout: str | None, word: str
) -> None:
    payees = StripePayees(setting)
    details = {"account": "acct_1"} | ({"payout": payout} if payout is not None else {})
    assert payees.destination("ann", details) == word
    found = read_destination(word)
    assert found is not None
    assert found.text == word
    assert payees.show("ann", word) == {"account": "acct_1", "payout": found.payout}
    assert payees.renew("ann", word) is None


@pytest.mark.parametrize(
    "word", [None, "", "acct_", "acct_1 ", "acct_1:", "acct_1:none", "ba_1", "acct_1:x"]
)
def test_another_word_is_no_destination(word: str | None) -> None:
    assert read_destination(word) is None
    assert StripePayees("none").show("ann", word or "") == {}


def test_a_destination_comes_back_as_it_went() -> None:
    for payout in ("none", "standard", "instant"):
        assert read_destination(Destination("acct_1A2b", payout).text) == ("acct_1A2b", payout)


def test_details_are_checked_before_they_are_stored() -> None:
    provider = stripe_at("https://api.stripe.com", utc_now)
    services = a_process(MemoryStore(), utc_now, provider)
    services.customers.register("ann", "ann@example.com", {})
    for wrong in (
        {},
        {"payout": "standard"},
        {"account": "acct_1/../x"},
        {"account": "acct_1", "payout": "soon"},
        {"account": "acct_1", "iban": "x"},
    ):
        with pytest.raises(NotPayable) as raised:
            services.methods.put("ann", "stripe", wrong, None)
        assert raised.value.field.startswith("details/")
    shown, new = services.methods.put("ann", "stripe", {"account": "acct_1"}, None)
    assert new
    assert shown.details == {"account": "acct_1", "payout": "none"}


def test_every_detail_says_what_is_wrong_with_it_and_not_with_what() -> None:
    payees = StripePayees("none")
    assert not payees.email_is_enough
    assert [detail.name for detail in payees.details if detail.required] == []
    for detail in payees.details:
        assert re.compile(detail.pattern)
        assert detail.problem.endswith(".")
