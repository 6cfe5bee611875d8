"""Records for storage tests, with useful defaults for every field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from paymentapp.clock import to_text
from paymentapp.models.api_keys import ApiKey
from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.bulk import BulkMode, BulkRow, BulkRun, BulkStatus, new_bulk_id
from paymentapp.models.customers import Customer
from paymentapp.models.events import Event
from paymentapp.models.holds import Hold, HoldScope
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.models.revisions import new_revision
from paymentapp.models.webhook_endpoints import (
    SigningSecret,
    WebhookDelivery,
    WebhookEndpoint,
    new_endpoint_id,
)
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_customer(**fields: Any) -> Customer:
    return replace(Customer("ada", "ada@example.com", NOW), **fields)


def a_payment(**fields: Any) -> Payment:
    """Return a payment that was just accepted and is due."""
    payment = Payment(
        customer_id="ada",
        payment_id=to_text(NOW),
        money=usd("12.5"),
        payment_method="paypal",
        email="ada@example.com",
        status=Status.PENDING,
        history=(Transition(NOW, Status.PENDING, Cause.REQUEST),),
        request_id=new_revision(),
        revision=new_revision(),
        due_at=NOW,
        due_shard=1,
    )
    return replace(payment, **fields)


def payments_over_time(count: int) -> list[Payment]:
    """Return payments of one customer, a second apart, oldest first."""
    return [a_payment(payment_id=to_text(later(second))) for second in range(count)]


def payments_of_many(count: int) -> list[Payment]:
    return [a_payment(customer_id=f"c{number}") for number in range(count)]


def stamped(payment: Payment, batch_id: str = "b1") -> Payment:
    return payment.moved(
        Status.SUBMITTING, later(1), Cause.DISPATCH, batch_id, batch_id=batch_id, due_at=None
    )


def a_claim(**fields: Any) -> IdempotencyRecord:
    claim = IdempotencyRecord(
        key_hash="h1",
        fingerprint="f1",
        customer_id="ada",
        payment_id=to_text(NOW),
        # Far away by every clock: an emulator and SQLite's start look at the real one.
        expires_at=datetime(2100, 1, 1, tzinfo=UTC),
        revision=new_revision(),
    )
    return replace(claim, **fields)


def add_payment(store: Store, payment: Payment) -> Payment:
    """Accept a payment without a key; return what is stored under its key."""
    stored = store.accept(Acceptance(payment)).payment
    assert stored is not None
    return stored


def add_claim(store: Store, claim: IdempotencyRecord) -> IdempotencyRecord:
    """Bind a key, together with a payment of its own; return what is stored for the key."""
    bound = store.accept(Acceptance(_payment_of_its_own(), claim)).record
    assert bound is not None
    return bound


def change_claim(store: Store, old: IdempotencyRecord, new: IdempotencyRecord) -> bool:
    """Bind a key to another payment; return whether `old` was what is stored."""
    return store.accept(Acceptance(_payment_of_its_own(), new, old)).payment is not None


def _payment_of_its_own() -> Payment:
    return a_payment(customer_id=f"claimant-{new_revision()}", due_at=None)


def an_api_key(**fields: Any) -> ApiKey:
    """Return a key as an earlier version stored it."""
    key = ApiKey("k1", "hash", "the front desk", frozenset({"read", "write"}), NOW)
    return replace(key, **fields)


def a_hold(**fields: Any) -> Hold:
    hold = Hold("h1", HoldScope.CUSTOMER, "ada", "a doubt", "the front desk", NOW)
    return replace(hold, **fields)


def a_batch(**fields: Any) -> Batch:
    batch = Batch(
        batch_id=f"b-{new_revision()}",
        provider="paypal",
        currency="USD",
        state=BatchState.PREPARED,
        size=2,
        created_at=NOW,
        revision=new_revision(),
        attention_at=later(60),
        attention_shard=1,
    )
    return replace(batch, **fields)


def members(count: int) -> list[Member]:
    return [
        Member(f"c{number}", to_text(later(number)), usd(f"{number}.01"), f"c{number}@example.com")
        for number in range(1, count + 1)
    ]


def an_event(**fields: Any) -> ProviderEvent:
    """Return an event that was just received and has to be applied."""
    event = ProviderEvent(
        provider="paypal",
        event_id=f"WH-{new_revision()}",
        kind="PAYMENT.PAYOUTS-ITEM.SUCCEEDED",
        body='{"id": "WH-1"}',
        # Far away by every clock: it is deleted some time after.
        received_at=datetime(2100, 1, 1, 12, 0, 0, 123456, tzinfo=UTC),
        revision=new_revision(),
        attention_at=NOW,
        attention_shard=1,
    )
    return replace(event, **fields)


def an_endpoint(**fields: Any) -> WebhookEndpoint:
    """Return a webhook endpoint that was just registered."""
    endpoint = WebhookEndpoint(
        endpoint_id=new_endpoint_id(NOW),
        url="https://example.com/events",
        event_types=(),
        description="",
        created_at=NOW,
        created_by="shop",
        secrets=(SigningSecret("k1.abc_-", NOW),),
        revision=new_revision(),
    )
    return replace(endpoint, **fields)


def a_delivery(number: int = 1, **fields: Any) -> WebhookDelivery:
    """Return a delivery that is due; the number is its event's place in the list."""
    event = Event("payment.pending", NOW, ("ada", to_text(NOW)))
    delivery = WebhookDelivery(
        "we_1", f"evt_{number:020}", event, NOW, next_attempt_at=NOW, revision=new_revision()
    )
    return replace(delivery, **fields)


def a_run(**fields: Any) -> BulkRun:
    """Return a bulk run that was just accepted."""
    run = BulkRun(
        bulk_id=new_bulk_id(NOW),
        mode=BulkMode.EACH,
        status=BulkStatus.ACCEPTING,
        is_dry=False,
        registers=False,
        total=3,
        chunks=2,
        created_at=NOW,
        created_by="shop",
        revision=new_revision(),
        identities=frozenset({"shop"}),
        attention_at=NOW,
    )
    return replace(run, **fields)


def bulk_rows(count: int, first: int = 2) -> list[BulkRow]:
    """Return rows of 10 USD each, to customers of their own."""
    return [
        BulkRow(n, f"c{n}", f"c{n}@example.com", usd("10")) for n in range(first, first + count)
    ]
