"""Payees: who a payment is really for, masked, in answers, commands and evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from paymentapp.clock import Clock
from paymentapp.errors import NotSent, ProviderError
from paymentapp.masking import masked
from paymentapp.models.batches import Member
from paymentapp.models.payments import Payment
from paymentapp.providers.base import Payees, Provider
from paymentapp.services.waiting import Wait, WaitingFor

_Shown = TypeVar("_Shown")

ERASED = "erased"  # in place of a payee of whom nothing is left
SEALED = "sealed"  # in place of a payee whose details cannot be opened here
_RETRY_AFTER = timedelta(seconds=30)  # where the key service does not answer


class PayeeDisplay(NamedTuple):
    """A payee as anybody may see it: recognisable, and of no use to pay."""

    method: str
    display: str | None  # None for a customer who was erased

    @property
    def words(self) -> str:
        """Return the payee as a command prints it."""
        return ERASED if self.display is None else self.display


class ShownPayment(NamedTuple):
    """A payment with what is shown besides its record: its payee, and why it waits."""

    payment: Payment
    payee: PayeeDisplay
    wait: Wait | None = None

    @property
    def waiting_for(self) -> WaitingFor | None:
        """Return what the payment waits for; None where it does not wait."""
        return self.wait.reason if self.wait else None

    @property
    def waiting_since(self) -> datetime | None:
        """Return since when the payment waits; None where it does not wait."""
        return self.wait.since if self.wait else None


def names_payee(provider: Provider | None, paid: Payment | Member, receiver: str) -> bool:
    """Return whether the receiver of a provider's report is the payee of a payment.

    Raises Misconfigured, NotSent where the payee's details cannot be opened here and now.
    """
    rules = provider.payee_rules if provider else None
    if rules is None or paid.destination is None:
        return receiver.casefold() == paid.payee.casefold()
    return rules.is_payee(paid.customer_id, paid.destination, receiver)


@dataclass(frozen=True, slots=True)
class PayeeDisplays:
    """Shows payees, each masked by its own provider, which alone can open its details."""

    providers: Mapping[str, Provider]
    clock: Clock
    _retry_at: dict[str, datetime] = field(default_factory=dict, init=False)

    def shown(self, payment: Payment, wait: Wait | None = None) -> ShownPayment:
        """Return a payment together with its payee, and with why it waits."""
        return ShownPayment(payment, self.of(payment, payment.payment_method), wait)

    def of(self, paid: Payment | Member, method: str) -> PayeeDisplay:
        """Return the payee of a payment, or of a batch's member, by a method.

        The customer's e-mail is the payee only where no details name another.
        """
        if paid.is_erased:
            return PayeeDisplay(method, None)
        if paid.destination is None:
            return PayeeDisplay(method, masked(paid.email))
        return PayeeDisplay(method, self.display(method, paid.customer_id, paid.destination))

    def in_full(self, payment: Payment) -> str | None:
        """Return the payee of a payment with the e-mail address in full.

        Details that are sealed stay masked; None for a customer who was erased.
        """
        if payment.is_erased:
            return None
        provider = self.providers.get(payment.payment_method)
        if payment.destination is None or (provider is not None and provider.payees is None):
            return payment.payee
        return self.of(payment, payment.payment_method).display

    def display(self, method: str, customer_id: str, destination: str) -> str:
        """Return a destination masked, or `sealed` where it cannot be opened here and now.

        A key service that does not answer is not called again for half a minute, so that a list
        of payments waits for it once.
        """
        provider = self.providers.get(method)
        if provider is not None and provider.payees is None:
            return masked(destination)  # such a provider knows e-mail addresses alone
        shown = self._opened(method, lambda payees: payees.display(customer_id, destination))
        return SEALED if shown is None else shown

    def details(self, method: str, customer_id: str, destination: str) -> Mapping[str, str] | None:
        """Return a destination's details, masked; None where it cannot be opened here and now."""
        return self._opened(method, lambda payees: payees.show(customer_id, destination))

    def is_named(self, method: str, paid: Payment | Member, receiver: str) -> bool | None:
        """Return whether a receiver is the payee; None where that cannot be told here and now."""
        try:
            return names_payee(self.providers.get(method), paid, receiver)
        except ProviderError:
            return None

    def _opened(self, method: str, show: Callable[[Payees], _Shown]) -> _Shown | None:
        provider = self.providers.get(method)
        if provider is None or provider.payees is None or self._is_waiting(method):
            return None
        try:
            return show(provider.payees)
        except NotSent:
            self._retry_at[method] = self.clock() + _RETRY_AFTER
        except ProviderError:
            pass  # no key here opens it
        return None

    def _is_waiting(self, method: str) -> bool:
        retry_at = self._retry_at.get(method)
        return retry_at is not None and self.clock() < retry_at
