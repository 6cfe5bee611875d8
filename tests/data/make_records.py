"""Generator of the records in this folder: `python -m tests.data.make_records FILE`.

One record of every kind, with every attribute that such a record can have, in the form in which the
engines store it. It was run once, at the commit that added it. Do not run it again to make a
failing test pass: a database in use cannot be generated again either.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from paymentapp.models.api_keys import ApiKey
from paymentapp.models.batches import Batch, BatchState, Decision, Member, Resolution
from paymentapp.models.customers import Customer, PaymentMethod
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from paymentapp.models.provider_state import StateEntry
from paymentapp.storage.base import Lease
from paymentapp.storage.codec.batches import batch_record, member_records
from paymentapp.storage.codec.customers import customer_record
from paymentapp.storage.codec.operations import (
    api_key_record,
    idempotency_record,
    lease_record,
    state_record,
)
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.codec.provider_events import event_record
from paymentapp.storage.codec.records import Record
from paymentapp.storage.sqlite.json_documents import to_json

NOW = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)
MONEY = Money(Decimal("12.50"), "USD")


def customers() -> list[Record]:
    """Return a customer as registered, and one with everything that can be added."""
    plain = Customer("unixuser1", "unixuser1@example.com", NOW)
    attributes: dict[str, str | int | bool | Decimal | None]
    attributes = {"tier": "gold", "limit": Decimal("12.5"), "age": 7, "vip": True, "boss": None}
    methods = {
        "paypal": PaymentMethod("ada.l@example.com", NOW),
        "ach": PaymentMethod("a1b2c3.c2VhbGVk-_ 1234", NOW, "account 1234 has changed"),
    }
    full = Customer("ada", "ada@example.com", NOW, attributes, methods, "ach", "0123456789ab")
    return [customer_record(each) for each in (plain, full)]


def payments() -> list[Record]:
    """Return a payment just accepted, and one in each status with every attribute."""
    moves = [
        Transition(NOW, Status.PENDING, Cause.REQUEST),
        Transition(
            NOW, Status.SUBMITTING, Cause.DISPATCH, "20261124T123015123456-0011223344556677"
        ),
        Transition(NOW, Status.PENDING, Cause.PERSON, "why, in words"),
        Transition(NOW, Status.SUBMITTED, Cause.POLL, "ITEM-1"),
        Transition(NOW, Status.SUCCEEDED, Cause.WEBHOOK, "TX-1"),
    ]
    plain = Payment(
        customer_id="unixuser1",
        payment_id="2026-11-24T12:30:15.123456Z",
        money=MONEY,
        payment_method="paypal",
        email="unixuser1@example.com",
        status=Status.PENDING,
        history=(moves[0],),
        request_id="00112233445566778899aabbccddeeff",
        revision="0123456789ab",
        due_at=NOW,
        due_shard=3,
    )
    full = [
        Payment(
            customer_id="ada",
            payment_id="2026-11-24T12:30:15.123457Z",
            money=Money(Decimal(1200), "JPY"),
            payment_method="ach",
            email="ada@example.com",
            status=status,
            history=tuple(moves),
            request_id="00112233445566778899aabbccddeeff",
            revision="0123456789ab",
            due_at=NOW,
            due_shard=1,
            batch_id="20261124T123015123456-0011223344556677",
            provider_item_id="ITEM-1",
            transaction_id="TX-1",
            provider_status="UNKNOWN_TO_US",
            reason="RECEIVER_UNREGISTERED: no such account",
            isolated=True,
            cancel_requested=True,
            destination="a1b2c3.c2VhbGVk-_",
            route="rule 2; paypal did nothing",
            tried_methods=("paypal", "stripe"),
        )
        for status in Status
    ]
    return [payment_record(each) for each in (plain, *full)]


def batches() -> list[Record]:
    """Return a batch in each state, with every attribute."""
    bare = Batch("B-1", "paypal", "USD", BatchState.PREPARED, 2, NOW, "0123456789ab", NOW, 2)
    full = [
        Batch(
            batch_id="20261124T123015123456-0011223344556677",
            provider="ach",
            currency="USD",
            state=state,
            size=3,
            created_at=NOW,
            revision="0123456789ab",
            attention_at=None if state is BatchState.PARKED else NOW,
            attention_shard=2,
            excluded=(0, 2),
            frozen_at=NOW,
            accepted_at=NOW,
            parked_at=NOW,
            reference="file-1.ach",
            attempts=4,
            last_error="OutcomeUnknown: TIMEOUT",
            member_errors={1: "RECEIVER_INVALID", 2: "two words"},
            decision=Decision(NOW, verdict, "ann", "looked it up", "attempts: 4"),
        )
        for state in BatchState
        for verdict in Resolution
    ]
    return [batch_record(each) for each in (bare, *full)]


def members() -> list[Record]:
    """Return members with and without destinations."""
    batch = Batch("B-1", "ach", "USD", BatchState.PREPARED, 2, NOW, "0123456789ab")
    listed = [
        Member("unixuser1", "2026-11-24T12:30:15.123456Z", MONEY, "unixuser1@example.com"),
        Member("ada", "2026-11-24T12:30:15.123457Z", MONEY, "ada@example.com", "a1b2c3.c2V hbA"),
    ]
    return member_records(batch, listed)


def events() -> list[Record]:
    """Return an event in each state."""
    return [
        event_record(
            ProviderEvent(
                provider="paypal",
                event_id="WH-1",
                kind="PAYMENT.PAYOUTS-ITEM.SUCCEEDED",
                body='{"id": "WH-1"}',
                received_at=NOW,
                revision="0123456789ab",
                state=state,
                attention_at=NOW if state is ProviderEventState.WAITING else None,
                attention_shard=1,
                note="nobody could look" if state is not ProviderEventState.APPLIED else None,
            )
        )
        for state in ProviderEventState
    ]


def operations() -> dict[str, list[Record]]:
    """Return one or two records of each other kind."""
    claim = IdempotencyRecord(
        "c" * 64, "f" * 32, "ada", "2026-11-24T12:30:15.123456Z", NOW, "0123456789ab"
    )
    valid = ApiKey("0011223344556677", "a" * 64, "kept", frozenset({"read", "write"}), NOW)
    revoked = ApiKey("8899aabbccddeeff", "b" * 64, "old", frozenset({"read"}), NOW, NOW)
    note = StateEntry("ach/upload/B-1", '{"step": "uploaded"}', "0123456789ab")
    lease = Lease("sweep#0001", "0011223344556677", NOW + timedelta(seconds=15))
    return {
        "idempotency_key": [idempotency_record(claim)],
        "note": [state_record(note)],
        "lease": [lease_record(lease)],
        "api_key": [api_key_record(each) for each in (valid, revoked)],
    }


def main() -> None:
    """Write the records in SQLite's document format."""
    kinds = {
        "customer": customers(),
        "payment": payments(),
        "batch": batches(),
        "members": members(),
        "event": events(),
        **operations(),
    }
    documents = {name: [json.loads(to_json(each)) for each in kept] for name, kept in kinds.items()}
    Path(sys.argv[1]).write_text(json.dumps(documents, indent=1) + "\n")


if __name__ == "__main__":
    main()
