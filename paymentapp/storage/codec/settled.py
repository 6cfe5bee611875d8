"""What a provider tells of a settled payment, as one short text: items stay under a kilobyte."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from paymentapp.clock import EPOCH
from paymentapp.models.money import Money
from paymentapp.models.settled import NOT_SETTLED, Exchange, Settled

_NONE, _SAME = "-", "="
_MONEY = re.compile(r"([0-9.]+)([A-Z]{3})?")
_SECOND = timedelta(seconds=1)


def settled_text(settled: Settled, paid: Money) -> str | None:
    """Return the text, None for NOT_SETTLED: the line, seconds since 1970, fee, from, to, rate.

    `-` is what is not known, `=` the payment's own amount; the payment's currency is left out.
    """
    if settled == NOT_SETTLED:
        return None
    seconds = _NONE if settled.at is None else str((settled.at - EPOCH) // _SECOND)
    parts = [str(settled.line), seconds, _money_text(settled.fee, paid)]
    if settled.exchange is not None:
        source, target, rate = settled.exchange
        parts += [_money_text(source, paid), _money_text(target, paid), _text(rate)]
    return " ".join(parts)


def read_settled(text: str | None, paid: Money) -> Settled:
    """Return what the text of a payment says. Raises ValueError, ArithmeticError."""
    if text is None:
        return NOT_SETTLED
    line, seconds, fee, *rest = text.split(" ")
    at = None if seconds == _NONE else EPOCH + int(seconds) * _SECOND
    return Settled(at, _read_money(fee, paid), _read_exchange(rest, paid), int(line))


def _read_exchange(parts: list[str], paid: Money) -> Exchange | None:
    if not parts:
        return None
    source, target, rate = parts
    moneys = _read_money(source, paid), _read_money(target, paid)
    if moneys[0] is None or moneys[1] is None:
        raise ValueError("an exchange without an amount")
    return Exchange(moneys[0], moneys[1], None if rate == _NONE else Decimal(rate))


def _money_text(money: Money | None, paid: Money) -> str:
    if money == paid:
        return _SAME
    if money is None:
        return _NONE
    return f"{money.amount}{'' if money.currency == paid.currency else money.currency}"


def _read_money(text: str, paid: Money) -> Money | None:
    if text == _NONE:
        return None
    if text == _SAME:
        return paid
    match = _MONEY.fullmatch(text)
    if match is None:
        raise ValueError("not an amount")
    return Money(Decimal(match[1]), match[2] or paid.currency)


def _text(rate: Decimal | None) -> str:
    return _NONE if rate is None else f"{rate:f}"
