"""Ranges of amounts, as the rules in settings write them: `[CURRENCY,...] [LOW..HIGH]`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from paymentapp.models.money import Money

CURRENCIES = r"(?P<currencies>[A-Z]{3}(,[A-Z]{3})*)"
BOUNDS = r"(?P<low>[0-9]{1,15}(\.[0-9]{1,4})?)?\.\.(?P<high>[0-9]{1,15}(\.[0-9]{1,4})?)?"


class MoneyRange(NamedTuple):
    """Amounts that a rule applies to; bounds are inclusive, None means no limit."""

    currencies: frozenset[str] = frozenset()  # empty: all currencies
    low: Decimal | None = None
    high: Decimal | None = None

    def covers(self, money: Money) -> bool:
        """Return whether an amount is in the range."""
        return (
            (not self.currencies or money.currency in self.currencies)
            and (self.low is None or self.low <= money.amount)
            and (self.high is None or money.amount <= self.high)
        )


def read_range(found: re.Match[str]) -> MoneyRange:
    """Return the range of a match of a pattern that has CURRENCIES and BOUNDS in it."""
    low, high = (Decimal(limit) if limit else None for limit in found.group("low", "high"))
    return MoneyRange(frozenset((found["currencies"] or "").split(",")) - {""}, low, high)


def parts(text: str) -> list[str]:
    """Return the rules of a setting, which semicolons separate."""
    return [part.strip() for part in text.split(";") if part.strip()]
