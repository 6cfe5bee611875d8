"""The use of limits: what is counted against each rule, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.models.limits import (
    Charge,
    LimitRule,
    LimitWindow,
    oldest_leaves_at,
    slot_end,
    used,
)
from paymentapp.services.limits import Limits
from paymentapp.storage.base import Store


class RuleUse(NamedTuple):
    """A rule and its use now; `used` and `remaining` are None where no counter is shown.

    `resets_at` is when the day or the month ends, or when the oldest amount of a rolling window
    leaves it; None where nothing is counted there.
    """

    rule: LimitRule
    used: Decimal | None
    remaining: Decimal | None
    resets_at: datetime | None


@dataclass(frozen=True, slots=True)
class LimitUse:
    """Shows the rules and their use."""

    store: Store
    limits: Limits
    clock: Clock

    def show(self, client: str, customer_id: str | None = None) -> list[RuleUse]:
        """Return all rules, those for each client or customer with the use of the ones named."""
        rules = self.limits.counters(self.clock(), client, customer_id)
        charges = [charge for _, charge in rules if charge is not None]
        found = iter(self.store.count_of(charges)) if charges else iter(())
        return [
            _use(rule, charge, next(found)) if charge else RuleUse(rule, None, None, None)
            for rule, charge in rules
        ]


def _use(rule: LimitRule, charge: Charge, slots: Mapping[str, Decimal]) -> RuleUse:
    amount = used(charge.window, slots, charge.slot)
    left = max(rule.limit.amount - amount, Decimal(0))
    if charge.window is LimitWindow.ROLLING:
        return RuleUse(rule, amount, left, oldest_leaves_at(slots, charge.slot))
    return RuleUse(rule, amount, left, slot_end(charge.window, charge.slot))
