"""Batches to phones, accounts and Venmo: what is sent, what is refused, and whose fault it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from paymentapp.clock import utc_now
from paymentapp.errors import Misconfigured
from paymentapp.models.batches import Member
from paymentapp.providers.base import Accepted, Refused
from paymentapp.providers.paypal.payees import PayPalPayees
from paymentapp.providers.paypal.provider import PayPal
from paymentapp.vault.sealing import Vault, new_key
from tests.support.paypal_server import (
    PAYOUTS,
    PayPalServer,
    a_batch,
    created,
    members,
    problem,
    settings_for,
)

VAULT = Vault(new_key())
PAYEES = PayPalPayees(VAULT)
BATCH = a_batch()
PHONE = {"phone": "+14155550100", "wallet": "venmo", "notification_language": "es-US"}


@pytest.fixture
def server() -> Iterator[PayPalServer]:
    with PayPalServer().running() as running:
        yield running


def to(details: dict[str, str], description: str | None = "June") -> Member:
    """Return a member that is paid by these details."""
    [member] = members("ann@example.com")
    destination = PAYEES.destination(member.customer_id, details)
    return member._replace(destination=destination, description=description)


def item(server: PayPalServer, member: Member, **settings: Any) -> dict[str, Any]:
    """Return the item that is sent for a member."""
    server.says("POST", PAYOUTS, created("BATCH1", BATCH.batch_id))
    paypal = PayPal(settings_for(server.url, **settings), utc_now, VAULT)
    assert paypal.submit(BATCH, [member]) == Accepted("BATCH1")
    [sent] = server.asked("POST", PAYOUTS)
    [found] = sent.json["items"]
    names = ("recipient_type", "receiver", "recipient_wallet", "note", "notification_language")
    return {name: found[name] for name in names if name in found}


def test_a_phone_at_venmo_is_sent_in_full_with_its_note_and_language(server: PayPalServer) -> None:
    assert item(server, to(PHONE)) == {
        "recipient_type": "PHONE",
        "receiver": "+14155550100",
        "recipient_wallet": "VENMO",
        "note": "June",
        "notification_language": "es-US",
    }


@pytest.mark.parametrize(
    ("details", "sent"),
    [
        ({"paypal_id": "QYR5Z8XDVJNXQ"}, {"recipient_type": "PAYPAL_ID"}),
        ({"phone": "+4915112345678"}, {"recipient_type": "PHONE"}),
        (
            {"user_handle": "@ada", "wallet": "venmo"},
            {"recipient_type": "USER_HANDLE", "recipient_wallet": "VENMO"},
        ),
    ],
)
def test_each_recipient_goes_under_its_type(
    server: PayPalServer, details: dict[str, str], sent: dict[str, str]
) -> None:
    receiver = next(iter(details.values()))
    assert item(server, to(details, None)) == {"receiver": receiver, **sent}


def test_the_language_of_the_details_goes_before_that_of_the_setting(server: PayPalServer) -> None:
    [plain] = members("ann@example.com")
    assert item(server, plain, language="de")["notification_language"] == "de"
    server.forget()
    assert item(server, to(PHONE), language="de")["notification_language"] == "es-US"


def refused(server: PayPalServer, member: Member, field: str) -> Refused:
    """Return the outcome where PayPal refuses a field of the only item."""
    detail = {"field": field, "location": "body", "issue": "Not valid"}
    server.says("POST", PAYOUTS, problem(400, "VALIDATION_ERROR", detail))
    outcome = PayPal(settings_for(server.url, note="Hello"), utc_now, VAULT).submit(BATCH, [member])
    assert isinstance(outcome, Refused)
    return outcome


@pytest.mark.parametrize(
    "field",
    ["recipient_type", "recipient_wallet", "note", "notification_language", "receiver"],
)
def test_what_is_frozen_with_a_payment_is_its_own_fault(server: PayPalServer, field: str) -> None:
    assert set(refused(server, to(PHONE), f"items[0].{field}").member_errors) == {0}


@pytest.mark.parametrize("field", ["recipient_type", "note", "notification_language"])
def test_what_a_setting_says_is_never_refused_for_good(server: PayPalServer, field: str) -> None:
    """It may change between two attempts, of which the first may have been accepted."""
    [plain] = members("ann@example.com")
    with pytest.raises(Misconfigured):
        refused(server, plain, f"items[0].{field}")


def test_what_no_key_here_opens_is_not_sent(server: PayPalServer) -> None:
    other = PayPal(settings_for(server.url), utc_now, Vault(new_key()))
    with pytest.raises(Misconfigured, match="UNKNOWN_VAULT_KEY") as raised:
        other.submit(BATCH, [to(PHONE)])
    assert raised.value.had_no_effect
    assert server.asked("POST", PAYOUTS) == []


def test_no_number_is_logged(server: PayPalServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    refused(server, to(PHONE), "items[0].receiver")
    server.forget()
    item(server, to(PHONE))
    assert "4155550100" not in caplog.text
