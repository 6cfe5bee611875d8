"""Idempotency records, provider state, leases, holds and API keys as records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from paymentapp.clock import from_text, maybe_text, maybe_time, to_text
from paymentapp.models.api_keys import ApiKey, KeyAction, KeyChange
from paymentapp.models.holds import Hold, HoldScope
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.provider_state import StateEntry
from paymentapp.storage.accepting import PaymentContext
from paymentapp.storage.base import Lease
from paymentapp.storage.codec.customers import read_customer
from paymentapp.storage.codec.records import Record, reads, without_none

# Partitions of the Operations table: the holds in force, by target, and those released, by id.
HOLDS = "hold"
RELEASED_HOLDS = "released-hold"
_KEY = "key#"


def key_partition(key_hash: str) -> str:
    """Return the partition key of an idempotency record."""
    return f"{_KEY}{key_hash}"


def idempotency_record(record: IdempotencyRecord) -> Record:
    """Return an idempotency record as stored.

    `expires_at` is in epoch seconds, the only form that DynamoDB's expiry understands.
    """
    stored: Record = {
        "fingerprint": record.fingerprint,
        "customer_id": record.customer_id,
        "payment_id": record.payment_id,
        "expires_at": int(record.expires_at.timestamp()),
        "revision": record.revision,
    }
    if record.names_method is not None:
        stored["names_method"] = record.names_method
    if record.refusal is not None:
        stored["refusal"] = record.refusal
    return stored


@reads
def read_idempotency_record(key_hash: str, record: Record) -> IdempotencyRecord:
    """Return the idempotency record of a stored record."""
    return IdempotencyRecord(
        key_hash=key_hash,
        fingerprint=record["fingerprint"],
        customer_id=record["customer_id"],
        payment_id=record["payment_id"],
        expires_at=datetime.fromtimestamp(int(record["expires_at"]), UTC),
        revision=record["revision"],
        names_method=record.get("names_method"),
        refusal=record.get("refusal"),
    )


def payment_context(customer: Record | None, claims: Mapping[str, Record]) -> PaymentContext:
    """Return what was read for a payment; `claims` are by the partition key of `key_partition`."""
    hashes = {pk: pk.removeprefix(_KEY) for pk in claims}
    records = {hashes[pk]: read_idempotency_record(hashes[pk], claims[pk]) for pk in claims}
    return PaymentContext(read_customer(customer) if customer else None, records)


def state_record(entry: StateEntry) -> Record:
    """Return an entry of a provider's state as a record."""
    return {"text": entry.text, "revision": entry.revision}


@reads
def read_state(name: str, record: Record) -> StateEntry:
    """Return the entry of a provider's state of a record."""
    return StateEntry(name, record["text"], record["revision"])


def lease_record(lease: Lease) -> Record:
    """Return a lease as a record."""
    return {"owner": lease.owner, "until": to_text(lease.until)}


@reads
def read_lease(name: str, record: Record) -> Lease:
    """Return the lease of a record."""
    return Lease(name, record["owner"], from_text(record["until"]))


def hold_record(hold: Hold) -> Record:
    """Return a hold as a record."""
    return without_none(
        {
            "hold_id": hold.hold_id,
            "scope": hold.scope.value,
            "value": hold.value or None,
            "reason": hold.reason,
            "by": hold.by,
            "created_at": to_text(hold.created_at),
            "released_at": maybe_text(hold.released_at),
            "released_by": hold.released_by or None,
        }
    )


@reads
def read_hold(record: Mapping[str, Any]) -> Hold:
    """Return the hold of a record."""
    return Hold(
        hold_id=record["hold_id"],
        scope=HoldScope(record["scope"]),
        value=record.get("value", ""),
        reason=record["reason"],
        by=record["by"],
        created_at=from_text(record["created_at"]),
        released_at=maybe_time(record.get("released_at")),
        released_by=record.get("released_by", ""),
    )


def holds_of(records: Iterable[Record]) -> list[Hold]:
    """Return the holds of records, oldest first."""
    return sorted(map(read_hold, records), key=lambda hold: (hold.created_at, hold.hold_id))


def api_key_record(key: ApiKey) -> Record:
    """Return an API key as a record."""
    return without_none(
        {
            "key_id": key.key_id,
            "secret_hash": key.secret_hash,
            "name": key.name,
            "scopes": sorted(key.scopes),
            "created_at": to_text(key.created_at),
            "revoked_at": maybe_text(key.revoked_at),
            "client": key.client or None,
            # Not `expires_at`, by which a store deletes a record.
            "valid_until": maybe_text(key.expires_at),
            "last_used_at": maybe_text(key.last_used_at),
            "history": [_key_change_text(each) for each in key.history] or None,
            "revision": key.revision or None,
        }
    )


@reads
def read_api_key(record: Mapping[str, Any]) -> ApiKey:
    """Return the API key of a record."""
    return ApiKey(
        key_id=record["key_id"],
        secret_hash=record["secret_hash"],
        name=record["name"],
        scopes=frozenset(record["scopes"]),
        created_at=from_text(record["created_at"]),
        revoked_at=maybe_time(record.get("revoked_at")),
        client=record.get("client", ""),
        expires_at=maybe_time(record.get("valid_until")),
        last_used_at=maybe_time(record.get("last_used_at")),
        history=tuple(map(_read_key_change, record.get("history", ()))),
        revision=record.get("revision", ""),
    )


def _key_change_text(change: KeyChange) -> str:
    scopes = ",".join(sorted(change.scopes))
    expires = maybe_text(change.expires_at) or "-"
    return f"{to_text(change.at)} {change.action.value} {scopes} {expires} {change.by}"


def _read_key_change(line: str) -> KeyChange:
    at, action, scopes, expires, by = line.split(" ", 4)
    expires_at = None if expires == "-" else from_text(expires)
    granted = frozenset(scopes.split(",")) if scopes else frozenset()
    return KeyChange(from_text(at), KeyAction(action), granted, expires_at, by)
