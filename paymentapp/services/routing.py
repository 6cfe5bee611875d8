"""Routes: by which method a payment goes, and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from paymentapp.errors import NotPayable, SettingsError
from paymentapp.models.customers import Customer
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.providers.base import Provider
from paymentapp.providers.registry import DEFAULT
from paymentapp.storage.base import Store

FIRST_METHOD = DEFAULT  # where neither the request, nor the customer, nor a rule says otherwise
_RULE = re.compile(
    r"(?P<method>[a-z][a-z0-9_]{0,31})"
    r"(\s+(?P<currencies>[A-Z]{3}(,[A-Z]{3})*))?"
    r"(\s+(?P<low>[0-9]{1,15}(\.[0-9]{1,4})?)?\.\.(?P<high>[0-9]{1,15}(\.[0-9]{1,4})?)?)?"
)


class RoutingRule(NamedTuple):
    """A method, and which payments it is for; amounts are inclusive, None is without a limit."""

    number: int
    method: str
    currencies: frozenset[str] = frozenset()  # all, where it names none
    low: Decimal | None = None
    high: Decimal | None = None

    def covers(self, money: Money) -> bool:
        """Whether the rule is for such a payment."""
        return (
            (not self.currencies or money.currency in self.currencies)
            and (self.low is None or self.low <= money.amount)
            and (self.high is None or money.amount <= self.high)
        )


class Route(NamedTuple):
    """How a payment goes, and why; `explanation` is None where the request itself says how."""

    method: str
    destination: str | None
    explanation: str | None


def read_rules(text: str) -> list[RoutingRule]:
    """Rules from the setting: `METHOD [CURRENCIES] [LOW..HIGH]`, several with semicolons, as in
    `wire USD ..25000; card EUR,GBP; gift`. Raises SettingsError."""
    return [_rule(number, part) for number, part in enumerate(_parts(text), start=1)]


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _rule(number: int, text: str) -> RoutingRule:
    found = _RULE.fullmatch(text)
    if found is None:
        raise SettingsError(
            f"PAYMENTAPP_ROUTES: rule {number} is not METHOD [CURRENCY,...] [LOW..HIGH]"
        )
    low, high = (Decimal(limit) if limit else None for limit in found.group("low", "high"))
    currencies = frozenset((found["currencies"] or "").split(",")) - {""}
    return RoutingRule(number, found["method"], currencies, low, high)


def unpayable(provider: Provider, money: Money) -> NotPayable | None:
    """Why a provider does not pay such an amount, if it does not."""
    rule = provider.currencies.get(money.currency)
    if rule is None:
        return NotPayable("currency", f"{provider.name} does not pay in this currency.")
    if money.decimals > rule.decimals:
        return NotPayable(
            "amount", f"{money.currency} is paid with at most {rule.decimals} decimals."
        )
    if money.amount > rule.maximum:
        return NotPayable("amount", f"One payment in {money.currency} is at most {rule.maximum}.")
    return None


@dataclass(frozen=True)
class Routes:
    """Chooses ways to pay. `failing` says whether a provider should be left alone now."""

    providers: Mapping[str, Provider]
    rules: Sequence[RoutingRule]
    failing: Callable[[str], bool]

    def check(self) -> None:
        """Raises SettingsError where a rule names a method that there is not."""
        for rule in self.rules:
            if rule.method not in self.providers:
                known = ", ".join(sorted(self.providers))
                raise SettingsError(
                    f"PAYMENTAPP_ROUTES: rule {rule.number} names {rule.method}, there is {known}"
                )

    def validate_requested(self, method: str, money: Money) -> Provider:
        """The provider of a method that a request names. Raises NotPayable."""
        provider = self.providers.get(method)
        if provider is None:
            known = ", ".join(sorted(self.providers))
            raise NotPayable("payment_method", f"Payments can be made by {known}.")
        problem = unpayable(provider, money)
        if problem is not None:
            raise problem
        return provider

    def choose(self, customer: Customer, money: Money, method: str | None) -> Route:
        """How to pay a customer: as asked, else as the customer likes best, else by the first
        rule that fits, passing over providers that fail. Raises NotPayable."""
        if method is not None:
            self.validate_requested(method, money)
            return Route(method, self._destination(customer, method), None)
        found = self._best(self._candidates(customer, money), customer, money, ())
        if found is not None:
            return found
        for candidate, _ in self._candidates(customer, money):
            _refuse_blocked(customer, candidate)
        if self.rules or customer.default_method:
            raise NotPayable("payment_method", "No way to pay this customer fits such a payment.")
        method = FIRST_METHOD if FIRST_METHOD in self.providers else min(self.providers, default="")
        self.validate_requested(method, money)
        return Route(method, self._destination(customer, method), None)

    def another(self, customer: Customer, payment: Payment) -> Route | None:
        """The next route for a payment whose provider has said that it did nothing.

        None where the request itself said how it is to go, or where no other route fits.
        """
        if payment.route is None:
            return None
        done = (*payment.tried_methods, payment.payment_method)
        money = payment.money
        return self._best(self._candidates(customer, money), customer, money, done)

    def departure(self, method: str, now: datetime) -> datetime:
        """When a payment that goes by a method from now leaves: at once, where its provider names
        no times."""
        cutoffs = self.providers[method].cutoffs
        return cutoffs.next_departure(now) if cutoffs else now

    def _candidates(self, customer: Customer, money: Money) -> Iterator[tuple[str, str]]:
        """Methods in the order of preference, and why each."""
        if customer.default_method is not None:
            yield customer.default_method, "the customer's default"
        for rule in self.rules:
            if rule.covers(money):
                yield rule.method, f"rule {rule.number}"

    def _best(
        self,
        candidates: Iterator[tuple[str, str]],
        customer: Customer,
        money: Money,
        done: Sequence[str],
    ) -> Route | None:
        """The first that can be used; one that is failing only where no other can."""
        fallback: Route | None = None
        passed: dict[str, str] = dict.fromkeys(done, "did nothing")
        for method, why in candidates:
            if method in passed:
                continue
            problem = self._problem(customer, money, method)
            if problem is not None:
                passed[method] = problem
                continue
            route = Route(method, customer_destination(customer, method), _told(why, passed))
            if not self.failing(method):
                return route
            passed[method] = "is failing"
            told = f"{route.explanation}, though {method} is failing"
            fallback = fallback or route._replace(explanation=told)
        return fallback

    def _problem(self, customer: Customer, money: Money, method: str) -> str | None:
        provider = self.providers.get(method)
        if provider is None or not provider.configured:
            return "is not set up"
        problem = unpayable(provider, money)
        if problem is not None:
            return f"does not pay this {problem.field}"
        if _blocked(customer, method) is not None:
            return "has unusable details"
        return None if _knows(provider, customer) else "has no details"

    def _destination(self, customer: Customer, method: str) -> str | None:
        """Where the customer is paid by a method. Raises NotPayable where that is not known."""
        if not _knows(self.providers[method], customer):
            raise NotPayable(
                "payment_method", f"The customer has no details for {method}: put them first."
            )
        _refuse_blocked(customer, method)
        return customer_destination(customer, method)


def declined(store: Store, routes: Routes, payment: Payment, now: datetime, reason: str) -> Payment:
    """The next version of a payment whose provider has said for certain that it did nothing:
    pending, to go by another method; failed, where there is none."""
    customer = store.get_customer(payment.customer_id)
    route = routes.another(customer, payment) if customer else None
    if route is None:
        return payment.moved(Status.FAILED, now, Cause.DISPATCH, reason, reason=reason)
    return payment.moved(
        Status.PENDING,
        now,
        Cause.DISPATCH,
        reason,
        payment_method=route.method,
        destination=route.destination,
        route=route.explanation,
        tried_methods=(*payment.tried_methods, payment.payment_method),
        batch_id=None,
        due_at=routes.departure(route.method, now),
        isolated=False,
    )


def customer_destination(customer: Customer, method: str) -> str | None:
    """Where a customer is paid by a method; None stands for the customer's e-mail."""
    known = customer.methods.get(method)
    return known.destination if known else None


def _blocked(customer: Customer, method: str) -> str | None:
    """Return why a customer's details for a method must not be used; None where they may."""
    known = customer.methods.get(method)
    return known.blocked if known else None


def _refuse_blocked(customer: Customer, method: str) -> None:
    """Raise NotPayable where a customer's details for a method must not be used."""
    blocked = _blocked(customer, method)
    if blocked is not None:
        raise NotPayable(
            "payment_method",
            f"The customer's details for {method} must not be used: {blocked} Put them again.",
        )


def _knows(provider: Provider, customer: Customer) -> bool:
    payees = provider.payees
    return payees is None or payees.email_is_enough or provider.name in customer.methods


def _told(why: str, passed: Mapping[str, str]) -> str:
    """The explanation that is kept with the payment: short, since it is stored each time."""
    return "; ".join([why, *(f"{method} {reason}" for method, reason in passed.items())])[:80]
