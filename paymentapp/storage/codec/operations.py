"""The service's own records: idempotency keys, provider state, leases, API keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from paymentapp.clock import from_text, to_text
from paymentapp.models.api_keys import ApiKey
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.provider_state import StateEntry
from paymentapp.storage.base import Lease, PaymentContext
from paymentapp.storage.codec.customers import read_customer
from paymentapp.storage.codec.records import Record, maybe_text, maybe_time, reads, without_none


def idempotency_record(claim: IdempotencyRecord) -> Record:
    """`expires_at` is in epoch seconds, the only form that DynamoDB's own expiry understands."""
    return without_none(
        {
            "fingerprint": claim.fingerprint,
            "customer_id": claim.customer_id,
            "payment_id": claim.payment_id,
            "expires_at": int(claim.expires_at.timestamp()),
            "revision": claim.revision,
            "names_method": claim.names_method,
        }
    )


@reads
def read_idempotency_record(key_hash: str, record: Record) -> IdempotencyRecord:
    return IdempotencyRecord(
        key_hash=key_hash,
        fingerprint=record["fingerprint"],
        customer_id=record["customer_id"],
        payment_id=record["payment_id"],
        expires_at=datetime.fromtimestamp(int(record["expires_at"]), UTC),
        revision=record["revision"],
        names_method=record.get("names_method"),
    )


def payment_context(
    customer: Record | None, key_hash: str | None, claim: Record | None
) -> PaymentContext:
    """Return what was read for a payment. A record without a key belongs to nobody."""
    return PaymentContext(
        read_customer(customer) if customer else None,
        read_idempotency_record(key_hash, claim) if claim and key_hash else None,
    )


def state_record(note: StateEntry) -> Record:
    return {"text": note.text, "revision": note.revision}


@reads
def read_state(name: str, record: Record) -> StateEntry:
    return StateEntry(name, record["text"], record["revision"])


def lease_record(lease: Lease) -> Record:
    return {"owner": lease.owner, "until": to_text(lease.until)}


@reads
def read_lease(name: str, record: Record) -> Lease:
    return Lease(name, record["owner"], from_text(record["until"]))


def api_key_record(key: ApiKey) -> Record:
    return without_none(
        {
            "key_id": key.key_id,
            "secret_hash": key.secret_hash,
            "name": key.name,
            "scopes": sorted(key.scopes),
            "created_at": to_text(key.created_at),
            "revoked_at": maybe_text(key.revoked_at),
        }
    )


@reads
def read_api_key(record: Mapping[str, Any]) -> ApiKey:
    return ApiKey(
        key_id=record["key_id"],
        secret_hash=record["secret_hash"],
        name=record["name"],
        scopes=frozenset(record["scopes"]),
        created_at=from_text(record["created_at"]),
        revoked_at=maybe_time(record.get("revoked_at")),
    )
