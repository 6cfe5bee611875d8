"""Currencies: how many decimals an amount of one has (ISO 4217, list one, "minor unit")."""

from __future__ import annotations

from decimal import Decimal

from paymentapp.models.money import Money

_USUAL = 2
_OTHERS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DECIMALS = {code: decimals for decimals, codes in _OTHERS.items() for code in codes.split()}


def decimals_of(currency: str) -> int:
    """Return how many decimals ISO 4217 gives a currency; 2 for a code that is not listed here."""
    return _DECIMALS.get(currency, _USUAL)


def full_amount(money: Money) -> Decimal:
    """Return the amount with all decimals of its currency, and with more where it has more.

    >>> full_amount(Money(Decimal("12.5"), "USD")), full_amount(Money(Decimal(1200), "JPY"))
    (Decimal('12.50'), Decimal('1200'))
    """
    decimals = max(decimals_of(money.currency), money.decimals)
    return money.amount.quantize(Decimal(1).scaleb(-decimals))


def money_text(money: Money) -> str:
    """Return an amount as people write it.

    >>> money_text(Money(Decimal("1234.5"), "USD"))
    '1,234.50 USD'
    """
    return f"{full_amount(money):,} {money.currency}"
