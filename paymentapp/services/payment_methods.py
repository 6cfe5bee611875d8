"""Payment methods: how each customer is paid, kept with the customer's record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import NotFound, NotPayable, ProviderError, StoreUnavailable
from paymentapp.models.customers import Customer, PaymentMethod
from paymentapp.providers.base import Detail, Payees, Provider
from paymentapp.services.customers import Customers
from paymentapp.storage.base import Store

_TRIES = 20  # of a change, while others change the same customer


class MethodShown(NamedTuple):
    """A way to be paid, as far as anybody may see it."""

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
    """Keeps the details that providers need of customers. Secrets are sealed by the provider's
    own `payees` before they come near the store."""

    store: Store
    customers: Customers
    providers: Mapping[str, Provider]
    clock: Clock

    def put(
        self, customer_id: str, method: str, details: Mapping[str, str], default: bool | None
    ) -> tuple[MethodShown, bool]:
        """Set how a customer is paid by a method; returns it, and whether it is new.

        `default` makes it the customer's default, or no longer so; None leaves that as it is.
        Raises NotFound (the customer, the method), NotPayable (a detail), StoreUnavailable.
        """
        payees = self._payees(method)
        self.customers.get(customer_id)
        destination = _destination(payees, customer_id, details)
        known = PaymentMethod(destination, self.clock())

        def change(customer: Customer) -> Customer:
            methods = {**customer.methods, method: known}
            chosen = _default(customer.default_method, method, default)
            return customer.changed(methods=methods, default_method=chosen)

        before, after = self._change(customer_id, change)
        return self._shown(after, method), method not in before.methods

    def get(self, customer_id: str, method: str) -> MethodShown:
        """Show how a customer is paid by a method. Raises NotFound."""
        customer = self.customers.get(customer_id)
        if method not in customer.methods:
            raise NotFound("This customer has no such payment method.")
        return self._shown(customer, method)

    def list(self, customer_id: str) -> list[MethodShown]:
        """Show all ways in which a customer is paid, by name. Raises NotFound."""
        customer = self.customers.get(customer_id)
        return [self._shown(customer, method) for method in sorted(customer.methods)]

    def delete(self, customer_id: str, method: str) -> None:
        """Forget how a customer is paid by a method. Payments that were accepted are still made.

        Raises NotFound, also where it was forgotten before.
        """
        self.get(customer_id, method)

        def change(customer: Customer) -> Customer:
            methods = {name: known for name, known in customer.methods.items() if name != method}
            chosen = _default(customer.default_method, method, default=False)
            return customer.changed(methods=methods, default_method=chosen)

        self._change(customer_id, change)

    def correct(
        self,
        customer_id: str,
        method: str,
        old: Sequence[str | None],
        new: str | None,
        note: str,
    ) -> bool:
        """Put right what a provider says is wrong, or only make a note of it.

        `old` are the destinations that it speaks of. Returns False where the customer's details
        are others by now: then nothing is changed.
        """

        def right(known: PaymentMethod) -> PaymentMethod | None:
            if known.destination not in (*old, new):
                return None
            destination = new or known.destination
            blocked = known.blocked if destination == known.destination else None
            return PaymentMethod(destination, self.clock(), note, blocked)

        return self._replace(customer_id, method, right)

    def block(
        self, customer_id: str, method: str, destinations: Sequence[str | None], reason: str
    ) -> bool:
        """Keep new payments from a customer's details until they are put again.

        `destinations` are those that a provider says must not be used. Returns False where the
        customer's details are others by now, or are blocked already.
        """

        def mark(known: PaymentMethod) -> PaymentMethod | None:
            if known.destination not in destinations or known.blocked is not None:
                return None
            return replace(known, blocked=reason)

        return self._replace(customer_id, method, mark)

    def renew(self, customer: Customer) -> int:
        """Seal a customer's details by today's key. Returns how many were not; StoreUnavailable
        where some cannot be opened."""
        renewed = 0
        for method, known in customer.methods.items():
            provider = self.providers.get(method)
            if provider is None or provider.payees is None:
                continue
            try:
                sealed = provider.payees.renew(customer.customer_id, known.destination)
            except ProviderError as error:
                raise StoreUnavailable(f"details cannot be opened: {error.code}") from error
            if sealed is not None:
                again = partial(_sealed_again, known.destination, sealed)
                renewed += self._replace(customer.customer_id, method, again)
        return renewed

    def _replace(
        self,
        customer_id: str,
        method: str,
        successor: Callable[[PaymentMethod], PaymentMethod | None],
    ) -> bool:
        """Another version of a method that there is. False where there is none by now, or where
        it has no successor."""

        def change(customer: Customer) -> Customer:
            known = customer.methods.get(method)
            new = successor(known) if known else None
            return customer.changed(methods={**customer.methods, method: new}) if new else customer

        try:
            before, after = self._change(customer_id, change)
        except NotFound:
            return False
        return after is not before

    def _payees(self, method: str) -> Payees:
        provider = self.providers.get(method)
        if provider is None or provider.payees is None:
            takes = [p.name for p in self.providers.values() if p.payees is not None]
            raise NotFound(f"There is no such payment method; there is {', '.join(sorted(takes))}.")
        return provider.payees

    def _change(
        self, customer_id: str, change: Callable[[Customer], Customer]
    ) -> tuple[Customer, Customer]:
        """The record before and after; the same where `change` returns it as it is."""
        for _ in range(_TRIES):
            old = self.customers.get(customer_id)
            new = change(old)
            if new is old or self.store.change_customer(old, new):
                return old, new
        raise StoreUnavailable("the customer's record is changing all the time")

    def _shown(self, customer: Customer, method: str) -> MethodShown:
        known = customer.methods[method]
        provider = self.providers.get(method)
        details: Mapping[str, str] = {}
        if provider is not None and provider.payees is not None:
            try:
                details = provider.payees.show(customer.customer_id, known.destination)
            except ProviderError as error:
                raise StoreUnavailable(f"details cannot be opened: {error.code}") from error
        return MethodShown(
            customer.customer_id,
            method,
            details,
            customer.default_method == method,
            known.updated_at,
            known.note,
            known.blocked,
        )


def _destination(payees: Payees, customer_id: str, details: Mapping[str, str]) -> str:
    """The checked details as a destination. Raises NotPayable, with a pointer into the body."""
    known = {detail.name: detail for detail in payees.details}
    for name in details:
        if name not in known:
            raise NotPayable(f"details/{name}", f"Unknown detail; there is {', '.join(known)}.")
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


def _sealed_again(old: str, new: str, known: PaymentMethod) -> PaymentMethod | None:
    """The same details under another seal, where they are still those."""
    return replace(known, destination=new) if known.destination == old else None


def _default(today: str | None, method: str, default: bool | None) -> str | None:
    if default is None:
        return today
    if default:
        return method
    return None if today == method else today
