"""Approval rules: which payments need approval before they leave, and by how many."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import SettingsError
from paymentapp.models.actors import Actor
from paymentapp.models.approvals import RequiredApproval, digests
from paymentapp.models.customers import Customer
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.services.money_ranges import BOUNDS, CURRENCIES, MoneyRange, parts, read_range
from paymentapp.services.routing import Route, details_since
from paymentapp.storage.base import PageQuery, Store

SETTING = "PAYMENTAPP_APPROVALS"
_FORM = (
    "is not CONDITION: APPROVERS, with a condition of [CURRENCY,...] [LOW..HIGH], all, "
    "payee-changed HOURS or first-payment, and 1 to 9 approvers"
)
_RULE = re.compile(
    r"(?P<condition>"
    rf"all|first-payment|payee-changed\s+(?P<hours>[1-9][0-9]{{0,3}})h"
    rf"|{CURRENCIES}?\s*({BOUNDS})?"
    r")\s*:\s*(?P<count>[1-9])"
)
_PAGE = 100
_PAGES = 10  # of a customer's newest payments that are searched for one that has succeeded


class ApprovalRule(NamedTuple):
    """A condition, and how many approvers a payment needs that it covers.

    `changed_within` is how long ago at most the payee's details were set; None: at any time.
    """

    text: str  # as the setting has it, in one form
    approvers: int
    amounts: MoneyRange = MoneyRange()
    changed_within: timedelta | None = None
    first_payment: bool = False


def read_approval_rules(text: str) -> list[ApprovalRule]:
    """Parse the setting's rules: `CONDITION: APPROVERS`, separated by semicolons.

    For example `USD 5000..: 1; USD 50000..: 2; payee-changed 24h: 1; first-payment: 1`. Raises
    SettingsError.
    """
    return [_rule(number, part) for number, part in enumerate(parts(text), start=1)]


def _rule(number: int, text: str) -> ApprovalRule:
    found = _RULE.fullmatch(text)
    if found is None or not found["condition"].strip():
        raise SettingsError(f"{SETTING}: rule {number} {_FORM}")
    amounts, hours = read_range(found), found["hours"]
    if amounts.low is not None and amounts.high is not None and amounts.low > amounts.high:
        raise SettingsError(f"{SETTING}: rule {number} covers nothing: LOW is more than HIGH")
    return ApprovalRule(
        f"{' '.join(found['condition'].split())}: {found['count']}",
        int(found["count"]),
        amounts,
        timedelta(hours=int(hours)) if hours else None,
        found["condition"] == "first-payment",
    )


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """Tells which approval a payment needs."""

    store: Store
    rules: Sequence[ApprovalRule]

    @property
    def reads_payments(self) -> bool:
        """Return whether a rule takes a read of the customer's payments."""
        return any(rule.first_payment for rule in self.rules)

    def applied(
        self, route: Route, customer: Customer, money: Money, clock: Clock, by: Actor
    ) -> Route:
        """Return the route of a new payment, with the approval that the payment needs.

        Raises StoreUnavailable where a rule takes a read.
        """
        if not self.rules:
            return route
        approval = self.required(customer, money, route.method, clock(), by)
        return route._replace(approval=approval)

    def required(
        self, customer: Customer, money: Money, method: str, now: datetime, by: Actor
    ) -> RequiredApproval | None:
        """Return the approval that a new payment needs, None where no rule covers it.

        Of several rules the one with the most approvers decides, then the first. Raises
        StoreUnavailable where a rule takes a read.
        """
        for rule in sorted(self.rules, key=lambda rule: -rule.approvers):  # a stable sort
            if self._covers(rule, customer, money, method, now):
                return RequiredApproval(rule.text, rule.approvers, digests(by.identities))
        return None

    def _covers(
        self, rule: ApprovalRule, customer: Customer, money: Money, method: str, now: datetime
    ) -> bool:
        if rule.changed_within is not None:
            return now - details_since(customer, method) < rule.changed_within
        if rule.first_payment:
            return not self._was_paid(customer.customer_id)
        return rule.amounts.covers(money)

    def _was_paid(self, customer_id: str) -> bool:
        """Return whether one of a customer's newest payments has succeeded.

        One that is still under way does not count: it may be the one that nobody has approved.
        """
        before: str | None = None
        for _ in range(_PAGES):
            query = PageQuery(_PAGE, Status.SUCCEEDED, before=before)
            found, before = self.store.list_payments(customer_id, query)
            if found or before is None:
                return bool(found)
        return False
