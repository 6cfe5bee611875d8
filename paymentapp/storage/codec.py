"""The one form in which every engine stores a record: a flat dict of plain values.

An attribute that holds its default is left out, an attribute that this version does not know is
ignored, and an update names only what it changes (`difference`), so that what a later version has
added to a record outlives an earlier one beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

from paymentapp.clock import from_text, to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.models import (
    ApiKey,
    Batch,
    BatchState,
    Cause,
    Customer,
    Decision,
    KeyClaim,
    Member,
    Money,
    Move,
    Payment,
    Status,
    Verdict,
)
from paymentapp.storage.base import Lease

# str, int, bool, None, Decimal, a list of str, or a dict of those with str keys.
Record = dict[str, Any]

MEMBERS_PER_CHUNK = 500  # at most 120 KB, of the 400 KB that a DynamoDB item may have
PARKED_SHARD = "parked"

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Difference(NamedTuple):
    """What turns one version of a record into the next."""

    changed: Record
    removed: list[str]


def difference(old: Record, new: Record) -> Difference:
    """The attributes that an update sets, and those that it removes."""
    changed = {name: value for name, value in new.items() if name not in old or old[name] != value}
    return Difference(changed, [name for name in old if name not in new])


def reads(decode: Callable[_P, _T]) -> Callable[_P, _T]:
    """Say of a record that makes no sense here (a later version's status, say) that it does not,
    rather than guess: a payment that is not understood is left alone."""

    @wraps(decode)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return decode(*args, **kwargs)
        except (KeyError, ValueError, TypeError, ArithmeticError) as error:
            what = decode.__name__.removeprefix("read_")
            raise StoreUnavailable(f"a stored {what} cannot be read by this version") from error

    return checked


def _time(text: str | None) -> datetime | None:
    return from_text(text) if text else None


def _text(moment: datetime | None) -> str | None:
    return to_text(moment) if moment else None


def _without_none(record: Record) -> Record:
    return {name: value for name, value in record.items() if value is not None}


# Customers


def customer_record(customer: Customer) -> Record:
    record: Record = {
        "customer_id": customer.customer_id,
        "email": customer.email,
        "created_at": to_text(customer.created_at),
    }
    if customer.attributes:
        record["attributes"] = dict(customer.attributes)
    return record


@reads
def read_customer(record: Record) -> Customer:
    return Customer(
        customer_id=record["customer_id"],
        email=record["email"],
        created_at=from_text(record["created_at"]),
        attributes=record.get("attributes", {}),
    )


# Disbursements


def payment_record(payment: Payment) -> Record:
    """A payment is in the `due` index while it has both `due_shard` and `due_at`."""
    record: Record = {
        "customer_id": payment.customer_id,
        "payment_id": payment.payment_id,
        "amount": payment.money.amount,
        "currency": payment.money.currency,
        "payment_method": payment.payment_method,
        "email": payment.email,
        "status": payment.status.value,
        "history": [_move_text(move) for move in payment.history],
        "request_id": payment.request_id,
        "revision": payment.revision,
        "due_shard": str(payment.due_shard),
    }
    if payment.due_at is not None:
        record["due_at"] = to_text(payment.due_at)
    for name in ("batch_id", "provider_item_id", "provider_status", "transaction_id", "reason"):
        value = getattr(payment, name)
        if value is not None:
            record[name] = value
    if payment.alone:
        record["alone"] = True
    if payment.cancel_requested:
        record["cancel_requested"] = True
    return record


@reads
def read_payment(record: Record) -> Payment:
    return Payment(
        customer_id=record["customer_id"],
        payment_id=record["payment_id"],
        money=Money(Decimal(record["amount"]), record["currency"]),
        payment_method=record["payment_method"],
        email=record["email"],
        status=Status(record["status"]),
        history=tuple(map(_read_move, record["history"])),
        request_id=record["request_id"],
        revision=record["revision"],
        due_at=_time(record.get("due_at")),
        due_shard=int(record["due_shard"]),
        batch_id=record.get("batch_id"),
        provider_item_id=record.get("provider_item_id"),
        provider_status=record.get("provider_status"),
        transaction_id=record.get("transaction_id"),
        reason=record.get("reason"),
        alone=record.get("alone", False),
        cancel_requested=record.get("cancel_requested", False),
    )


def _move_text(move: Move) -> str:
    """A line of history as one string: a list of maps would cost a payment its kilobyte."""
    line = f"{to_text(move.at)} {move.status.value} {move.cause.value}"
    return f"{line} {move.reference}" if move.reference else line


def _read_move(line: str) -> Move:
    at, status, rest = line.split(" ", 2)
    cause, _, reference = rest.partition(" ")
    return Move(from_text(at), Status(status), Cause(cause), reference)


# Idempotency keys


def claim_record(claim: KeyClaim) -> Record:
    """`expires_at` is in epoch seconds, the only form that DynamoDB's own expiry understands."""
    return {
        "fingerprint": claim.fingerprint,
        "customer_id": claim.customer_id,
        "payment_id": claim.payment_id,
        "expires_at": int(claim.expires_at.timestamp()),
        "revision": claim.revision,
    }


@reads
def read_claim(key_hash: str, record: Record) -> KeyClaim:
    return KeyClaim(
        key_hash=key_hash,
        fingerprint=record["fingerprint"],
        customer_id=record["customer_id"],
        payment_id=record["payment_id"],
        expires_at=datetime.fromtimestamp(int(record["expires_at"]), UTC),
        revision=record["revision"],
    )


# Batches


def batch_record(batch: Batch) -> Record:
    """A batch is in the `attention` index while it has both `attention_shard` and `attention_at`.

    A parked one is there under a shard of its own, by the time at which it was made: it waits for
    a person, and its `attention_at` is not kept.
    """
    parked = batch.state is BatchState.PARKED
    attention_at = batch.created_at if parked else batch.attention_at
    decision = batch.decision
    return _without_none(
        {
            "batch_id": batch.batch_id,
            "provider": batch.provider,
            "currency": batch.currency,
            "state": batch.state.value,
            "size": batch.size,
            "created_at": to_text(batch.created_at),
            "revision": batch.revision,
            "shard": batch.attention_shard,
            "attention_shard": PARKED_SHARD if parked else str(batch.attention_shard),
            "attention_at": _text(attention_at),
            "excluded": " ".join(map(str, batch.excluded)) or None,
            "frozen_at": _text(batch.frozen_at),
            "accepted_at": _text(batch.accepted_at),
            "reference": batch.reference,
            "attempts": batch.attempts or None,
            "last_error": batch.last_error,
            "verdicts": [f"{place} {why}" for place, why in batch.verdicts.items()] or None,
            "decision": [to_text(decision.at), *decision[1:]] if decision else None,
        }
    )


@reads
def read_batch(record: Record) -> Batch:
    state = BatchState(record["state"])
    parked = state is BatchState.PARKED
    return Batch(
        batch_id=record["batch_id"],
        provider=record["provider"],
        currency=record["currency"],
        state=state,
        size=record["size"],
        created_at=from_text(record["created_at"]),
        revision=record["revision"],
        attention_at=None if parked else _time(record.get("attention_at")),
        attention_shard=record["shard"],
        excluded=tuple(map(int, record.get("excluded", "").split())),
        frozen_at=_time(record.get("frozen_at")),
        accepted_at=_time(record.get("accepted_at")),
        reference=record.get("reference"),
        attempts=record.get("attempts", 0),
        last_error=record.get("last_error"),
        verdicts=dict(_read_verdict(line) for line in record.get("verdicts", ())),
        decision=_read_decision(record.get("decision")),
    )


def _read_verdict(line: str) -> tuple[int, str]:
    place, _, why = line.partition(" ")
    return int(place), why


def _read_decision(parts: Sequence[str] | None) -> Decision | None:
    if parts is None:
        return None
    at, verdict, person, note, evidence = parts
    return Decision(from_text(at), Verdict(verdict), person, note, evidence)


def member_records(batch: Batch, members: Sequence[Member]) -> list[Record]:
    """The candidates of a batch in chunks, each with the batch's first revision, which tells a
    repeated write of the same list from another list."""
    chunks = [
        members[start : start + MEMBERS_PER_CHUNK]
        for start in range(0, len(members), MEMBERS_PER_CHUNK)
    ]
    return [
        {"revision": batch.revision, "members": [_member_text(member) for member in chunk]}
        for chunk in chunks
    ]


@reads
def read_members(batch: Batch, records: Iterable[Record]) -> list[Member]:
    members = [_read_member(line) for record in records for line in record["members"]]
    if len(members) != batch.size:
        raise ValueError("the list is not complete")
    return members


def _member_text(member: Member) -> str:
    money = member.money
    return (
        f"{member.customer_id} {member.payment_id} {money.amount} {money.currency} {member.email}"
    )


def _read_member(line: str) -> Member:
    customer_id, payment_id, amount, currency, email = line.split(" ", 4)
    return Member(customer_id, payment_id, Money(Decimal(amount), currency), email)


# Leases


def lease_record(lease: Lease) -> Record:
    return {"owner": lease.owner, "until": to_text(lease.until)}


@reads
def read_lease(name: str, record: Record) -> Lease:
    return Lease(name, record["owner"], from_text(record["until"]))


# API keys


def api_key_record(key: ApiKey) -> Record:
    return _without_none(
        {
            "key_id": key.key_id,
            "secret_hash": key.secret_hash,
            "name": key.name,
            "scopes": sorted(key.scopes),
            "created_at": to_text(key.created_at),
            "revoked_at": _text(key.revoked_at),
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
        revoked_at=_time(record.get("revoked_at")),
    )
