"""Phones, payer IDs and Venmo: what is taken, what it becomes, and how an answer names it."""

from __future__ import annotations

from typing import Any

import pytest

from .support import PAYOUTS, Api, batch, item

NOTE = {"note": "June"}
VENMO = {"recipient_wallet": "VENMO", **NOTE}


def to(kind: str, receiver: str, **more: Any) -> dict[str, Any]:
    """Return an item for a recipient of that type."""
    return item(receiver, recipient_type=kind, **more)


@pytest.mark.parametrize(
    ("kind", "receiver", "more"),
    [
        ("PHONE", "+4915112345678", {}),
        ("PHONE", "408-234-1234", VENMO),
        ("PHONE", "+14155550100", VENMO),
        ("PAYPAL_ID", "QYR5Z8XDVJNXQ", {}),
        ("USER_HANDLE", "@ada", VENMO),
        ("EMAIL", "ada@example.com", VENMO),
        ("EMAIL", "ada@example.com", {"notification_language": "pt-BR"}),
    ],
)
def test_each_recipient_is_paid(api: Api, kind: str, receiver: str, more: dict[str, Any]) -> None:
    """The answers are checked against PayPal's description, which names no handles in them."""
    found = api.show(api.pay(to(kind, receiver, **more)))["items"][0]["payout_item"]
    assert found["receiver"] == receiver
    assert found["recipient_wallet"] == more.get("recipient_wallet", "PAYPAL")
    assert found.get("recipient_type") == (kind if kind != "USER_HANDLE" else None)
    [entry] = api.ledger()
    assert entry["recipient_type"] == kind
    assert entry["notification_language"] == more.get("notification_language")


@pytest.mark.parametrize(
    ("refused", "field"),
    [
        (to("PHONE", "+14155550100", recipient_wallet="VENMO"), "note"),
        (to("PHONE", "+14155550100", recipient_wallet="VENMO", note=""), "note"),
        (to("PHONE", "+4915112345678", **VENMO), "receiver"),
        (to("PHONE", "+1155550100", **VENMO), "receiver"),
        (to("PAYPAL_ID", "QYR5Z8XDVJNXQ", **VENMO), "recipient_type"),
        (to("USER_HANDLE", "@ada", **NOTE), "recipient_wallet"),
        (to("USER_HANDLE", "@ada", currency="EUR", **VENMO), "amount.currency"),
        (item(notification_language="german"), "notification_language"),
        (item(notification_language="x" * 11), "notification_language"),
    ],
)
def test_what_venmo_does_not_take_is_refused(api: Api, refused: dict[str, Any], field: str) -> None:
    answer = api.post(PAYOUTS, batch(refused))
    assert (answer.status_code, answer.get_json()["name"]) == (400, "VALIDATION_ERROR")
    assert [each["field"] for each in answer.get_json()["details"]] == [f"items[0].{field}"]
    assert api.ledger() == []


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("0100", "SUCCESS"),
        ("0101", "FAILED"),
        ("0102", "UNCLAIMED"),
        ("0103", "RETURNED"),
        ("0104", "ONHOLD"),
        ("0105", "BLOCKED"),
        ("0106", "SUCCESS"),
        ("0108", "SUCCESS"),
    ],
)
@pytest.mark.parametrize("form", ["+1415555{}", "415-555-{}"])
def test_the_last_digits_of_a_phone_decide(api: Api, form: str, ending: str, status: str) -> None:
    api.pay(to("PHONE", form.format(ending), **VENMO))
    api.clock.pass_by(seconds=2)
    assert api.ledger()[0]["transaction_status"] == status


@pytest.mark.parametrize(
    ("kind", "receiver", "more", "status"),
    [
        ("USER_HANDLE", "@fail-bob", VENMO, "FAILED"),
        ("USER_HANDLE", "Unclaimed_bob", VENMO, "UNCLAIMED"),
        ("USER_HANDLE", "bob-fail", VENMO, "SUCCESS"),
        ("PAYPAL_ID", "FAILQYR5Z8XDV", {}, "FAILED"),
    ],
)
def test_the_beginning_of_a_handle_or_a_payer_id_decides(
    api: Api, kind: str, receiver: str, more: dict[str, Any], status: str
) -> None:
    api.pay(to(kind, receiver, **more))
    api.clock.pass_by(seconds=2)
    assert api.ledger()[0]["transaction_status"] == status
