"""Stripe's events: verified with any of the secrets and our clock, and parsed as reports."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe as library

from paymentapp.errors import NotGenuine
from paymentapp.models.batches import Batch
from paymentapp.models.payments import Status
from paymentapp.providers.stripe.provider import Stripe
from paymentapp.providers.updates import WebhookNews
from tests.support.paypal_server import FakeClock
from tests.support.stripe_backend import KEY, WEBHOOK_SECRET, StripeBackend, stripe_at
from tests.unit.stripe.support import ACCOUNT, a_payment, a_transfer, body_of, pays

OLDER = "whsec_theolder0001"


@pytest.fixture
def provider(clock: FakeClock) -> Stripe:
    return stripe_at("https://api.stripe.com", clock, webhook_secrets=f"{WEBHOOK_SECRET},{OLDER}")


def signed(
    body: bytes, clock: FakeClock, secret: str = WEBHOOK_SECRET, age: int = 0
) -> dict[str, str]:
    """Return the header that Stripe would send with it; the library has the same, for tests."""
    moment = int(clock().timestamp()) - age
    header = library.WebhookSignature.generate_signature_header(body.decode(), secret, moment)
    return {"stripe-signature": header}


def verify(provider: Stripe, headers: dict[str, str], body: bytes) -> None:
    assert provider.webhooks is not None
    provider.webhooks.verify_webhook(headers, body)


def parse(provider: Stripe, event: Any) -> WebhookNews:
    assert provider.webhooks is not None
    return provider.webhooks.parse_webhook(event if isinstance(event, bytes) else body_of(event))


BODY = body_of({"id": "evt_1", "type": "transfer.created", "livemode": False})


# --- told from anybody else's


@pytest.mark.parametrize("secret", [WEBHOOK_SECRET, OLDER])
def test_either_secret_is_believed_while_it_is_rotated(
    provider: Stripe, clock: FakeClock, secret: str
) -> None:
    verify(provider, signed(BODY, clock, secret), BODY)
    with pytest.raises(NotGenuine):
        verify(provider, signed(BODY, clock, "whsec_notours0001"), BODY)


def test_a_header_with_two_signatures_is_believed_for_the_one_that_is_right(
    provider: Stripe, clock: FakeClock
) -> None:
    """Accept what Stripe sends while a secret is rotated: "t=...,v1=...,v1=..."."""
    moment, old = signed(BODY, clock, "whsec_gone0001")["stripe-signature"].split(",")
    _, new = signed(BODY, clock)["stripe-signature"].split(",")
    verify(provider, {"stripe-signature": f"{moment},{old},{new},v0=fake"}, BODY)


@pytest.mark.parametrize(("age", "fine"), [(-299, True), (299, True), (-302, False), (302, False)])
def test_a_signature_is_as_old_as_our_clock_says(
    provider: Stripe, clock: FakeClock, age: int, fine: bool
) -> None:
    headers = signed(BODY, clock, age=age)
    if fine:
        verify(provider, headers, BODY)
    else:
        with pytest.raises(NotGenuine, match="too far from now"):
            verify(provider, headers, BODY)


def test_another_body_and_another_time_are_not_what_was_signed(
    provider: Stripe, clock: FakeClock
) -> None:
    headers = signed(BODY, clock)
    with pytest.raises(NotGenuine):
        verify(provider, headers, BODY + b" ")
    stale = signed(BODY, clock, age=4000)["stripe-signature"]
    now = int(clock().timestamp())
    moved = f"t={now}," + stale.partition(",")[2]
    with pytest.raises(NotGenuine):
        verify(provider, {"stripe-signature": moved}, BODY)
    fresh = signed(BODY, clock)["stripe-signature"]
    # A second time beside the one that was signed, before it and behind it.
    for again in (f"t={now},{stale}", f"{stale},t={now}", f"{fresh},t={now}"):
        with pytest.raises(NotGenuine):
            verify(provider, {"stripe-signature": again}, BODY)


@pytest.mark.parametrize(
    "header",
    ["", "t=", "t=1", "v1=abc", "t=x,v1=abc", "t=1,v0=abc", "nonsense", "t=1,v1=\u00e9",
     f"t={'9' * 30},v1=a", "=,=,="],
)  # fmt: skip
def test_a_header_of_another_form_is_not_stripes(provider: Stripe, header: str) -> None:
    with pytest.raises(NotGenuine):
        verify(provider, {"stripe-signature": header}, BODY)
    with pytest.raises(NotGenuine):
        verify(provider, {}, BODY)


def test_bytes_that_are_no_text_are_not_stripes(provider: Stripe, clock: FakeClock) -> None:
    with pytest.raises(NotGenuine):
        verify(provider, signed(BODY, clock), b"\xff\xfe")


def test_what_the_simulator_signs_is_believed(backend: StripeBackend) -> None:
    pays(backend)
    [move] = backend.moves("transfer")
    issued = backend.app.test_client().post("/_simulator/stripe/events", json={"id": move["id"]})
    told = issued.get_json()
    headers = {name.lower(): value for name, value in told["headers"].items()}
    provider = stripe_at(backend.url, backend.clock)
    verify(provider, headers, told["body"].encode())
    news = parse(provider, told["body"].encode())
    assert (news.kind, news.batch_id) == ("transfer.created", move["transfer_group"])


# --- read


def an_event(kind: str, about: dict[str, Any], account: str | None = None, **other: Any) -> Any:
    event = {"id": "evt_1", "type": kind, "livemode": False, "data": {"object": about}}
    return event | ({"account": account} if account else {}) | other


def a_payout(batch: Batch, item_id: str, status: str, **other: Any) -> dict[str, Any]:
    metadata = {"batch_id": batch.batch_id, "item_id": item_id, "payout": "standard"}
    return {
        "id": "po_1",
        "object": "payout",
        "status": status,
        "amount": 1250,
        "currency": "usd",
        "failure_code": "account_closed" if status == "failed" else None,
        "metadata": metadata | {"transfer": "tr_1"},
        **other,
    }


def test_a_transfer_alone_is_read_as_arrived(provider: Stripe, clock: FakeClock) -> None:
    batch, members = a_payment(clock())
    news = parse(provider, an_event("transfer.created", a_transfer(batch, members[0])))
    assert news.item is not None
    assert (news.event_id, news.batch_id, news.reference) == ("evt_1", batch.batch_id, "tr_1")
    assert (news.item.status, news.item.item_id) == (Status.SUCCEEDED, members[0].item_id)
    assert (news.item.money, news.item.receiver) == (members[0].money, ACCOUNT)


def test_a_transfer_that_a_payout_follows_is_read_as_on_its_way(
    provider: Stripe, clock: FakeClock
) -> None:
    batch, members = a_payment(clock(), f"{ACCOUNT}:instant")
    news = parse(provider, an_event("transfer.created", a_transfer(batch, members[0])))
    assert news.item is not None
    assert news.item.status is Status.SUBMITTED
    assert news.item.receiver == f"{ACCOUNT}:instant"


def test_a_reversed_transfer_is_read_as_returned(provider: Stripe, clock: FakeClock) -> None:
    batch, members = a_payment(clock())
    back = a_transfer(batch, members[0], reversed=True, amount_reversed=1250)
    news = parse(provider, an_event("transfer.reversed", back))
    assert news.item is not None
    assert news.item.status is Status.RETURNED


@pytest.mark.parametrize(
    ("status", "read"),
    [
        ("pending", Status.SUBMITTED),
        ("in_transit", Status.SUBMITTED),
        ("paid", Status.SUCCEEDED),
        ("failed", Status.RETURNED),
        ("canceled", Status.RETURNED),
        ("on_holiday", None),
    ],
)
def test_a_payout_is_read_with_the_account_that_it_is_of(
    provider: Stripe, clock: FakeClock, status: str, read: Status | None
) -> None:
    batch, members = a_payment(clock(), f"{ACCOUNT}:standard")
    about = a_payout(batch, members[0].item_id, status)
    news = parse(provider, an_event("payout.updated", about, ACCOUNT))
    assert news.item is not None
    assert (news.batch_id, news.item.status) == (batch.batch_id, read)
    assert news.item.provider_item_id == "tr_1/po_1"
    assert (news.item.money, news.item.receiver) == (members[0].money, f"{ACCOUNT}:standard")


@pytest.mark.parametrize("status", ["paid", "failed"])
def test_a_payout_of_an_early_api_version_is_called_a_transfer(
    provider: Stripe, clock: FakeClock, status: str
) -> None:
    batch, members = a_payment(clock(), f"{ACCOUNT}:standard")
    about = a_payout(batch, members[0].item_id, status, object="transfer")
    event = an_event(f"transfer.{status}", about, ACCOUNT, api_version="2016-10-19")
    read = parse(provider, event)
    modern = parse(provider, an_event(f"payout.{status}", about, ACCOUNT))
    assert read.item is not None
    assert (read.item, read.batch_id) == (modern.item, modern.batch_id)


def test_a_transfer_or_payout_that_cannot_be_read_is_a_problem(
    provider: Stripe, clock: FakeClock
) -> None:
    batch, members = a_payment(clock())
    strange = a_transfer(batch, members[0]) | {"amount": "1250"}
    event = an_event("transfer.created", strange, api_version="2014-01-31")
    problem = "transfer.created without a readable object, API version 2014-01-31"
    assert parse(provider, event).problem == problem
    for about in ({}, {"id": "po_1", "object": "payout"}, {"id": "tr_1"}):
        assert "API version unknown" in parse(provider, an_event("payout.paid", about)).problem
    for fine in (
        an_event("charge.failed", {}),
        an_event("payout.paid", {}, livemode=True),
        an_event("payout.paid", a_payout(batch, "x", "paid", metadata={}), ACCOUNT),
    ):
        assert parse(provider, fine).problem == ""


def test_amounts_are_read_by_their_currency(provider: Stripe, clock: FakeClock) -> None:
    for currency, amount, units in (
        ("JPY", "1250", 1250),
        ("ISK", "5", 500),
        ("KWD", "1.23", 1230),
    ):
        batch, members = a_payment(clock(), ACCOUNT, amount, currency)
        about = a_transfer(batch, members[0], amount=units)
        news = parse(provider, an_event("transfer.created", about))
        assert news.item is not None
        assert news.item.money == members[0].money


def test_what_is_not_ours_is_of_no_concern(provider: Stripe, clock: FakeClock) -> None:
    batch, members = a_payment(clock())
    mine, item_id = a_transfer(batch, members[0]), members[0].item_id
    events = [
        an_event("charge.succeeded", {"id": "ch_1"}),
        an_event("transfer.created", mine | {"transfer_group": None}),
        an_event("transfer.created", mine | {"metadata": {}}),
        an_event("transfer.created", mine | {"amount": "1250"}),
        an_event("transfer.created", mine | {"created": 10**30}),
        an_event("transfer.created", mine, livemode=True),
        an_event("transfer.created", {}),
        an_event("payout.paid", a_payout(batch, item_id, "paid")),  # the platform's own
        an_event("payout.paid", a_payout(batch, item_id, "paid", metadata={}), ACCOUNT),
        an_event("payout.paid", a_payout(batch, item_id, "paid"), "x" * 200),
        an_event("payout.paid", a_payout(batch, item_id, "paid"), ACCOUNT, livemode=None),
        {"id": "evt_1", "type": "transfer.created", "livemode": False, "data": None},
    ]
    for event in events:
        news = parse(provider, event)
        assert (news.item, news.batch_id) == (None, None), event


def test_a_live_service_hears_of_live_events_alone(clock: FakeClock) -> None:
    live = stripe_at("https://api.stripe.com", clock, secret_key="sk_live_ofthetests0001")
    batch, members = a_payment(clock())
    event = an_event("transfer.created", a_transfer(batch, members[0]))
    assert parse(live, event).item is None
    assert parse(live, event | {"livemode": True}).item is not None


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"id": "evt_1"}',
     b'{"type": "payout.paid"}', b'{"id": "1", "type": "payout.paid"}',
     b'{"id": "evt_1", "type": "a b"}', b'{"amount": 1.5e99999999999999999999}'],
)  # fmt: skip
def test_what_makes_no_sense_is_not_genuine(provider: Stripe, body: bytes) -> None:
    with pytest.raises(NotGenuine):
        parse(provider, body)


def test_no_secret_is_told(provider: Stripe, clock: FakeClock) -> None:
    with pytest.raises(NotGenuine) as raised:
        verify(provider, signed(BODY, clock, "whsec_notours0001"), BODY)
    told = repr(raised.value) + repr(provider.webhooks) + json.dumps(str(raised.value.__cause__))
    for secret in (KEY, WEBHOOK_SECRET, OLDER, "evt_1"):
        assert secret not in told
