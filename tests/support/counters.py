"""Counters of limits in memory, for the stores that tests use."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from paymentapp.models.duplicates import DuplicateFound
from paymentapp.models.limits import Charge, LimitReached
from paymentapp.models.payments import PaymentKey
from paymentapp.models.references import ReferenceTaken
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.codec.limits import CounterKey, counter_key


class Counters:
    """What is counted; the caller makes each call atomic with the write of the payment."""

    def __init__(self) -> None:
        self._slots: dict[CounterKey, dict[str, Decimal]] = {}
        self._latest: dict[str, str] = {}
        self.holders: dict[str, PaymentKey] = {}  # of references, by their digests

    def of(self, charges: Sequence[Charge]) -> list[dict[str, Decimal]]:
        return [self._slots.get(counter_key(charge), {}) for charge in charges]

    def check(self, acceptance: Acceptance) -> None:
        """Raise what `Store.accept` raises where a payment must not be added."""
        key, alike = acceptance.payment.key, acceptance.alike
        holder = acceptance.reference and self.holders.get(acceptance.reference.digest)
        if acceptance.reference and holder and not acceptance.reference.passes(holder, key):
            raise ReferenceTaken(holder)
        latest = self._latest.get(alike.likeness, "") if alike else ""
        if alike is not None and not alike.passes(latest, key.payment_id):
            raise DuplicateFound(PaymentKey(key.customer_id, latest))
        for charge, slots in zip(acceptance.charges, self.of(acceptance.charges), strict=True):
            if not charge.fits(slots):
                raise LimitReached(charge, slots)

    def count(self, acceptance: Acceptance) -> None:
        """Count a payment that is about to be added. Raises what `check` does."""
        self.check(acceptance)
        for charge in acceptance.charges:
            self.add(charge)
        if acceptance.alike is not None:
            self._latest[acceptance.alike.likeness] = acceptance.payment.payment_id
        if acceptance.reference is not None:
            self.holders[acceptance.reference.digest] = acceptance.payment.key

    def add(self, charge: Charge) -> None:
        key = counter_key(charge)
        self._slots[key] = charge.counted(self._slots.get(key, {}))

    def give_back(self, change: PaymentChange) -> None:
        for charge in change.given_back:
            slots = self._slots.get(counter_key(charge), {})
            self._slots[counter_key(charge)] = charge.given_back(slots)
