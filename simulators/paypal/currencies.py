"""Currencies of PayPal's payouts, and their decimals.

From https://developer.paypal.com/api/rest/reference/currency-codes/: HUF, JPY and TWD take no
decimals, "if you pass a decimal amount, an error occurs"; all others take up to two.
"""

from __future__ import annotations

import re
from decimal import Decimal

_TWO_DECIMALS = (
    "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN RUB SEK SGD THB USD"
)
DECIMALS: dict[str, int] = dict.fromkeys(_TWO_DECIMALS.split(), 2)
DECIMALS |= dict.fromkeys(("HUF", "JPY", "TWD"), 0)

# Ten digits keep the sum of 15,000 items inside SQLite's 64-bit integers.
_VALUE = re.compile(r"(\d{1,10})(?:\.(\d+))?", re.ASCII)

# A flat fee for each item, 0.25 or 25 without decimals. The real fees depend on country and
# currency; what matters to a client is that there is one.
FEE_MINOR = 25


def minor_units(currency: str, value: str) -> int:
    """Convert ``value`` to the currency's smallest unit; raise ValueError where it is refused.

    >>> minor_units("USD", "9.8")
    980
    """
    match = _VALUE.fullmatch(value)
    if match is None:
        raise ValueError("Amount must be a positive number with at most 10 digits before the point")
    decimals = DECIMALS[currency]
    if len(match[2] or "") > decimals:
        plural = f"at most {decimals} decimals" if decimals else "no decimals"
        raise ValueError(f"Currency {currency} supports {plural}")
    minor = int(Decimal(value).scaleb(decimals))
    if minor == 0:
        raise ValueError("Amount must be greater than zero")
    return minor


def amount(currency: str, minor: int) -> dict[str, str]:
    """Return PayPal's currency object, ``{"currency": "USD", "value": "9.80"}``."""
    decimals = DECIMALS[currency]
    return {"currency": currency, "value": f"{Decimal(minor).scaleb(-decimals):.{decimals}f}"}
