"""PayPal's payees: an address that is not the customer's own, a phone, an account, a handle."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal

import pytest

from paymentapp.clock import utc_now
from paymentapp.errors import Misconfigured, NotPayable
from paymentapp.models.caller_texts import NO_TEXTS, CallerTexts
from paymentapp.models.customers import EMAIL_MAX_LENGTH
from paymentapp.models.money import Money
from paymentapp.models.payments import PaymentKey
from paymentapp.providers.base import Payees
from paymentapp.providers.paypal.payees import PayPalPayees
from paymentapp.providers.paypal.provider import PayPal
from paymentapp.providers.paypal.recipients import Recipient, RecipientType, Wallet
from paymentapp.vault.sealing import Vault, new_key
from tests.support.paypal_server import settings_for

KEY = new_key()
PHONE = {"phone": "+14155550100"}
ACCOUNT = {"paypal_id": "QYR5Z8XDVJNXQ"}
HANDLE = {"user_handle": "@ada-lovelace", "wallet": "venmo"}
DOLLARS = Money(Decimal(5), "USD")
ITEM = PaymentKey("ada", "2026-03-01T09:29:00.000001Z")
NOTED = CallerTexts(description="For the books")


@pytest.fixture
def payees() -> Iterator[Payees]:
    provider = PayPal(settings_for("http://127.0.0.1:9"), utc_now)
    assert provider.payees is not None
    yield provider.payees
    provider.close()


@pytest.fixture
def sealing() -> PayPalPayees:
    return PayPalPayees(Vault(KEY))


def test_an_address_is_stored_and_shown_as_it_is(payees: Payees) -> None:
    destination = payees.destination("ada", {"email": "ada.l@example.com"})
    assert destination == "ada.l@example.com"
    assert payees.show("ada", destination) == {"email": "ada.l@example.com"}


def test_an_address_is_sealed_by_no_key_and_needs_no_new_one(payees: Payees) -> None:
    assert payees.renew("ada", "ada.l@example.com") is None


def test_an_address_longer_than_paypal_takes_is_refused(payees: Payees) -> None:
    detail = payees.details[0]
    name = "n" * (EMAIL_MAX_LENGTH - len("@example.com"))
    longest = f"{name}@example.com"
    assert payees.destination("ada", {"email": longest}) == longest
    assert re.fullmatch(detail.pattern, f"n{longest}")  # the pattern alone does not tell
    with pytest.raises(NotPayable, match="Not an e-mail address") as refused:
        payees.destination("ada", {"email": f"n{longest}"})
    assert refused.value.field == "email"


def test_a_customer_without_details_is_paid_by_their_own_address(payees: Payees) -> None:
    assert payees.email_is_enough


@pytest.mark.parametrize(
    ("details", "recipient", "shown", "display"),
    [
        (
            PHONE,
            Recipient(RecipientType.PHONE, "+14155550100"),
            {"phone": "***0100"},
            "***0100",
        ),
        (
            {**PHONE, "wallet": "venmo"},
            Recipient(RecipientType.PHONE, "+14155550100", Wallet.VENMO),
            {"phone": "***0100", "wallet": "venmo"},
            "***0100 at Venmo",
        ),
        (
            ACCOUNT,
            Recipient(RecipientType.PAYPAL_ID, "QYR5Z8XDVJNXQ"),
            {"paypal_id": "***JNXQ"},
            "***JNXQ",
        ),
        (
            HANDLE,
            Recipient(RecipientType.USER_HANDLE, "@ada-lovelace", Wallet.VENMO),
            {"user_handle": "@a***", "wallet": "venmo"},
            "@a*** at Venmo",
        ),
        (
            {"email": "ada@example.com", "notification_language": "pt-BR"},
            Recipient(RecipientType.EMAIL, "ada@example.com", language="pt-BR"),
            {"email": "ada@example.com", "notification_language": "pt-BR"},
            "a***@example.com",
        ),
        (
            {"email": "ada@example.com", "wallet": "venmo"},
            Recipient(RecipientType.EMAIL, "ada@example.com", Wallet.VENMO),
            {"email": "ada@example.com", "wallet": "venmo"},
            "a***@example.com at Venmo",
        ),
    ],
)
def test_each_recipient_is_kept_shown_and_masked(
    sealing: PayPalPayees,
    details: dict[str, str],
    recipient: Recipient,
    shown: dict[str, str],
    display: str,
) -> None:
    destination = sealing.destination("ada", details)
    assert " " not in destination  # records are lines with blanks
    assert sealing.recipient("ada", destination) == recipient
    assert sealing.show("ada", destination) == shown
    assert sealing.display("ada", destination) == display
    assert sealing.is_payee("ada", destination, recipient.receiver)


@pytest.mark.parametrize("details", [PHONE, ACCOUNT])
def test_a_number_is_sealed_for_its_customer(
    sealing: PayPalPayees, details: dict[str, str]
) -> None:
    [number] = details.values()
    destination = sealing.destination("ada", details)
    assert number not in destination
    assert number not in repr(sealing.recipient("ada", destination))
    with pytest.raises(Misconfigured, match="NOT_SEALED_HERE"):
        sealing.recipient("bob", destination)


def test_a_new_key_seals_a_number_again_and_leaves_a_handle(sealing: PayPalPayees) -> None:
    rotated = PayPalPayees(Vault(f"{new_key()},{KEY}"))
    before = sealing.destination("ada", {**PHONE, "wallet": "venmo"})
    after = rotated.renew("ada", before)
    assert after is not None
    assert after != before
    assert rotated.recipient("ada", after) == sealing.recipient("ada", before)
    assert rotated.reseal("ada", after) is None
    assert rotated.renew("ada", sealing.destination("ada", HANDLE)) is None


@pytest.mark.parametrize("details", [PHONE, ACCOUNT])
def test_without_a_vault_key_a_number_is_not_taken(payees: Payees, details: dict[str, str]) -> None:
    with pytest.raises(NotPayable, match="no vault key"):
        payees.destination("ada", details)


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({}, "email"),
        ({"wallet": "venmo"}, "email"),
        ({"email": "ada@example.com", **PHONE}, "phone"),
        ({**PHONE, **ACCOUNT}, "paypal_id"),
        ({"user_handle": "ada"}, "wallet"),
        ({"user_handle": "ada", "wallet": "paypal"}, "wallet"),
        ({**ACCOUNT, "wallet": "venmo"}, "wallet"),
        ({"phone": "+4915112345678", "wallet": "venmo"}, "phone"),
        ({"phone": "+1155550100", "wallet": "venmo"}, "phone"),
    ],
)
def test_details_that_name_nobody_or_several_are_refused(
    sealing: PayPalPayees, details: dict[str, str], field: str
) -> None:
    with pytest.raises(NotPayable) as refused:
        sealing.destination("ada", details)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("phone", ["+14155550100", "+4915112345678", "+123456789012345"], ["4155550100", "+0123"]),
        ("paypal_id", ["QYR5Z8XDVJNXQ"], ["QYR5Z8XDVJNX", "QYR5Z8XDVJNXO", "qyr5z8xdvjnxq"]),
        ("user_handle", ["ada", "@ada_l-1"], ["a da", "a@da", "ada:b", ""]),
        ("notification_language", ["de", "pt-BR", "zh-Hant-TW"], ["DE", "german", "de_DE"]),
    ],
)
def test_the_pattern_of_a_detail_is_paypals(
    sealing: PayPalPayees, name: str, good: list[str], bad: list[str]
) -> None:
    [pattern] = [detail.pattern for detail in sealing.details if detail.name == name]
    assert all(re.fullmatch(pattern, each) for each in good)
    assert not any(re.fullmatch(pattern, each) for each in bad)


def test_venmo_is_paid_in_dollars_and_with_a_note_alone(sealing: PayPalPayees) -> None:
    to = sealing.destination("ada", HANDLE)
    assert sealing.problem(to, DOLLARS, NOTED) is None
    euros = sealing.problem(to, Money(Decimal(5), "EUR"), NOTED)
    silent = sealing.problem(to, DOLLARS, NO_TEXTS)
    assert euros is not None
    assert silent is not None
    assert (euros.field, silent.field) == ("currency", "description")
    phone = sealing.destination("ada", PHONE)
    assert sealing.problem(phone, Money(Decimal(5), "EUR"), NO_TEXTS) is None


@pytest.mark.parametrize(
    ("details", "named", "is_payee"),
    [
        (PHONE, "4155550100", True),
        (PHONE, "1 (415) 555-0100", True),
        (PHONE, "+14155550101", False),
        (PHONE, "0100", False),
        (PHONE, "", False),
        (HANDLE, "ada-lovelace", True),
        (HANDLE, "@ADA-Lovelace", True),
        (HANDLE, "@ada", False),
        (ACCOUNT, "QYR5Z8XDVJNX2", False),
    ],
)
def test_a_receiver_is_the_payee_in_whatever_form_paypal_names_it(
    sealing: PayPalPayees, details: dict[str, str], named: str, is_payee: bool
) -> None:
    assert sealing.is_payee("ada", sealing.destination("ada", details), named) is is_payee


@pytest.mark.parametrize(
    ("receiver", "display"),
    [
        ("+14155550100", "***0100"),
        ("bob@example.com", "b***@example.com"),
        ("@bob", "@b***"),
        ("bob", "***"),
    ],
)
def test_what_paypal_names_is_masked_as_well(
    sealing: PayPalPayees, receiver: str, display: str
) -> None:
    assert sealing.display("ada", receiver) == display


def an_event(receiver: object, kind: str = "PHONE", item_id: str = ITEM.item_id) -> bytes:
    """Return the body of an event about an item."""
    item = {"receiver": receiver, "recipient_type": kind, "sender_item_id": item_id}
    resource = {"payout_item": item, "transaction_status": "SUCCESS", "payout_batch_id": "B"}
    event = {"id": "WH-1", "event_type": "PAYMENT.PAYOUTS-ITEM.SUCCEEDED", "resource": resource}
    return json.dumps(event).encode()


@pytest.mark.parametrize(
    ("details", "kind"), [(PHONE, "PHONE"), (ACCOUNT, "PAYPAL_ID"), (PHONE, "")]
)
def test_an_event_is_stored_with_its_number_sealed(
    sealing: PayPalPayees, details: dict[str, str], kind: str
) -> None:
    [number] = details.values()
    stored = sealing.sealed(an_event(number, kind))
    assert number.encode() not in stored
    expected = json.loads(an_event(number, kind))
    receiver = json.loads(stored)["resource"]["payout_item"]["receiver"]
    expected["resource"]["payout_item"]["receiver"] = receiver
    assert json.loads(stored) == expected
    destination = sealing.destination("ada", details)
    assert sealing.is_payee("ada", destination, receiver)
    other = sealing.destination("ada", {"phone": "+14155550199"})
    assert not sealing.is_payee("ada", other, receiver)
    assert sealing.display("ada", receiver) == f"***{number[-4:]}"


@pytest.mark.parametrize(
    "body",
    [
        an_event("ada@example.com", "EMAIL"),
        an_event("@ada", "USER_HANDLE"),
        an_event("ada", "USER_HANDLE"),
        an_event(None),
        b'{"resource": {"batch_header": {}}}',
        b'{"resource": {"payout_item": 7}}',
    ],
)
def test_an_event_without_a_number_is_stored_as_it_came(sealing: PayPalPayees, body: bytes) -> None:
    assert sealing.sealed(body) == body


def test_a_number_of_nobody_s_is_masked_for_good(sealing: PayPalPayees) -> None:
    for payees, body in (
        (sealing, an_event("+14155550100", item_id="another program's")),
        (PayPalPayees(), an_event("+14155550100")),
    ):
        assert json.loads(payees.sealed(body))["resource"]["payout_item"]["receiver"] == "***0100"


@pytest.mark.parametrize("broken", ["FAX:PAYPAL::1", "PHONE:PURSE::1", "a:b"])
def test_a_broken_destination_pays_nobody(sealing: PayPalPayees, broken: str) -> None:
    with pytest.raises(Misconfigured, match="NOT_A_RECIPIENT"):
        sealing.recipient("ada", broken)
