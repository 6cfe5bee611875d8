"""The models refuse inexact money, illegal transitions, and addresses in a text."""

from __future__ import annotations

from typing import Any

import pytest

from paymentapp.models.batches import Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from tests.support.records import a_payment, later, usd


@pytest.mark.parametrize("amount", [12.5, 12, "12.50"])
def test_an_amount_is_a_decimal_and_nothing_else(amount: Any) -> None:
    with pytest.raises(TypeError, match="an amount must be a Decimal"):
        Money(amount, "USD")


@pytest.mark.parametrize("status", [Status.PENDING, Status.SUBMITTED, Status.FAILED])
def test_a_payment_that_has_succeeded_can_only_be_returned(status: Status) -> None:
    succeeded = _moved(a_payment(), Status.SUCCEEDED)
    with pytest.raises(ValueError, match=f"cannot go from succeeded to {status}"):
        _moved(succeeded, status)
    assert _moved(succeeded, Status.RETURNED).status is Status.RETURNED


def test_the_text_of_a_member_names_no_address() -> None:
    member = Member("ada", "2026-03-01T12:00:00Z", usd("5"), "ada@example.com", "k.sealed")
    assert repr(member) == "Member(ada 2026-03-01T12:00:00Z 5 USD)"


def _moved(payment: Payment, status: Status) -> Payment:
    return payment.moved(status, later(1), Cause.POLL)
