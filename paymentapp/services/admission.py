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
from paymentapp.models.payments import UNPAID, Payment, PaymentKey, Status
from paymentapp.models.references import (
    ReferenceClaim,
    ReferenceTaken,
    ReferenceUsed,
    reference_claim,
)
from paymentapp.services.limits import Limits, Spender
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance, AcceptResult
from paymentapp.storage.contention import MAX_TRIES, tries

Ask = Callable[[Payment, LimitRule], Payment]


@dataclass(frozen=True, slots=True)
class Admission:
    """Accepts payments by the rules of `limits`, and by checks for duplicates and references.

    `duplicate_hours` is how long an earlier payment counts as one that this may repeat; 0 for none.
    `unique_references` is whether a client uses a reference for one payment alone.
    """

    store: Store
    limits: Limits
    clock: Clock
    duplicate_hours: int = 0
    unique_references: bool = False

    def accept(
        self, acceptance: Acceptance, ask: Ask, *, allow_duplicate: bool = False
    ) -> AcceptResult:
        """Store a payment as `Store.accept` does, and count it.

        `ask` returns the payment as one that needs approval, because it is above a rule with `ask`.
        Raises LimitExceeded, PossibleDuplicate, ReferenceUsed, StoreUnavailable. Where none of it
        is set, there is no further write.
        """
        wanted = self._checked(acceptance, allow_duplicate=allow_duplicate)
        if not self.limits.rules and not wanted.is_counted:
            return self.store.accept(acceptance)
        now = self.clock()
        waived: set[int] = set()
        for _ in tries():
            try:
                return self.store.accept(self._counted(wanted, now, waived))
            except LimitReached as reached:
                exceeded = self.limits.exceeded(reached)
            except LimitExceeded as above:
                exceeded = above
            except ReferenceTaken as taken:
                wanted = self._handed_over(wanted, taken.key)
                continue
            except DuplicateFound as found:
                wanted = self._allowed(wanted, found.key)
                continue
            if not exceeded.rule.ask:
                raise exceeded
            waived.add(exceeded.rule.number)
            wanted = wanted._replace(payment=ask(wanted.payment, exceeded.rule))
        raise StoreUnavailable(f"other payments were accepted {MAX_TRIES} times meanwhile")

    def at_once(self, acceptance: Acceptance, *, allow_duplicate: bool) -> Acceptance:
        """Return the acceptance of a payment with all that the store checks and counts.

        Raises LimitExceeded. Calls no store, unless the payment is a retry.
        """
        wanted = self._checked(acceptance, allow_duplicate=allow_duplicate)
        return self._counted(wanted, self.clock())

    def check(self, payment: Payment) -> None:
        """Raise LimitExceeded or ReferenceUsed where a payment would be refused now.

        For a look beforehand: only `accept` can tell whether there is room when it counts.
        """
        claim = self._claim(payment)
        holder = self.store.reference_holder(claim) if claim else None
        if holder is not None and self._relative(payment, holder) is None:
            raise ReferenceUsed(holder)
        asking = {rule.number for rule in self.limits.rules if rule.ask}
        charges = self._counted(Acceptance(payment), self.clock(), asking).charges
        counted = self.store.count_of(charges) if charges else []
        for charge, slots in zip(charges, counted, strict=True):
            if not charge.fits(slots):
                raise self.limits.exceeded(LimitReached(charge, slots))

    def asking(self, payment: Payment) -> LimitRule | None:
        """Return the rule that would have a payment approved now, because it is above it.

        For a look beforehand, as `check`, which has not refused the payment.
        """
        above = self.limits.above(payment.money)
        if above is not None:
            return above
        spender = Spender(payment.created_by or "", payment.customer_id)
        now, at = self.clock(), payment.scheduled_at
        charges = self.limits.charges(spender, payment.money, now, at)
        counted = self.store.count_of(charges) if charges else []
        full = (
            self.limits.rule(charge.rule)
            for charge, slots in zip(charges, counted, strict=True)
            if not charge.fits(slots)
        )
        return next(full, None)

    def _checked(self, acceptance: Acceptance, *, allow_duplicate: bool) -> Acceptance:
        """Return the acceptance with its check for duplicates and the claim of its reference."""
        payment = acceptance.payment
        claim = self._claim(payment)
        if not self.duplicate_hours and claim is None:
            return acceptance
        ignore = allow_duplicate or payment.retry_of is not None
        alike = self._check(payment, self.clock(), ignore=ignore)
        return acceptance._replace(alike=alike, reference=claim)

    def _counted(
        self, acceptance: Acceptance, now: datetime, waived: Collection[int] = ()
    ) -> Acceptance:
        """Return the acceptance with what it counts against. Raises LimitExceeded."""
        if not self.limits.rules:
            return acceptance
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

    def _claim(self, payment: Payment) -> ReferenceClaim | None:
        """Return the claim of a payment's reference: the client's who has requested the first one.

        Another client may retry a payment, and does not use a reference of its own for it.
        """
        reference = payment.texts.reference
        if not self.unique_references or reference is None:
            return None
        first: Payment | None = payment
        while first is not None and first.retry_of is not None:
            first = self.store.get_payment(PaymentKey(first.customer_id, first.retry_of))
        return reference_claim((first or payment).created_by or "", reference)

    def _handed_over(self, acceptance: Acceptance, holder: PaymentKey) -> Acceptance:
        """Return the acceptance of a retry that takes its reference over from `holder`.

        That is the payment that it retries, or a retry of that one that was cancelled. Raises
        ReferenceUsed for any other payment.
        """
        payment, claim = acceptance.payment, acceptance.reference
        found = self._relative(payment, holder)
        if found is None or claim is None:
            raise ReferenceUsed(holder) from None
        if found.payment_id != payment.retry_of and found.status is not Status.CANCELLED:
            raise ReferenceUsed(holder) from None
        return acceptance._replace(reference=claim._replace(allowed=holder.payment_id))

    def _relative(self, retry: Payment, holder: PaymentKey) -> Payment | None:
        """Return the holder of a retry's reference, if that is its original, or retries it too."""
        if retry.retry_of is None or holder.customer_id != retry.customer_id:
            return None
        found = self.store.get_payment(holder)
        related = found is not None and retry.retry_of in {found.payment_id, found.retry_of}
        return found if related else None

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
