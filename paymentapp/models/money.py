"""Money: an exact amount in one currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

CURRENCY_PATTERN = r"^[A-Z]{3}$"


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency (ISO 4217 code); 12.50 and 12.5 are equal."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError("an amount must be a Decimal")
        object.__setattr__(self, "amount", _plain(self.amount))

    @property
    def decimals(self) -> int:
        """Return how many decimals the amount needs: 0 for 12, 1 for 12.5."""
        exponent = self.amount.as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else 0

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


def _plain(amount: Decimal) -> Decimal:
    """Return the same number without trailing zeros and without an exponent."""
    short = amount.normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short
