"""Admission: accept a payment only within the limits, and only if it is no possible duplicate."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from paymentapp.clock import Clock
from paymentapp.errors import StoreUnavailable
from paymentapp.models.duplicates import (
    DuplicateCheck,
    DuplicateFound,
    PossibleDuplicate,
    duplicate_check,
)
from paymentapp.models.limits import LimitExceeded, LimitReached, LimitRule
from paymentapp.models.payments import UNPAID, Payment, PaymentKey
from paymentapp.services.limits import Limits, Spender
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance, AcceptResult
from paymentapp.storage.contention import MAX_TRIES, tries

Ask = Callable[[Payment, LimitRule], Payment]


@dataclass(frozen=True, slots=True)
class Admission:
    """Accepts payments by the rules of `limits`, and by a check for duplicates.

    `duplicate_hours` is how long an earlier payment counts as one that this may repeat; 0 for none.
    """

    store: Store
    limits: Limits
    clock: Clock
    duplicate_hours: int = 0

    def accept(
        self, acceptance: Acceptance, ask: Ask, *, allow_duplicate: bool = False
    ) -> AcceptResult:
        """Store a payment as `Store.accept` does, and count it.

        `ask` returns the payment as one that needs approval, because it is above a rule with `ask`.
        Raises LimitExceeded, PossibleDuplicate,
        StoreUnavailable. Where neither limits nor hours are set, there is no further write.
        """
        if not self.limits.rules and not self.duplicate_hours:
            return self.store.accept(acceptance)
        now = self.clock()
        ignore = allow_duplicate or acceptance.payment.retry_of is not None
        wanted = acceptance._replace(alike=self._check(acceptance.payment, now, ignore=ignore))
        waived: set[int] = set()
        for _ in tries():
            try:
                return self.store.accept(self._counted(wanted, now, waived))
            except LimitReached as reached:
                exceeded = self.limits.exceeded(reached)
            except LimitExceeded as above:
                exceeded = above
            except DuplicateFound as found:
                wanted = self._allowed(wanted, found.key)
                continue
            if not exceeded.rule.ask:
                raise exceeded
            waived.add(exceeded.rule.number)
            wanted = wanted._replace(payment=ask(wanted.payment, exceeded.rule))
        raise StoreUnavailable(f"a payment like this was accepted {MAX_TRIES} times meanwhile")

    def check(self, payment: Payment) -> None:
        """Raise LimitExceeded where the limits have no room for a payment now.

        For a look beforehand: only `accept` can tell whether there is room when it counts.
        """
        asking = {rule.number for rule in self.limits.rules if rule.ask}
        charges = self._counted(Acceptance(payment), self.clock(), asking).charges
        counted = self.store.count_of(charges) if charges else []
        for charge, slots in zip(charges, counted, strict=True):
            if not charge.fits(slots):
                raise self.limits.exceeded(LimitReached(charge, slots))

    def _counted(
        self, acceptance: Acceptance, now: datetime, waived: Collection[int] = ()
    ) -> Acceptance:
        """Return the acceptance with what it counts against. Raises LimitExceeded."""
        payment = acceptance.payment
        above = self.limits.above(payment.money, waived)
        if above is not None:
            raise LimitExceeded(above, above.limit, None)
        spender = Spender(payment.created_by or "", payment.customer_id)
        charges = self.limits.charges(spender, payment.money, now, payment.scheduled_at, waived)
        if not charges:
            return acceptance
        counted = replace(payment, charges=tuple(map(str, charges)))
        return acceptance._replace(payment=counted, charges=charges)

    def _check(self, payment: Payment, now: datetime, *, ignore: bool) -> DuplicateCheck | None:
        client, hours = payment.created_by or "", self.duplicate_hours
        if not hours:
            return None
        return duplicate_check(
            client, payment.customer_id, payment.money, now, hours, ignore=ignore
        )

    def _allowed(self, acceptance: Acceptance, earlier: PaymentKey) -> Acceptance:
        """Return the acceptance for which an earlier payment is no obstacle.

        Raises PossibleDuplicate where it is one: it has been paid, or still may be.
        """
        if self._may_be_paid(earlier) or acceptance.alike is None:
            raise PossibleDuplicate(earlier) from None
        alike = acceptance.alike._replace(allowed=earlier.payment_id)
        return acceptance._replace(alike=alike)

    def _may_be_paid(self, key: PaymentKey) -> bool:
        """Return whether a payment has been paid, or still may be."""
        payment = self.store.get_payment(key)
        return payment is not None and payment.status not in UNPAID
