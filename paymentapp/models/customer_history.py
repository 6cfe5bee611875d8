"""The history of a customer's record: what changed, when, by whom, with which details."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from paymentapp.models.customers import Customer
from paymentapp.models.payments import Cause
from paymentapp.models.revisions import new_revision


class CustomerAction(StrEnum):
    """What was done to a customer's record."""

    REGISTERED = "registered"
    METHOD_PUT = "method_put"
    METHOD_DELETED = "method_deleted"
    METHOD_CORRECTED = "method_corrected"  # the provider said which details are right
    METHOD_NOTED = "method_noted"  # the provider reported something about the details
    METHOD_BLOCKED = "method_blocked"  # the provider said that they must not be used
    METHOD_RESEALED = "method_resealed"  # the same details, encrypted with another key
    DEFAULT_CHANGED = "default_changed"
    EMAIL_CHANGED = "email_changed"
    ATTRIBUTES_CHANGED = "attributes_changed"
    ERASED = "erased"


_NAMES_EMAIL = {CustomerAction.REGISTERED, CustomerAction.EMAIL_CHANGED}


class CustomerEvent(NamedTuple):
    """A change of a customer's record, before it is made; see `with_history`."""

    at: datetime
    action: CustomerAction
    cause: Cause
    by: str = ""  # the client or the operator; empty: the service itself, or its provider
    method: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class CustomerHistoryEntry:
    """One line of a customer's history.

    `version` counts the lines of one customer from 1. `destination` is the text that payments by
    these details hold as theirs; it never changes, so that equal texts prove which details were
    paid. `resealed` is the same under a later key, for display.
    """

    customer_id: str
    version: int
    entry_id: str
    at: datetime
    action: CustomerAction
    cause: Cause
    by: str = ""
    method: str | None = None
    destination: str | None = field(default=None, repr=False)
    email: str | None = None
    note: str | None = None
    resealed: str | None = field(default=None, repr=False)
    revision: str = ""

    @property
    def sealed(self) -> str | None:
        """Return the details in the form that the newest key opens."""
        return self.resealed or self.destination

    @property
    def has_texts(self) -> bool:
        """Return whether an erasure has something to remove from the line."""
        texts = (self.destination, self.email, self.note, self.resealed)
        return any(text is not None for text in texts)

    def without_texts(self) -> CustomerHistoryEntry:
        """Return the line with its action, its time and its actor alone."""
        return replace(
            self, destination=None, email=None, note=None, resealed=None, revision=new_revision()
        )

    def resealed_as(self, sealed: str) -> CustomerHistoryEntry:
        """Return the entry with its details under a later key."""
        return replace(self, resealed=sealed, revision=new_revision())


def with_history(
    old: Customer, new: Customer, *changes: CustomerEvent
) -> tuple[Customer, list[CustomerHistoryEntry]]:
    """Return the next version of a customer, and the lines of history to be stored with it.

    There is a line for each of the changes, and one for a change of the default method.

    The first change of a record of an earlier version, which has no history, begins with lines of
    what is on record.
    """
    events = [] if old.changes else [*_on_record(old)]
    for event in changes:
        events.append((event, old if event.action is CustomerAction.METHOD_DELETED else new))
    if old.default_method != new.default_method:
        default = changes[-1]._replace(
            action=CustomerAction.DEFAULT_CHANGED, method=new.default_method, note=None
        )
        events.append((default, new))
    entries = [
        _entry(each, customer, version)
        for version, (each, customer) in enumerate(events, start=old.changes + 1)
    ]
    return replace(new, changes=old.changes + len(entries)), entries


def registered(customer: Customer, by: str) -> tuple[Customer, list[CustomerHistoryEntry]]:
    """Return a new customer, and the first line of the history."""
    event = CustomerEvent(customer.created_at, CustomerAction.REGISTERED, Cause.REQUEST, by)
    return replace(customer, changes=1), [_entry(event, customer, 1)]


def erased(
    customer: Customer, at: datetime, by: str, cause: Cause
) -> tuple[Customer, list[CustomerHistoryEntry]]:
    """Return the tombstone of a customer, and the line of history to be stored with it."""
    version = customer.changes + 1
    tombstone = replace(customer.erased(at, by), changes=version)
    event = CustomerEvent(at, CustomerAction.ERASED, cause, by)
    return tombstone, [_entry(event, tombstone, version)]


def _on_record(customer: Customer) -> Iterator[tuple[CustomerEvent, Customer]]:
    first = CustomerEvent(customer.created_at, CustomerAction.REGISTERED, Cause.REQUEST)
    yield first, customer
    by_age = sorted(customer.methods.items(), key=lambda item: item[1].updated_at)
    for name, known in by_age:
        put = first._replace(at=known.updated_at, action=CustomerAction.METHOD_PUT, method=name)
        yield put, customer
    if customer.default_method is not None:
        chosen = customer.methods.get(customer.default_method)
        at = chosen.updated_at if chosen else customer.created_at
        default = CustomerAction.DEFAULT_CHANGED
        yield first._replace(at=at, action=default, method=customer.default_method), customer


def _entry(event: CustomerEvent, customer: Customer, version: int) -> CustomerHistoryEntry:
    is_default = event.action is CustomerAction.DEFAULT_CHANGED
    known = None if is_default else customer.methods.get(event.method or "")
    return CustomerHistoryEntry(
        customer_id=customer.customer_id,
        version=version,
        entry_id=new_revision(),
        at=event.at,
        action=event.action,
        cause=event.cause,
        by=event.by,
        method=event.method,
        destination=known.destination if known else None,
        email=customer.email if event.action in _NAMES_EMAIL else None,
        note=event.note,
        revision=new_revision(),
    )
