"""Who is shown as paid: the payee of the method's details, masked, and never another's address."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from paymentapp.errors import NotSent
from paymentapp.models.batches import Member
from paymentapp.models.money import Money
from paymentapp.providers.ach.payees import AchPayees
from paymentapp.providers.base import Payees
from paymentapp.providers.paypal.payees import PayPalPayees
from paymentapp.providers.stripe.payees import StripePayees
from paymentapp.services.payees import PayeeDisplay, PayeeDisplays
from paymentapp.vault.sealing import Vault, new_key
from tests.support.ach_backend import ROUTING, bank_account
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import WirePayees, ledger
from tests.support.processes import a_process

VAULT = Vault(new_key())
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Shown:
    """Displays over one method, by a clock that a test moves."""

    payees: Payees
    now: datetime = START
    displays: PayeeDisplays = field(init=False)

    def __post_init__(self) -> None:
        provider = ledger("wire", self.payees)
        self.displays = a_process(MemoryStore(), lambda: self.now, provider).payees

    def member(self, destination: str | None, method: str = "wire") -> str | None:
        """Return what is shown of a customer's payment to that destination."""
        paid = Member("ann", "p", Money(Decimal(1), "USD"), "ann@example.com", destination)
        payee = self.displays.of(paid, method)
        assert payee == PayeeDisplay(method, payee.display)
        return payee.display


def test_without_details_the_customer_s_e_mail_is_the_payee() -> None:
    assert Shown(PayPalPayees()).member(None) == "a***@example.com"


@pytest.mark.parametrize(
    ("payees", "details", "display"),
    [
        (PayPalPayees(), {"email": "other@example.org"}, "o***@example.org"),
        (StripePayees("none"), {"account": "acct_1ABCD"}, "acct_1ABCD"),
        (StripePayees("standard"), {"account": "acct_1ABCD"}, "acct_1ABCD, standard payout"),
        (AchPayees(VAULT, MemoryStore()), bank_account("123456789"), f"****6789 at {ROUTING}"),
    ],
)
def test_details_name_the_payee_and_are_masked_by_the_provider(
    payees: Payees, details: dict[str, str], display: str
) -> None:
    assert Shown(payees).member(payees.destination("ann", details)) == display


def test_what_no_key_here_opens_is_shown_as_sealed() -> None:
    sealed = WirePayees().destination("ann", {"account": "123456789"})
    assert Shown(WirePayees()).member(sealed) == "sealed"


def test_a_method_that_is_not_there_shows_its_details_as_sealed() -> None:
    shown = Shown(WirePayees())
    assert shown.member("k.0123", "cheque") == "sealed"
    assert shown.member(None, "cheque") == "a***@example.com"


class SilentPayees(WirePayees):
    """Details whose key service does not answer."""

    calls = 0

    def display(self, customer_id: str, destination: str) -> str:
        self.calls += 1
        if self.calls == 1:
            raise NotSent("KMS_ReadTimeoutError")
        return super().display(customer_id, destination)


def test_a_key_service_that_does_not_answer_is_waited_for_once_in_half_a_minute() -> None:
    payees = SilentPayees()
    shown, sealed = Shown(payees), payees.destination("ann", {"account": "123456789"})
    assert [shown.member(sealed) for _ in range(3)] == ["sealed"] * 3
    assert payees.calls == 1
    shown.now += timedelta(seconds=31)
    assert shown.member(sealed) == "*6789"
