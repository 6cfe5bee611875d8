"""Reversals: take back what was paid by mistake, by an operator's order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from paymentapp.errors import Conflict, NotFound
from paymentapp.models.batches import Batch
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.models.reversals import Reversal, ReversalOrder
from paymentapp.providers.base import Provider
from paymentapp.providers.updates import Reversals
from paymentapp.services.settlement import Settlement
from paymentapp.services.stored_payments import stored_payment
from paymentapp.storage.base import Store

log = logging.getLogger(__name__)

# Until money has come back by itself, or was never sent.
_REVERSIBLE = frozenset({Status.SUBMITTED, Status.SUCCEEDED})


class PendingReversal(NamedTuple):
    """A reversal that is not settled, and the provider that carries it out."""

    provider: str
    reversal: Reversal


@dataclass(frozen=True, slots=True)
class PaymentReversals:
    """Has providers take payments back. An order may be repeated: nothing is taken back twice."""

    store: Store
    providers: Mapping[str, Provider]
    settlement: Settlement

    def send(self, key: PaymentKey, order: ReversalOrder) -> Reversal:
        """Take one payment back. Raises NotFound, Conflict, and a provider's errors."""
        payment = self._reversible(key)
        return self._done(payment, lambda by, batch: by.send(batch, key.item_id, order))

    def retry(self, key: PaymentKey, order: ReversalOrder) -> Reversal:
        """Try again to take a payment back, after its debit came back. Raises as `send` does."""
        payment = self._reversible(key)
        return self._done(payment, lambda by, batch: by.retry(batch, key.item_id, order))

    def send_batch(self, batch_id: str, order: ReversalOrder) -> Reversal:
        """Take every payment of a batch back that has not come back. Raises as `send` does."""
        batch = self.store.get_batch(batch_id)
        if batch is None:
            raise NotFound(f"there is no batch {batch_id}")
        reversal = self._reversals(batch.provider).send(batch, None, order)
        self._report(batch)
        return reversal

    def of(self, key: PaymentKey) -> list[Reversal]:
        """Return every order about a payment, oldest first. Raises NotFound, Conflict."""
        payment = stored_payment(self.store, key)
        batch = self.store.get_batch(payment.batch_id or "")
        return list(self._reversals(batch.provider).of(batch, key.item_id)) if batch else []

    def confirm(self, reversal_id: str, person: str, note: str) -> Reversal:
        """Record an operator's word that a provider has a reversal. Raises Conflict."""
        for found in self.pending():
            if found.reversal.reversal_id == reversal_id:
                done = self._reversals(found.provider).confirm(reversal_id)
                log.warning("reversal %s confirmed by %s: %s", reversal_id, person, note)
                return done
        raise NotFound(f"no reversal {reversal_id} is pending")

    def pending(self) -> list[PendingReversal]:
        """Return the reversals that are not settled, of every provider."""
        return [
            PendingReversal(name, each)
            for name, provider in self.providers.items()
            if provider.reversals is not None
            for each in provider.reversals.pending()
        ]

    def _done(
        self, payment: Payment, carry_out: Callable[[Reversals, Batch], Reversal]
    ) -> Reversal:
        batch = self.store.get_batch(payment.batch_id or "")
        if batch is None:
            raise Conflict("the payment is in no batch: cancel it, or hold it")
        reversal = carry_out(self._reversals(batch.provider), batch)
        self._report(batch)
        return reversal

    def _reversible(self, key: PaymentKey) -> Payment:
        payment = stored_payment(self.store, key)
        if payment.status not in _REVERSIBLE:
            raise Conflict(f"the payment is {payment.status}: there is nothing to take back")
        return payment

    def _reversals(self, name: str) -> Reversals:
        provider = self.providers.get(name)
        if provider is None or provider.reversals is None:
            raise Conflict(f"{name} takes nothing back: ask the recipient, or the provider")
        return provider.reversals

    def _report(self, batch: Batch) -> None:
        """Show with the payments that they are being taken back, as a poll of the batch would."""
        for report in self.providers[batch.provider].fetch(batch):
            key = PaymentKey.find(report.item_id)
            payment = self.store.get_payment(key) if key else None
            if payment is not None and payment.batch_id == batch.batch_id:
                self.settlement.apply_report(payment, report, Cause.PERSON)
