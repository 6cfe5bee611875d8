"""Limits: what a payment counts against, and what is left."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from paymentapp.errors import SettingsError
from paymentapp.models.limits import (
    Charge,
    LimitExceeded,
    LimitReached,
    LimitRule,
    LimitScope,
    LimitWindow,
    counter_name,
    frees_at,
    keep_from,
    slot_of,
    used,
)
from paymentapp.models.money import Money
from paymentapp.services.money_ranges import parts

NAME = "PAYMENTAPP_LIMITS"
_RULE = re.compile(
    r"(?P<scope>all|client|customer|payment)"
    r"(\s+(?P<value>\S(.*\S)?))?"
    r"\s+(?P<currency>[A-Z]{3})"
    r"\s+(?P<amount>[0-9]{1,15}(\.[0-9]{1,4})?)"
    r"(/(?P<window>day|month|24h))?"
    r"(\s+(?P<ask>ask))?"
)
_FORM = "SCOPE [NAME] CURRENCY AMOUNT[/day|/month|/24h] [ask]"


class Spender(NamedTuple):
    """Whose payment counts: the client that requests it, and the customer who is paid."""

    client: str
    customer_id: str


def read_limits(text: str) -> list[LimitRule]:
    """Parse the setting's rules: `SCOPE [NAME] CURRENCY AMOUNT[/WINDOW] [ask]`, by semicolons.

    For example `all USD 500000/day; client payroll USD 1000/24h; payment USD 60000 ask`. Raises
    SettingsError.
    """
    rules = [_rule(number, part) for number, part in enumerate(parts(text), start=1)]
    _refuse_repeated(rules)
    return rules


def _rule(number: int, text: str) -> LimitRule:
    found = _RULE.fullmatch(text)
    if found is None:
        raise SettingsError(f"{NAME}: rule {number} is not {_FORM}")
    scope, value = LimitScope(found["scope"]), found["value"] or ""
    window = LimitWindow(found["window"]) if found["window"] else None
    if value and scope in {LimitScope.ALL, LimitScope.PAYMENT}:
        raise SettingsError(f"{NAME}: rule {number}: {scope} takes no name")
    if scope is LimitScope.PAYMENT and window is not None:
        raise SettingsError(f"{NAME}: rule {number}: a limit of each payment has no /{window}")
    if scope is not LimitScope.PAYMENT and window is None:
        raise SettingsError(f"{NAME}: rule {number} needs /day, /month or /24h after its amount")
    limit = Money(Decimal(found["amount"]), found["currency"])
    return LimitRule(number, scope, value, limit, window, ask=found["ask"] is not None)


def _refuse_repeated(rules: Sequence[LimitRule]) -> None:
    """Raise SettingsError where two rules say the same of different amounts."""
    seen: dict[tuple[object, ...], int] = {}
    for rule in rules:
        what = (rule.scope, rule.value, rule.limit.currency, rule.window, rule.ask)
        if what in seen:
            raise SettingsError(f"{NAME}: rule {rule.number} limits the same as rule {seen[what]}")
        seen[what] = rule.number


@dataclass(frozen=True)
class Limits:
    """The rules in force.

    A rule that names a client or a customer replaces, for that one, the rule for each client or
    customer in the same currency and window.
    """

    rules: Sequence[LimitRule] = ()

    def rule(self, number: int) -> LimitRule:
        """Return the rule with a number."""
        return self.rules[number - 1]

    def above(self, money: Money, waived: Collection[int] = ()) -> LimitRule | None:
        """Return the rule for single payments that an amount is above, the refusing one first."""
        found = [
            rule
            for rule in self.rules
            if rule.scope is LimitScope.PAYMENT
            and rule.limit.currency == money.currency
            and rule.limit.amount < money.amount
            and rule.number not in waived
        ]
        return min(found, key=lambda rule: rule.ask, default=None)

    def charges(
        self,
        spender: Spender,
        money: Money,
        now: datetime,
        at: datetime | None = None,
        waived: Collection[int] = (),
    ) -> tuple[Charge, ...]:
        """Return what to count for a payment that leaves at a time, now by default.

        Each counter occurs once, with the lowest limit that is not waived. `waived` are numbers of
        rules.
        """
        if not self.rules:
            return ()
        lowest: dict[str, Charge] = {}
        applying = list(self._applying(spender, money.currency))
        counters = [_counter(rule, window, spender) for rule, window in applying]
        for counter, (rule, window) in zip(counters, applying, strict=True):
            limit = None if rule.number in waived else rule.limit.amount
            charge = Charge(
                counter,
                slot_of(window, at or now),
                money.amount,
                limit,
                rule.number,
                keep_from(window, now),
                is_sole_limit=not rule.ask and counters.count(counter) == 1,
            )
            other = lowest.get(counter)
            if other is None or _is_lower(charge, other):
                lowest[counter] = charge
        return tuple(lowest.values())

    def exceeded(self, reached: LimitReached) -> LimitExceeded:
        """Return the error for the caller, of the one that a store has raised."""
        charge, rule = reached.charge, self.rule(reached.charge.rule)
        left = max(rule.limit.amount - used(charge.window, reached.slots, charge.slot), Decimal(0))
        money = Money(left, rule.limit.currency)
        return LimitExceeded(rule, money, frees_at(charge, reached.slots))

    def counters(
        self, now: datetime, client: str, customer_id: str | None
    ) -> list[tuple[LimitRule, Charge | None]]:
        """Return each rule with the counter that shows its use.

        A rule for each client shows the one of `client`, a rule for each customer that of
        `customer_id`. None stands for no counter: a rule about single payments, one for each
        customer where none is named, and one that another rule replaces for that client or
        customer.
        """
        return [(rule, self._shown(rule, now, client, customer_id)) for rule in self.rules]

    def _shown(
        self, rule: LimitRule, now: datetime, client: str, customer_id: str | None
    ) -> Charge | None:
        if rule.window is None:
            return None
        spender = Spender(
            rule.value if rule.scope is LimitScope.CLIENT and rule.value else client,
            rule.value if rule.scope is LimitScope.CUSTOMER and rule.value else customer_id or "",
        )
        if not _holder(rule, spender) and rule.scope is not LimitScope.ALL:
            return None
        if all(rule != each for each, _ in self._applying(spender, rule.limit.currency)):
            return None
        counter, slot = _counter(rule, rule.window, spender), slot_of(rule.window, now)
        return Charge(counter, slot, Decimal(0), rule.limit.amount, rule.number)

    def _applying(self, spender: Spender, currency: str) -> Iterator[tuple[LimitRule, LimitWindow]]:
        """Yield the rules that add up a spender's payments, each with its window."""
        named = {
            (rule.scope, rule.window)
            for rule in self.rules
            if rule.value and rule.value == _holder(rule, spender) and _is_in(currency, rule)
        }
        for rule in self.rules:
            if rule.window is None or not _is_in(currency, rule):
                continue
            replaced = not rule.value and (rule.scope, rule.window) in named
            if not replaced and rule.value in {"", _holder(rule, spender)}:
                yield rule, rule.window


def _is_in(currency: str, rule: LimitRule) -> bool:
    return rule.limit.currency == currency


def _holder(rule: LimitRule, spender: Spender) -> str:
    """Return the name of the one whose payments a rule adds up; empty for everybody."""
    if rule.scope is LimitScope.CLIENT:
        return spender.client
    return spender.customer_id if rule.scope is LimitScope.CUSTOMER else ""


def _counter(rule: LimitRule, window: LimitWindow, spender: Spender) -> str:
    return counter_name(rule.scope, _holder(rule, spender), rule.limit.currency, window)


def _is_lower(charge: Charge, other: Charge) -> bool:
    return charge.limit is not None and (other.limit is None or charge.limit < other.limit)
