"""Customers: the people who can be paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from paymentapp.clock import Clock
from paymentapp.errors import Conflict, NotFound
from paymentapp.models.actors import SYSTEM, Actor
from paymentapp.models.customer_history import registered
from paymentapp.models.customers import Customer
from paymentapp.storage.base import Store


@dataclass(frozen=True, slots=True)
class Customers:
    """Register and find customers."""

    store: Store
    clock: Clock

    def register(
        self,
        customer_id: str,
        email: str,
        attributes: Mapping[str, str | int | bool | Decimal | None],
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
        if stored.email != email:
            raise Conflict("This customer_id is already registered with another e-mail.")
        if not stored.same_record(wanted):
            raise Conflict("This customer_id is already registered with other attributes.")
        return stored, False

    def get(self, customer_id: str) -> Customer:
        """Return a customer. Raises NotFound."""
        customer = self.store.get_customer(customer_id)
        if customer is None:
            raise NotFound("There is no such customer.")
        return customer
