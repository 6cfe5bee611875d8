"""PayPal's payees: an e-mail address, where it is not the customer's own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from paymentapp.clock import utc_now
from paymentapp.errors import NotPayable
from paymentapp.models.customers import EMAIL_MAX_LENGTH
from paymentapp.providers.base import Payees
from paymentapp.providers.paypal.provider import PayPal
from tests.support.paypal_server import settings_for


@pytest.fixture
def payees() -> Iterator[Payees]:
    provider = PayPal(settings_for("http://127.0.0.1:9"), utc_now)
    assert provider.payees is not None
    yield provider.payees
    provider.close()


def test_an_address_is_stored_and_shown_as_it_is(payees: Payees) -> None:
    destination = payees.destination("ada", {"email": "ada.l@example.com"})
    assert destination == "ada.l@example.com"
    assert payees.show("ada", destination) == {"email": "ada.l@example.com"}


def test_an_address_is_sealed_by_no_key_and_needs_no_new_one(payees: Payees) -> None:
    assert payees.renew("ada", "ada.l@example.com") is None


def test_an_address_longer_than_paypal_takes_is_refused(payees: Payees) -> None:
    (detail,) = payees.details
    name = "n" * (EMAIL_MAX_LENGTH - len("@example.com"))
    longest = f"{name}@example.com"
    assert payees.destination("ada", {"email": longest}) == longest
    assert re.fullmatch(detail.pattern, f"n{longest}")  # the pattern alone does not tell
    with pytest.raises(NotPayable, match="Not an e-mail address") as refused:
        payees.destination("ada", {"email": f"n{longest}"})
    assert refused.value.field == "email"


def test_a_customer_without_details_is_paid_by_their_own_address(payees: Payees) -> None:
    assert payees.email_is_enough
