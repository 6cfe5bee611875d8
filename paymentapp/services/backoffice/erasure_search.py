"""Search of whole tables for what no index leads an erasure to; for an operator's command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from paymentapp.clock import EPOCH, Clock
from paymentapp.models.batches import SENDABLE, Batch, BatchState
from paymentapp.models.payments import PaymentKey
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from paymentapp.storage.base import Store

_DONE = {ProviderEventState.APPLIED, ProviderEventState.IGNORED}


@dataclass
class ErasureSearch:
    """Removes what earlier versions, and crashes, have left of an erased customer.

    Provider events that were applied are kept with their bodies by versions up to 0.2, and lists of
    members may have candidates that another batch took. `progress` is told what has been read.
    """

    store: Store
    clock: Clock
    progress: Callable[[str], None]
    found: int = field(default=0, init=False)

    def remove(self, customer_id: str) -> int:
        """Search all provider events and batches; return from how many something was removed.

        What an open payment still needs is left: search again once the erasure is complete.
        """
        now = self.clock()
        for number, event in enumerate(self.store.scan_provider_events(EPOCH, now), start=1):
            self.found += self._event(event, customer_id)
            self.progress(f"{number} provider events read")
        for number, batch in enumerate(self.store.scan_batches(EPOCH, now), start=1):
            self.found += self._batch(batch, customer_id)
            self.progress(f"{number} batches read")
        return self.found

    def _event(self, event: ProviderEvent, customer_id: str) -> bool:
        new = event
        if event.state in _DONE and event.concerns(customer_id):
            new = event.without_body()
        decision = new.decision
        payment = decision.payment if decision else None
        if decision and decision.note and payment and payment.customer_id == customer_id:
            new = new.changed(decision=decision._replace(note=""))
        return new is not event and self.store.change_provider_event(event, new)

    def _batch(self, batch: Batch, customer_id: str) -> bool:
        if batch.state in SENDABLE | {BatchState.REFUSED}:
            return False
        members = self.store.get_members(batch)
        keys = [m.key for m in members if m.customer_id == customer_id and not m.is_erased]
        return bool(keys) and self.store.erase_members(batch, self._settled(keys))

    def _settled(self, keys: list[PaymentKey]) -> list[PaymentKey]:
        """Return the keys of payments that are erased, or were never accepted."""
        stored = self.store.get_payments(keys)
        return [key for key in keys if key not in stored or stored[key].is_erased]
