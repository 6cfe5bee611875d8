"""Sums of payments by currency, and by what else is wanted: exact, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from enum import StrEnum
from typing import NamedTuple

from paymentapp.models.currencies import full_amount
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment

_EXACT = Context(prec=60, traps=[Inexact])  # 15 digits and 6 decimals, summed without end


class Dimension(StrEnum):
    """What payments may be grouped by; the currency always is, since others do not add up."""

    DAY = "day"  # of the request, in UTC
    CURRENCY = "currency"
    PAYMENT_METHOD = "payment_method"
    STATUS = "status"
    CREATED_BY = "created_by"


class GroupKey(NamedTuple):
    """What the payments of a group have in common; None for what they are not grouped by.

    `created_by` is empty where no client is on record.
    """

    day: str | None
    currency: str
    payment_method: str | None
    status: str | None
    created_by: str | None


class GroupTotal(NamedTuple):
    """The payments of a group: how many, their sum, and what they cost by its currency."""

    key: GroupKey
    payments: int
    amount: Decimal
    fees: tuple[Money, ...]


@dataclass(slots=True)
class _Sum:
    count: int = 0
    amount: Decimal = Decimal(0)
    fees: dict[str, Decimal] = field(default_factory=dict)

    def add(self, payment: Payment) -> None:
        self.count += 1
        self.amount = _EXACT.add(self.amount, payment.money.amount)
        fee = payment.settled.fee
        if fee is not None:
            before = self.fees.get(fee.currency, Decimal(0))
            self.fees[fee.currency] = _EXACT.add(before, fee.amount)


class PaymentTotals:
    """Adds payments up by some dimensions. Its memory grows with the groups alone."""

    def __init__(self, by: Iterable[Dimension] = ()) -> None:
        self.by = frozenset(by)
        self._sums: dict[GroupKey, _Sum] = {}

    def __len__(self) -> int:
        return len(self._sums)

    @property
    def payments(self) -> int:
        """Return the number of payments."""
        return sum(each.count for each in self._sums.values())

    def add(self, payment: Payment) -> None:
        """Add a payment, with its fee where its provider has told one."""
        key = self._key_of(payment)
        if key not in self._sums:
            self._sums[key] = _Sum()
        self._sums[key].add(payment)

    def groups(self) -> Sequence[GroupTotal]:
        """Return the groups, in the order of their keys."""
        ordered = sorted(self._sums.items(), key=lambda item: tuple(each or "" for each in item[0]))
        return [_total(key, each) for key, each in ordered]

    def _key_of(self, payment: Payment) -> GroupKey:
        by = self.by
        return GroupKey(
            payment.payment_id[:10] if Dimension.DAY in by else None,
            payment.money.currency,
            payment.payment_method if Dimension.PAYMENT_METHOD in by else None,
            payment.status.value if Dimension.STATUS in by else None,
            (payment.created_by or "") if Dimension.CREATED_BY in by else None,
        )


def _total(key: GroupKey, summed: _Sum) -> GroupTotal:
    fees = tuple(Money(amount, currency) for currency, amount in sorted(summed.fees.items()))
    return GroupTotal(key, summed.count, full_amount(Money(summed.amount, key.currency)), fees)
