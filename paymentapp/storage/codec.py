"""The one form in which every engine stores a record: a flat dict of plain values.

An attribute that holds its default is left out, an attribute that this version does not know is
ignored, and an update names only what it changes (`difference`), so that what a later version has
added to a record outlives an earlier one beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

from paymentapp.clock import from_text, to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.models import (
    ApiKey,
    Cause,
    Customer,
    KeyClaim,
    Money,
    Move,
    Payment,
    PaymentMethod,
    Status,
)
from paymentapp.notes import Note
from paymentapp.storage.base import Lease

# str, int, bool, None, Decimal, a list of str, or a dict of those with str keys.
Record = dict[str, Any]

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


def maybe_time(text: str | None) -> datetime | None:
    return from_text(text) if text else None


def maybe_text(moment: datetime | None) -> str | None:
    return to_text(moment) if moment else None


def without_none(record: Record) -> Record:
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
    if customer.methods:
        record["methods"] = [_method_text(*item) for item in customer.methods.items()]
    if customer.default_method is not None:
        record["default_method"] = customer.default_method
    if customer.revision:
        record["revision"] = customer.revision
    return record


@reads
def read_customer(record: Record) -> Customer:
    return Customer(
        customer_id=record["customer_id"],
        email=record["email"],
        created_at=from_text(record["created_at"]),
        attributes=record.get("attributes", {}),
        methods=dict(map(_read_method, record.get("methods", ()))),
        default_method=record.get("default_method"),
        revision=record.get("revision", ""),
    )


def _method_text(name: str, method: PaymentMethod) -> str:
    """A way to be paid as one string: `name time destination`, and a note on a line of its own.

    A list of texts is replaced as a whole, which a map of maps would not be by JSON's own patch.
    """
    line = f"{name} {to_text(method.updated_at)} {method.destination}"
    return f"{line}\n{method.note}" if method.note is not None else line


def _read_method(text: str) -> tuple[str, PaymentMethod]:
    line, separator, note = text.partition("\n")
    name, updated_at, destination = line.split(" ", 2)
    return name, PaymentMethod(destination, from_text(updated_at), note if separator else None)


# Disbursements

_OPTIONAL = (
    "batch_id",
    "provider_item_id",
    "provider_status",
    "transaction_id",
    "reason",
    "destination",
    "route",
)


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
    for name in _OPTIONAL:
        value = getattr(payment, name)
        if value is not None:
            record[name] = value
    if payment.alone:
        record["alone"] = True
    if payment.cancel_requested:
        record["cancel_requested"] = True
    if payment.tried:
        record["tried"] = " ".join(payment.tried)
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
        due_at=maybe_time(record.get("due_at")),
        due_shard=int(record["due_shard"]),
        batch_id=record.get("batch_id"),
        provider_item_id=record.get("provider_item_id"),
        provider_status=record.get("provider_status"),
        transaction_id=record.get("transaction_id"),
        reason=record.get("reason"),
        alone=record.get("alone", False),
        cancel_requested=record.get("cancel_requested", False),
        destination=record.get("destination"),
        route=record.get("route"),
        tried=tuple(record.get("tried", "").split()),
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


# A provider's own notes


def note_record(note: Note) -> Record:
    return {"text": note.text, "revision": note.revision}


@reads
def read_note(name: str, record: Record) -> Note:
    return Note(name, record["text"], record["revision"])


# Leases


def lease_record(lease: Lease) -> Record:
    return {"owner": lease.owner, "until": to_text(lease.until)}


@reads
def read_lease(name: str, record: Record) -> Lease:
    return Lease(name, record["owner"], from_text(record["until"]))


# API keys


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
