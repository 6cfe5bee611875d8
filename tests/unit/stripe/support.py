"""Shared helpers: payments, and answers in Stripe's format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from paymentapp.models.batches import Batch, BatchState, Member, new_batch_id
from paymentapp.models.money import Money
from paymentapp.models.revisions import new_revision
from paymentapp.providers.base import Accepted
from paymentapp.providers.stripe.provider import Stripe
from tests.support.paypal_server import PayPalServer, Says
from tests.support.stripe_backend import StripeBackend

PAYMENT_ID = "2026-03-01T09:29:00.000001Z"
ACCOUNT = "acct_simok0001"
TRANSFERS = "/v1/transfers"
PAYOUTS = "/v1/payouts"
BALANCE = "/v1/balance"
OWN_ACCOUNT = "/v1/account"  # of whom the Stripe-Account header names
REQUEST_ID = "req_ofthetests01"


def a_payment(
    now: datetime, to: str = ACCOUNT, amount: str = "12.5", currency: str = "USD"
) -> tuple[Batch, list[Member]]:
    """Return a batch of one that was frozen just now."""
    batch = Batch(
        *(new_batch_id(now), "stripe", currency, BatchState.FROZEN, 1, now, new_revision()),
        frozen_at=now,
    )
    money = Money(Decimal(amount), currency)
    return batch, [Member("ann", PAYMENT_ID, money, "ann@example.com", to)]


def pays(backend: StripeBackend, to: str = ACCOUNT, **given: str) -> Batch:
    """Return a batch that has been accepted, as the service has it then."""
    batch, members = a_payment(backend.clock(), to, **given)
    return taken(backend.provider, batch, members, backend.clock())  # type: ignore[arg-type]


def taken(provider: Stripe, batch: Batch, members: list[Member], now: datetime) -> Batch:
    """Submit a batch that has to be accepted."""
    outcome = provider.submit(batch, members)
    assert isinstance(outcome, Accepted)
    return batch.changed(state=BatchState.ACCEPTED, reference=outcome.reference, accepted_at=now)


def error(
    status: int,
    code: str | None = None,
    kind: str = "invalid_request_error",
    param: str | None = None,
    **headers: str,
) -> Says:
    """Return an error in Stripe's format; its text quotes what must not be logged."""
    body = {"type": kind, "message": "Something about acct_simok0001 and sk_test_simulated0001"}
    body |= {"code": code} if code else {}
    body |= {"param": param} if param else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Says(status, {"error": body}, {"Request-Id": REQUEST_ID} | named)


def a_transfer(batch: Batch, member: Member, **other: Any) -> dict[str, Any]:
    """Return a transfer of a batch, as Stripe shows it."""
    account, _, payout = (member.destination or "").partition(":")
    return {
        "id": "tr_1",
        "object": "transfer",
        "amount": int(member.money.amount * 100),
        "amount_reversed": 0,
        "created": int((batch.frozen_at or batch.created_at).timestamp()),
        "currency": member.money.currency.lower(),
        "destination": account,
        "livemode": False,
        "metadata": {
            "batch_id": batch.batch_id,
            "item_id": member.item_id,
            "payout": payout or "none",
        },
        "reversed": False,
        "transfer_group": batch.batch_id,
        **other,
    }


def a_list(*elements: Mapping[str, Any], more: bool = False) -> Says:
    """Return a page of a list."""
    return Says(200, {"object": "list", "data": list(elements), "has_more": more, "url": "/v1/x"})


def with_funds(server: PayPalServer, amount: int = 10**9) -> None:
    """Let the account have money."""
    server.says("GET", BALANCE, Says(200, {"available": [{"amount": amount, "currency": "usd"}]}))


def body_of(event: Mapping[str, Any]) -> bytes:
    """Return an event as it is delivered."""
    return json.dumps(event).encode()


def spend(backend: StripeBackend, account: str) -> str:
    """Let the account's owner pay the money out to themselves, without an event."""
    answer = backend.app.test_client().post(
        "/stripe/v1/payouts",
        data={"amount": "1250", "currency": "usd"},
        headers=owner(account),
    )
    assert answer.status_code == 200, answer.text
    return str(answer.get_json()["id"])


def cancel(backend: StripeBackend, account: str, payout_id: str) -> None:
    answer = backend.app.test_client().post(
        f"/stripe/v1/payouts/{payout_id}/cancel", data={}, headers=owner(account)
    )
    assert answer.status_code == 200, answer.text


def owner(account: str) -> dict[str, str]:
    return {"Authorization": "Bearer sk_test_simulated0001", "Stripe-Account": account}
