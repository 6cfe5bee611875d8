"""Holds: what keeps payments from being sent until somebody releases them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from paymentapp.models.payments import Payment, PaymentKey, Status


class HoldScope(StrEnum):
    """What a hold concerns."""

    ALL = "all"  # every payment
    PROVIDER = "provider"  # the payments of a payment method
    CUSTOMER = "customer"
    PAYMENT = "payment"
    BULK = "bulk"  # a bulk run: its rows become no payments, and those that it has made wait


@dataclass(frozen=True, slots=True)
class Hold:
    """An order not to send payments; in force from its record's write until it is released.

    `value` is the name of a provider, a customer's id, `customer_id/payment_id`, or the id of a
    bulk run; it is empty for everything. At most one hold of each target is in force.
    """

    hold_id: str
    scope: HoldScope
    value: str
    reason: str
    by: str
    created_at: datetime
    released_at: datetime | None = None
    released_by: str = ""

    @property
    def target(self) -> str:
        """Return what the hold concerns, as one text: the key of its record."""
        return target_of(self.scope, self.value)

    def without_reason(self) -> Hold:
        """Return the hold without the words of whoever placed it."""
        return replace(self, reason="")

    def released(self, at: datetime, by: str) -> Hold:
        """Return the record of the hold's release."""
        return replace(self, released_at=at, released_by=by)


REASON_MAX = 200  # characters
HOLD_ID_PATTERN = r"^[0-9]{8}T[0-9]{12}-[0-9a-f]{8}$"


def new_hold_id(now: datetime) -> str:
    """Return a hold id that no other hold will ever have; ids sort by time."""
    return f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"


def target_of(scope: HoldScope, value: str) -> str:
    """Return a scope and its value as one text."""
    return f"{scope}#{value}"


def payment_value(key: PaymentKey) -> str:
    """Return the value of a hold of one payment."""
    return f"{key.customer_id}/{key.payment_id}"


class HoldsInForce:
    """The holds that are in force at one moment."""

    def __init__(self, holds: Iterable[Hold] = ()) -> None:
        self._by_target = {hold.target: hold for hold in holds}

    def __bool__(self) -> bool:
        return bool(self._by_target)

    def __iter__(self) -> Iterator[Hold]:
        return iter(self._by_target.values())

    def on_run(self, bulk_id: str) -> Hold | None:
        """Return the hold of a bulk run; None without one."""
        return self._by_target.get(target_of(HoldScope.BULK, bulk_id))

    def on(self, provider: str, key: PaymentKey, bulk_id: str | None) -> Hold | None:
        """Return the hold that concerns a payment, the oldest of several; None without one.

        `bulk_id` is the bulk run that the payment is of, if it is of one.
        """
        if not self._by_target:
            return None
        concerned = (
            target_of(HoldScope.ALL, ""),
            target_of(HoldScope.PROVIDER, provider),
            target_of(HoldScope.CUSTOMER, key.customer_id),
            target_of(HoldScope.PAYMENT, payment_value(key)),
            target_of(HoldScope.BULK, bulk_id or ""),
        )
        found = [self._by_target[each] for each in concerned if each in self._by_target]
        return min(found, key=lambda hold: hold.created_at, default=None)

    @property
    def everything(self) -> bool:
        """Return whether every payment is held."""
        return target_of(HoldScope.ALL, "") in self._by_target

    def free(self, payments: Sequence[Payment]) -> Sequence[Payment]:
        """Return the payments without the pending ones that are held."""
        if not self._by_target:
            return payments
        return [
            each
            for each in payments
            if each.status is not Status.PENDING
            or self.on(each.payment_method, each.key, each.bulk_id) is None
        ]

    def on_any(
        self, provider: str, payments: Iterable[tuple[PaymentKey, str | None]]
    ) -> Hold | None:
        """Return a hold that concerns at least one of some payments; None without one.

        A payment is given by its key and its bulk run.
        """
        if not self._by_target:
            return None
        return next(filter(None, (self.on(provider, *each) for each in payments)), None)


# Where it cannot be known what is held, everything is.
UNKNOWN = HoldsInForce(
    [Hold("unknown", HoldScope.ALL, "", "", "", datetime.max.replace(tzinfo=UTC))]
)
