"""Payment methods of customers, stored in the customer's record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import NotFound, NotPayable, ProviderError, StoreUnavailable
from paymentapp.models.actors import SYSTEM, Actor
from paymentapp.models.customer_history import CustomerAction, CustomerEvent, with_history
from paymentapp.models.customers import Customer, PaymentMethod
from paymentapp.models.payments import Cause
from paymentapp.providers.base import Detail, Payees, Provider
from paymentapp.services.customers import Customers
from paymentapp.storage.base import Store

_TRIES = 20  # of a compare-and-swap of one customer's record


class PaymentMethodView(NamedTuple):
    """A customer's payment method as it is shown: secrets are masked."""

    customer_id: str
    payment_method: str
    details: Mapping[str, str]
    default: bool
    updated_at: datetime
    note: str | None
    reason: str | None  # why it must not be used; None where it may

    @property
    def usable(self) -> bool:
        """Return whether payments may go by it."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class PaymentMethods:
    """Store the details about customers that providers need.

    The provider's own `payees` seals secrets before they reach the store. Each change is stored
    together with its line in the customer's history.
    """

    store: Store
    customers: Customers
    providers: Mapping[str, Provider]
    clock: Clock

    def put(
        self,
        customer_id: str,
        method: str,
        details: Mapping[str, str],
        default: bool | None,
        by: Actor = SYSTEM,
    ) -> tuple[PaymentMethodView, bool]:
        """Store a customer's details for a method. Return them, and whether the method is new.

        `default` makes it the customer's default method (True), no longer so (False), or changes
        nothing (None). Raises NotFound (customer, method), NotPayable (a detail),
        StoreUnavailable.
        """
        payees = self._payees(method)
        self.customers.get(customer_id)
        destination = _destination(payees, customer_id, details)
        wanted = PaymentMethod(destination, self.clock())

        def change(customer: Customer) -> Customer:
            methods = {**customer.methods, method: wanted}
            default_method = _default_method(customer.default_method, method, default)
            return customer.changed(methods=methods, default_method=default_method)

        event = self._event(CustomerAction.METHOD_PUT, method, Cause.REQUEST, by.name)
        before, after = self._change(customer_id, change, event)
        return self._view(after, method), method not in before.methods

    def get(self, customer_id: str, method: str) -> PaymentMethodView:
        """Return a customer's details for a method. Raises NotFound, StoreUnavailable."""
        customer = self.customers.get(customer_id)
        if method not in customer.methods:
            raise NotFound("This customer has no such payment method.")
        return self._view(customer, method)

    def list(self, customer_id: str) -> list[PaymentMethodView]:
        """Return all payment methods of a customer, by name. Raises NotFound, StoreUnavailable."""
        customer = self.customers.get(customer_id)
        return [self._view(customer, method) for method in sorted(customer.methods)]

    def delete(self, customer_id: str, method: str, by: Actor = SYSTEM) -> None:
        """Delete a customer's details for a method. Accepted payments are still made.

        Raises NotFound, also if they were deleted before; StoreUnavailable.
        """
        self.get(customer_id, method)

        def change(customer: Customer) -> Customer:
            if method not in customer.methods:
                return customer  # another request has deleted it
            methods = {name: kept for name, kept in customer.methods.items() if name != method}
            default_method = _default_method(customer.default_method, method, default=False)
            return customer.changed(methods=methods, default_method=default_method)

        event = self._event(CustomerAction.METHOD_DELETED, method, Cause.REQUEST, by.name)
        self._change(customer_id, change, event)

    def correct(
        self,
        customer_id: str,
        method: str,
        old: Sequence[str | None],
        new: str | None,
        note: str,
    ) -> bool:
        """Apply a provider's correction to stored details, and its note; without `new` only that.

        `old` are the destinations that it corrects. Returns False, and changes nothing, if
        the customer's details have changed since. A correction that was applied before changes
        nothing either.
        """

        def corrected(stored: PaymentMethod) -> PaymentMethod | None:
            if stored.destination not in (*old, new):
                return None
            if new is None or new == stored.destination:
                return replace(stored, note=note)
            return PaymentMethod(new, self.clock(), note)

        action = CustomerAction.METHOD_CORRECTED if new else CustomerAction.METHOD_NOTED
        event = self._event(action, method, Cause.WEBHOOK)._replace(note=note)
        return self._replace(customer_id, corrected, event)

    def block(
        self,
        customer_id: str,
        method: str,
        destinations: Sequence[str | None],
        reason: str,
        cause: Cause = Cause.WEBHOOK,
        by: str = "",
    ) -> bool:
        """Keep new payments from a customer's details until they are put again.

        `destinations` are those that a provider says must not be used; `by` is the operator who
        recorded it. Returns False where the customer's details are others by now, or are blocked
        already.
        """

        def blocked(stored: PaymentMethod) -> PaymentMethod | None:
            if stored.destination not in destinations or stored.blocked is not None:
                return None
            return replace(stored, blocked=reason)

        event = self._event(CustomerAction.METHOD_BLOCKED, method, cause, by)
        return self._replace(customer_id, blocked, event._replace(note=reason))

    def renew(self, customer: Customer, by: Actor = SYSTEM) -> int:
        """Seal a customer's details with the current key. Return how many it changed.

        Raises StoreUnavailable if some cannot be opened. The details in the customer's history are
        sealed anew by `CustomerHistory.renew`.
        """
        renewed = 0
        for method, stored in customer.methods.items():
            provider = self.providers.get(method)
            if provider is None or provider.payees is None:
                continue
            try:
                sealed = provider.payees.renew(customer.customer_id, stored.destination)
            except ProviderError as error:
                raise StoreUnavailable(f"details cannot be opened: {error.code}") from error
            if sealed is not None:
                resealed = partial(_resealed, stored.destination, sealed)
                action = CustomerAction.METHOD_RESEALED
                event = self._event(action, method, Cause.PERSON, by.name)
                renewed += self._replace(customer.customer_id, resealed, event)
        return renewed

    def _replace(
        self,
        customer_id: str,
        successor: Callable[[PaymentMethod], PaymentMethod | None],
        event: CustomerEvent,
    ) -> bool:
        """Replace the event's method by its successor. False if either does not exist.

        A successor that is equal to the method is not written again.
        """
        method = event.method or ""

        def find(customer: Customer) -> PaymentMethod | None:
            stored = customer.methods.get(method)
            return successor(stored) if stored else None

        def change(customer: Customer) -> Customer:
            new = find(customer)
            if new is None or new == customer.methods[method]:
                return customer
            return customer.changed(methods={**customer.methods, method: new})

        try:
            before, _ = self._change(customer_id, change, event)
        except NotFound:
            return False
        return find(before) is not None

    def _event(
        self, action: CustomerAction, method: str, cause: Cause, by: str = ""
    ) -> CustomerEvent:
        return CustomerEvent(self.clock(), action, cause, by, method)

    def _payees(self, method: str) -> Payees:
        provider = self.providers.get(method)
        if provider is None or provider.payees is None:
            names = sorted(p.name for p in self.providers.values() if p.payees is not None)
            raise NotFound(f"Unknown payment method; available: {', '.join(names)}.")
        return provider.payees

    def _change(
        self, customer_id: str, change: Callable[[Customer], Customer], event: CustomerEvent
    ) -> tuple[Customer, Customer]:
        """Compare-and-swap a customer, together with the lines of history.

        Returns the old and the new record; the same if unchanged.
        """
        for _ in range(_TRIES):
            old = self.customers.get(customer_id)
            changed = change(old)
            if changed is old:
                return old, old
            new, history = with_history(old, changed, event)
            if self.store.change_customer(old, new, history):
                return old, new
        raise StoreUnavailable("the customer's record keeps changing")

    def _view(self, customer: Customer, method: str) -> PaymentMethodView:
        stored = customer.methods[method]
        provider = self.providers.get(method)
        details: Mapping[str, str] = {}
        if provider is not None and provider.payees is not None:
            try:
                details = provider.payees.show(customer.customer_id, stored.destination)
            except ProviderError as error:
                raise StoreUnavailable(f"details cannot be opened: {error.code}") from error
        return PaymentMethodView(
            customer.customer_id,
            method,
            details,
            customer.default_method == method,
            stored.updated_at,
            stored.note,
            stored.blocked,
        )


def _destination(payees: Payees, customer_id: str, details: Mapping[str, str]) -> str:
    """Check details and return their destination.

    Raises NotPayable (with a pointer into the body), StoreUnavailable.
    """
    known = {detail.name: detail for detail in payees.details}
    for name in details:
        if name not in known:
            raise NotPayable(f"details/{name}", f"Unknown detail; known: {', '.join(known)}.")
    for name, detail in known.items():
        if name not in details and detail.required:
            raise NotPayable(f"details/{name}", "Missing detail.")
        if name in details and re.fullmatch(detail.pattern, details[name]) is None:
            raise NotPayable(f"details/{name}", _with_suggestion(detail, details[name]))
    try:
        return payees.destination(customer_id, details)
    except NotPayable as error:
        raise NotPayable(f"details/{error.field}", str(error)) from error
    except ProviderError as error:
        raise StoreUnavailable(f"details cannot be sealed: {error.code}") from error


def _with_suggestion(detail: Detail, value: str) -> str:
    """Return the problem of a detail, and a value that would be right where one can be made."""
    suggestion = detail.suggest(value) if detail.suggest else None
    return f"{detail.problem} For example: {suggestion}" if suggestion else detail.problem


def _resealed(old: str, new: str, stored: PaymentMethod) -> PaymentMethod | None:
    """Return the method with its details sealed anew, or None if they have changed since."""
    return replace(stored, destination=new) if stored.destination == old else None


def _default_method(current: str | None, method: str, default: bool | None) -> str | None:
    if default is None:
        return current
    if default:
        return method
    return None if current == method else current
