"""Routing: by which method a payment goes, and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from paymentapp.clock import to_text
from paymentapp.errors import NotPayable, SettingsError
from paymentapp.models.approvals import RequiredApproval
from paymentapp.models.caller_texts import NO_TEXTS, CallerTexts
from paymentapp.models.customers import Customer
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.providers.base import Provider
from paymentapp.providers.registry import DEFAULT
from paymentapp.services.money_ranges import BOUNDS, CURRENCIES, MoneyRange, parts, read_range
from paymentapp.services.remittance import unsendable
from paymentapp.storage.base import Store

DETAILS_CHANGED = "details have changed"  # begins the reason of such a hold, in histories
FIRST_METHOD = DEFAULT  # where no request, customer or rule names a method
_RULE = re.compile(
    r"(?P<method>[a-z][a-z0-9_]{0,31})"
    rf"(\s+{CURRENCIES})?"
    rf"(\s+{BOUNDS})?"
)


class RoutingRule(NamedTuple):
    """A method and the payments it applies to; amounts are inclusive, None means no limit."""

    number: int
    method: str
    currencies: frozenset[str] = frozenset()  # empty: all currencies
    low: Decimal | None = None
    high: Decimal | None = None

    def covers(self, money: Money) -> bool:
        """Return whether the rule applies to such a payment."""
        return MoneyRange(self.currencies, self.low, self.high).covers(money)


class Route(NamedTuple):
    """How a payment goes; `explanation` is None where the request itself named the method.

    `held_until` is when the details have been on record for long enough; None without such a rule.
    `approval` is what a new payment needs before it leaves; None where no rule covers it.
    """

    method: str
    destination: str | None
    explanation: str | None
    held_until: datetime | None = None
    approval: RequiredApproval | None = None

    def hold_reason(self, now: datetime) -> str:
        """Return why the payment does not leave yet, for its history; empty where it does."""
        if self.held_until is None or self.held_until <= now:
            return ""
        return f"{DETAILS_CHANGED}; held until {to_text(self.held_until)}"


def read_rules(text: str) -> list[RoutingRule]:
    """Parse the setting's rules: `METHOD [CURRENCIES] [LOW..HIGH]`, separated by semicolons.

    For example `wire USD ..25000; card EUR,GBP; gift`. Raises SettingsError.
    """
    return [_rule(number, part) for number, part in enumerate(parts(text), start=1)]


def _rule(number: int, text: str) -> RoutingRule:
    found = _RULE.fullmatch(text)
    if found is None:
        raise SettingsError(
            f"PAYMENTAPP_ROUTES: rule {number} is not METHOD [CURRENCY,...] [LOW..HIGH]"
        )
    return RoutingRule(number, found["method"], *read_range(found))


def unpayable(provider: Provider, money: Money) -> NotPayable | None:
    """Return why a provider does not pay such an amount; None where it does."""
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


def payee_problem(
    provider: Provider, customer: Customer, money: Money, texts: CallerTexts
) -> NotPayable | None:
    """Return why a customer's details for a provider do not take a payment; None where they do."""
    destination = customer_destination(customer, provider.name)
    if provider.payee_rules is None or destination is None:
        return None
    return provider.payee_rules.problem(destination, money, texts)


@dataclass(frozen=True)
class Routes:
    """Chooses payment methods. `failing` says whether to avoid a provider for now.

    `change_hold` is how long details have to be on record before they are paid.
    """

    providers: Mapping[str, Provider]
    rules: Sequence[RoutingRule]
    failing: Callable[[str], bool]
    change_hold: timedelta = timedelta(0)

    def check(self) -> None:
        """Raise SettingsError where a rule names a method that is not configured."""
        for rule in self.rules:
            if rule.method not in self.providers:
                known = ", ".join(sorted(self.providers))
                raise SettingsError(
                    f"PAYMENTAPP_ROUTES: rule {rule.number} names {rule.method}, there is {known}"
                )

    def validate_requested(self, method: str, money: Money, texts: CallerTexts) -> None:
        """Raise NotPayable where a method that a request names cannot pay it."""
        provider = self.providers.get(method)
        if provider is None:
            known = ", ".join(sorted(self.providers))
            raise NotPayable("payment_method", f"Payments can be made by {known}.")
        problem = unpayable(provider, money) or unsendable(provider, texts)
        if problem is not None:
            raise problem

    def choose(
        self,
        customer: Customer,
        money: Money,
        method: str | None,
        texts: CallerTexts = NO_TEXTS,
    ) -> Route:
        """Choose how to pay a customer. Raises NotPayable.

        In order: the requested method, the customer's default, the first rule that fits, passing
        over providers that are failing.
        """
        if method is not None:
            return self._requested(customer, method, money, texts)
        found = self._best(self._candidates(customer, money), customer, money, texts, ())
        if found is not None:
            return found
        for candidate, _ in self._candidates(customer, money):
            _refuse_blocked(customer, candidate)
        if self.rules or customer.default_method:
            raise NotPayable("payment_method", "No payment method of this customer fits.")
        method = FIRST_METHOD if FIRST_METHOD in self.providers else min(self.providers, default="")
        return self._requested(customer, method, money, texts)

    def another(self, customer: Customer, payment: Payment) -> Route | None:
        """Return the next route for a payment whose provider certainly did nothing.

        None where the request itself named the method, or where no other route fits.
        """
        if payment.route is None:
            return None
        tried = (*payment.tried_methods, payment.payment_method)
        candidates = self._candidates(customer, payment.money)
        return self._best(candidates, customer, payment.money, payment.texts, tried)

    def departure(self, route: Route, now: datetime) -> datetime:
        """Return when a payment leaves: at once, without a hold or cut-offs of its provider."""
        earliest = max(now, route.held_until or now)
        provider = self.providers.get(route.method)  # None where it is not set up any more
        cutoffs = provider.cutoffs if provider else None
        return cutoffs.next_departure(earliest) if cutoffs else earliest

    def route_of(self, customer: Customer | None, payment: Payment) -> Route:
        """Return how an accepted payment goes, with the hold that its details have by now."""
        method = payment.payment_method
        held = self._held_until(customer, method) if customer else None
        return Route(method, payment.destination, payment.route, held)

    def _candidates(self, customer: Customer, money: Money) -> Iterator[tuple[str, str]]:
        """Yield methods in order of preference, each with the reason."""
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
        texts: CallerTexts,
        tried: Sequence[str],
    ) -> Route | None:
        """Return the first usable route; a failing provider's only where there is no other."""
        fallback: Route | None = None
        skipped: dict[str, str] = dict.fromkeys(tried, "did nothing")
        for method, reason in candidates:
            if method in skipped:
                continue
            problem = self._problem(customer, money, texts, method)
            if problem is not None:
                skipped[method] = problem
                continue
            explanation = _explanation(reason, skipped)
            held = self._held_until(customer, method)
            route = Route(method, customer_destination(customer, method), explanation, held)
            if not self.failing(method):
                return route
            skipped[method] = "is failing"
            explanation = f"{explanation}, though {method} is failing"
            fallback = fallback or route._replace(explanation=explanation)
        return fallback

    def _problem(
        self, customer: Customer, money: Money, texts: CallerTexts, method: str
    ) -> str | None:
        provider = self.providers.get(method)
        if provider is None or not provider.configured:
            return "is not set up"
        problem = unpayable(provider, money)
        if problem is not None:
            return f"does not pay this {problem.field}"
        problem = unsendable(provider, texts)
        if problem is not None:
            return f"cannot send on the {problem.field.partition('/')[0]}"
        if _blocked(customer, method) is not None:
            return "has unusable details"
        if not _knows(provider, customer):
            return "has no details"
        problem = payee_problem(provider, customer, money, texts)
        return f"does not pay them by this {problem.field}" if problem is not None else None

    def _requested(
        self, customer: Customer, method: str, money: Money, texts: CallerTexts
    ) -> Route:
        """Return the route by a method that no rule chose. Raises NotPayable."""
        self.validate_requested(method, money, texts)
        destination = self._destination(customer, method)
        problem = payee_problem(self.providers[method], customer, money, texts)
        if problem is not None:
            raise problem
        return Route(method, destination, None, self._held_until(customer, method))

    def _held_until(self, customer: Customer, method: str) -> datetime | None:
        """Return when a customer's details have been on record for `change_hold`."""
        if not self.change_hold:
            return None
        return details_since(customer, method) + self.change_hold

    def _destination(self, customer: Customer, method: str) -> str | None:
        """Return the customer's destination by a method. Raises NotPayable where it is unknown."""
        if not _knows(self.providers[method], customer):
            raise NotPayable(
                "payment_method", f"The customer has no details for {method}: put them first."
            )
        _refuse_blocked(customer, method)
        return customer_destination(customer, method)


def declined(store: Store, routes: Routes, payment: Payment, now: datetime, reason: str) -> Payment:
    """Return the next version of a payment whose provider certainly did nothing.

    Pending, to go by another method; failed, where there is none.
    """
    customer = store.get_customer(payment.customer_id)
    route = routes.another(customer, payment) if customer else None
    if route is None:
        return payment.moved(Status.FAILED, now, Cause.DISPATCH, reason, reason=reason)
    held = route.hold_reason(now)
    return payment.moved(
        Status.PENDING,
        now,
        Cause.DISPATCH,
        f"{reason}; {held}" if held else reason,
        payment_method=route.method,
        destination=route.destination,
        route=route.explanation,
        tried_methods=(*payment.tried_methods, payment.payment_method),
        batch_id=None,
        due_at=routes.departure(route, now),
        isolated=False,
    )


def customer_destination(customer: Customer, method: str) -> str | None:
    """Return where a customer is paid by a method; None stands for the customer's e-mail."""
    known = customer.methods.get(method)
    return known.destination if known else None


def details_since(customer: Customer, method: str) -> datetime:
    """Return since when a customer is paid by a method's details as they are.

    Where there are none, the e-mail address is paid, which was registered or set later.
    """
    known = customer.methods.get(method)
    return known.updated_at if known else customer.email_since


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


def _explanation(reason: str, skipped: Mapping[str, str]) -> str:
    """Return the explanation that is stored with the payment, cut to 80 characters."""
    return "; ".join([reason, *(f"{method} {why}" for method, why in skipped.items())])[:80]
