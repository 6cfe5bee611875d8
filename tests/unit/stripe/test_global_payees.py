"""Recipients of Global Payouts as details: what is taken, what is sealed, what is shown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from paymentapp.errors import Misconfigured, NotPayable
from paymentapp.models.caller_texts import NO_TEXTS
from paymentapp.models.money import Money
from paymentapp.providers.stripe.payees import StripePayees
from paymentapp.providers.stripe.recipients import (
    BankDetails,
    MadeRecipient,
    NewRecipient,
    has_iban_check_digits,
    read_recipient,
)
from paymentapp.vault.sealing import Vault, new_key
from tests.support.global_backend import PERSON

NUMBER = "000123456789"
ADA = PERSON | {"account_number": NUMBER}
COMPANY = {
    "company": "Analytical Engines GmbH",
    "email": "pay@example.com",
    "country": "DE",
    "currency": "EUR",
    "account_number": "DE89370400440532013000",
}
MADE = {"recipient": "acct_1A2b", "payout_method": "usba_3c4D"}


@pytest.fixture
def payees() -> StripePayees:
    return StripePayees("none", Vault(new_key()), lambda _: MadeRecipient("acct_9", "usba_9"))


@pytest.mark.parametrize("details", [ADA, COMPANY], ids=["person", "company"])
def test_a_bank_account_is_sealed_and_shown_by_its_last_digits(
    payees: StripePayees, details: dict[str, str]
) -> None:
    destination = payees.destination("ada", details)
    assert details["account_number"] not in destination
    assert details["email"] not in destination
    shown = payees.show("ada", destination)
    assert shown == details | {"account_number": details["account_number"][-4:]}
    last4, country = details["account_number"][-4:], details["country"]
    assert payees.display("ada", destination) == f"****{last4} in {country}"


def test_a_recipient_that_was_made_elsewhere_is_named_by_two_ids(payees: StripePayees) -> None:
    destination = payees.destination("ada", MADE)
    assert destination == "acct_1A2b/usba_3c4D"
    assert payees.show("ada", destination) == MADE
    assert payees.display("ada", destination) == "acct_1A2b, usba_3c4D"


def test_details_put_twice_are_two_recipients_and_sealing_anew_is_not(
    payees: StripePayees,
) -> None:
    first, second = (read_recipient(payees.destination("ada", ADA)) for _ in range(2))
    assert isinstance(first, NewRecipient)
    assert isinstance(second, NewRecipient)
    assert first.token != second.token
    assert payees.reseal("ada", first.text) is None


def test_sealing_anew_keeps_the_recipient() -> None:
    old, new = new_key(), new_key()
    before = StripePayees("none", Vault(old)).destination("ada", ADA)
    payees = StripePayees("none", Vault(f"{new},{old}"))
    after = payees.renew("ada", before)
    kept, renewed = read_recipient(before), read_recipient(after)
    assert isinstance(kept, NewRecipient)
    assert isinstance(renewed, NewRecipient)
    assert (renewed.token, renewed.currency) == (kept.token, kept.currency)
    assert payees.show("ada", after or "") == payees.show("ada", before)


def test_details_of_another_customer_do_not_open(payees: StripePayees) -> None:
    with pytest.raises(Misconfigured):
        payees.show("bob", payees.destination("ada", ADA))


def test_without_a_vault_no_bank_account_is_taken() -> None:
    with pytest.raises(NotPayable) as raised:
        StripePayees("none").destination("ada", ADA)
    assert raised.value.field == "account_number"


def without(details: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in details.items() if name not in names}


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({}, "account"),
        ({"payout": "standard"}, "account"),
        (without(MADE, "payout_method"), "payout_method"),
        (without(MADE, "recipient"), "recipient"),
        (MADE | {"account": "acct_1"}, "recipient"),
        (ADA | MADE, "given_name"),
        (ADA | {"payout": "standard"}, "given_name"),
        (without(ADA, "surname"), "surname"),
        (without(ADA, "given_name", "surname"), "given_name"),
        (ADA | {"company": "X"}, "given_name"),
        (without(ADA, "email"), "email"),
        (without(ADA, "account_number"), "account_number"),
        (without(ADA, "currency"), "currency"),
        (without(ADA, "routing_number"), "routing_number"),
        (ADA | {"routing_number": "110000001"}, "routing_number"),
        (COMPANY | {"account_number": "DE88370400440532013000"}, "account_number"),
    ],
)
def test_details_that_do_not_fit_are_named(
    payees: StripePayees, details: dict[str, str], field: str
) -> None:
    with pytest.raises(NotPayable) as raised:
        payees.destination("ada", details)
    assert raised.value.field == field
    assert str(raised.value).endswith(".")
    assert NUMBER not in str(raised.value)


@pytest.mark.parametrize("text", ["new:1:USD:k.x", "acct_1/", "acct_1", "/usba_1", "", "new:"])
def test_another_text_is_no_recipient(text: str) -> None:
    assert read_recipient(text) is None


def test_nothing_of_the_details_is_in_a_repr(payees: StripePayees) -> None:
    recipient = read_recipient(payees.destination("ada", ADA))
    assert isinstance(recipient, NewRecipient)
    told = repr(recipient) + repr(payees.opened("ada", recipient))
    assert not [value for value in (NUMBER, "Ada", recipient.sealed) if value in told]


def test_what_is_sealed_and_no_recipient_is_misconfigured() -> None:
    for text in ("{", "1", '["a"]'):
        with pytest.raises(Misconfigured):
            BankDetails.of(text)


def test_a_payment_in_another_currency_is_refused_when_it_is_requested(
    payees: StripePayees,
) -> None:
    destination = payees.destination("ada", ADA)
    problem = payees.problem(destination, Money(Decimal(1), "EUR"), NO_TEXTS)
    assert problem is not None
    assert problem.field == "currency"
    for allowed in (destination, "acct_1", "acct_1/usba_1"):
        assert payees.problem(allowed, Money(Decimal(1), "USD"), NO_TEXTS) is None


def test_without_a_financial_account_recipients_are_not_payable() -> None:
    payees = StripePayees("none", Vault(new_key()))
    problem = payees.problem("acct_1/usba_1", Money(Decimal(1), "USD"), NO_TEXTS)
    assert problem is not None
    assert problem.field == "payment_method"
    assert payees.problem("acct_1", Money(Decimal(1), "USD"), NO_TEXTS) is None


def test_the_receiver_of_a_report_is_the_payee_where_the_ids_are_those_on_record(
    payees: StripePayees,
) -> None:
    destination = payees.destination("ada", ADA)
    assert payees.is_payee("ada", destination, "acct_9/usba_9")
    assert not payees.is_payee("ada", destination, "acct_9/usba_8")
    assert not payees.is_payee("ada", destination, "")
    assert payees.is_payee("ada", "acct_1/usba_1", "acct_1/usba_1")
    assert not payees.is_payee("ada", "acct_1", "acct_1:standard")


def test_an_iban_is_checked_by_its_digits() -> None:
    assert has_iban_check_digits("GB82WEST12345698765432")
    assert not has_iban_check_digits("GB82WEST12345698765423")
