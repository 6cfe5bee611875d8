"""Customers as records."""

from __future__ import annotations

from paymentapp.clock import from_text, to_text
from paymentapp.models.customers import Customer, PaymentMethod
from paymentapp.storage.codec.records import Record, reads

_BLOCKED = "\n\x1eblocked: "


def customer_record(customer: Customer) -> Record:
    """Return a customer as a record."""
    record: Record = {
        "customer_id": customer.customer_id,
        "created_at": to_text(customer.created_at),
    }
    if customer.erased_at is None:
        record["email"] = customer.email  # the key of an index: never an empty text
    else:
        record |= {"erased_at": to_text(customer.erased_at), "erased_by": customer.erased_by}
    if customer.attributes:
        record["attributes"] = dict(customer.attributes)
    if customer.methods:
        record["methods"] = [_method_text(*item) for item in customer.methods.items()]
    if customer.default_method is not None:
        record["default_method"] = customer.default_method
    if customer.revision:
        record["revision"] = customer.revision
    if customer.changes:
        record["changes"] = customer.changes
    if customer.email_changed_at is not None:
        record["email_changed_at"] = to_text(customer.email_changed_at)
    return record


@reads
def read_customer(record: Record) -> Customer:
    """Return the customer of a record."""
    email_changed_at, erased_at = record.get("email_changed_at"), record.get("erased_at")
    return Customer(
        customer_id=record["customer_id"],
        email="" if erased_at else record["email"],
        created_at=from_text(record["created_at"]),
        attributes=record.get("attributes", {}),
        methods=dict(map(_read_method, record.get("methods", ()))),
        default_method=record.get("default_method"),
        revision=record.get("revision", ""),
        changes=int(record.get("changes", 0)),
        email_changed_at=from_text(email_changed_at) if email_changed_at else None,
        erased_at=from_text(erased_at) if erased_at else None,
        erased_by=record.get("erased_by", ""),
    )


def _method_text(name: str, method: PaymentMethod) -> str:
    """Return a payment method as one text: `name time destination`.

    The note begins on a second line, and what blocks it follows a mark: an earlier version takes
    both for the note, and writes them back as they are. A JSON merge patch replaces a list of texts
    as a whole; it would merge a map of maps.
    """
    line = f"{name} {to_text(method.updated_at)} {method.destination}"
    note = f"\n{method.note}" if method.note is not None else ""
    blocked = f"{_BLOCKED}{method.blocked}" if method.blocked is not None else ""
    return f"{line}{note}{blocked}"


def _read_method(text: str) -> tuple[str, PaymentMethod]:
    text, is_blocked, blocked = text.partition(_BLOCKED)
    line, has_note, note = text.partition("\n")
    name, updated_at, destination = line.split(" ", 2)
    return name, PaymentMethod(
        destination,
        from_text(updated_at),
        note if has_note else None,
        blocked if is_blocked else None,
    )
