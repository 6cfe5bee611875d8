"""Customers: the people who can be paid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import (
    ChangedSince,
    Conflict,
    NotAllowed,
    NotFound,
    StoreUnavailable,
    Unprocessable,
)
from paymentapp.models.actors import PAYEES, SYSTEM, Actor
from paymentapp.models.customer_history import (
    CustomerAction,
    CustomerEvent,
    registered,
    with_history,
)
from paymentapp.models.customers import (
    ATTRIBUTES_MAX,
    ATTRIBUTES_MAX_BYTES,
    ATTRIBUTES_TOO_LARGE,
    AttributeValue,
    Customer,
    CustomerPage,
    CustomerQuery,
    attributes_size,
    canonical,
)
from paymentapp.models.payments import Cause
from paymentapp.storage.base import Store
from paymentapp.storage.contention import MAX_TRIES, tries

NO_CUSTOMER = "There is no such customer."
_CHUNK = 100  # customers read at once where all are read


class CustomerPatch(NamedTuple):
    """Changes of a customer's record, as a JSON merge patch: an attribute that is None goes."""

    email: str | None = None  # None: it stays
    attributes: Mapping[str, AttributeValue] = {}

    def applied(self, old: Customer, now: datetime) -> Customer:
        """Return the record with the changes; `old` itself, where it has all of them already."""
        attributes = {**old.attributes, **self.attributes}
        kept = {
            name: value
            for name, value in attributes.items()
            if name not in self.attributes or value is not None
        }
        new = old.changed(attributes=kept)
        if self.email is not None and self.email != old.email:
            new = new.changed(email=self.email, email_changed_at=now)
        return old if new.version_tag == old.version_tag else new


@dataclass(frozen=True, slots=True)
class Customers:
    """Register, find and change customers."""

    store: Store
    clock: Clock

    def register(
        self,
        customer_id: str,
        email: str,
        attributes: Mapping[str, AttributeValue],
        by: Actor = SYSTEM,
    ) -> tuple[Customer, bool]:
        """Register a customer. Return the stored record, and whether it is new.

        Registering the identical record again is allowed. Raises Conflict if the id is registered
        with another e-mail or other attributes.
        """
        new = Customer(customer_id, email, self.clock(), attributes)
        wanted, history = registered(new, by.name)
        stored = self.store.add_customer(wanted, history)
        if stored == wanted:
            return stored, True
        if stored.is_erased:
            raise Conflict("This customer_id is that of a customer who was erased: use another.")
        if stored.email != email:
            raise Conflict("This customer_id is already registered with another e-mail.")
        if not stored.same_record(wanted):
            raise Conflict("This customer_id is already registered with other attributes.")
        return stored, False

    def get(self, customer_id: str) -> Customer:
        """Return a customer. Raises NotFound, also for one who was erased."""
        customer = self.known(customer_id)
        if customer.is_erased:
            raise NotFound(NO_CUSTOMER)
        return customer

    def known(self, customer_id: str) -> Customer:
        """Return a customer, or the tombstone of one who was erased. Raises NotFound."""
        customer = self.store.get_customer(customer_id)
        if customer is None:
            raise NotFound(NO_CUSTOMER)
        return customer

    def list(self, query: CustomerQuery) -> CustomerPage:
        """Return a page of customers; of those who were erased none is in it."""
        customers, last_read = self.store.list_customers(query)
        return CustomerPage([each for each in customers if not each.is_erased], last_read)

    def every(self, email: str | None = None) -> Iterator[Customer]:
        """Yield every customer, or those with an e-mail address."""
        after: str | None = None
        while True:
            page = self.list(CustomerQuery(_CHUNK, email, after))
            yield from page.customers
            after = page.last_read
            if after is None:
                return

    def change(
        self,
        customer_id: str,
        patch: CustomerPatch,
        tag: str | None = None,
        by: Actor = SYSTEM,
        cause: Cause = Cause.REQUEST,
    ) -> Customer:
        """Change a customer's record, together with its history. Return what is stored then.

        `tag` is the `version_tag` that the record must have; None: any. It is not compared where
        the record has all changes already, so that a request whose answer was lost can be repeated
        (RFC 9110, section 13.1.1). Accepted payments keep the e-mail that they were requested with.
        Raises NotFound, NotAllowed (a new e-mail takes `payees:write`), ChangedSince,
        Unprocessable, and StoreUnavailable where other writers win MAX_TRIES times in a row.
        """
        for _ in tries():
            old, now = self.get(customer_id), self.clock()
            new = patch.applied(old, now)
            if new is old:
                return old
            if new.email != old.email and not by.may(PAYEES):
                raise NotAllowed(f"A new e-mail also requires the scope {PAYEES}.", PAYEES)
            if tag not in (None, old.version_tag):
                raise ChangedSince("The customer's record has changed since.")
            _check_size(new.attributes)
            events = [
                CustomerEvent(now, action, cause, by.name, note=note)
                for action, note in _changes(old, new)
            ]
            stored, history = with_history(old, new, *events)
            if self.store.change_customer(old, stored, history):
                return stored
        raise StoreUnavailable(f"the customer was changed {MAX_TRIES} times meanwhile")


def _check_size(attributes: Mapping[str, AttributeValue]) -> None:
    """Refuse more attributes than a record holds. Raises Unprocessable."""
    if len(attributes) > ATTRIBUTES_MAX:
        raise Unprocessable("", f"A customer has at most {ATTRIBUTES_MAX} additional attributes.")
    if attributes_size(attributes) > ATTRIBUTES_MAX_BYTES:
        raise Unprocessable("", ATTRIBUTES_TOO_LARGE)


def _changes(old: Customer, new: Customer) -> Iterator[tuple[CustomerAction, str | None]]:
    """Yield what differs, with a note: the names of attributes, never their values."""
    if old.email != new.email:
        yield CustomerAction.EMAIL_CHANGED, None
    before, after = old.attributes, new.attributes
    names = sorted(
        name for name in before.keys() | after.keys() if _value(before, name) != _value(after, name)
    )
    if names:
        yield CustomerAction.ATTRIBUTES_CHANGED, ", ".join(names)


def _value(attributes: Mapping[str, AttributeValue], name: str) -> str:
    return canonical(attributes[name]) if name in attributes else ""
