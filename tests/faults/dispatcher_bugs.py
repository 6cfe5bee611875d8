"""Bugs of a dispatcher whose batch another process has taken over."""

from __future__ import annotations

from paymentapp.models.batches import Batch, BatchState
from paymentapp.providers.base import Refused
from paymentapp.services.dispatch.batching import LEASE, members_of
from paymentapp.services.dispatch.dispatcher import Dispatcher


class LateRefusal(Dispatcher):
    """A refusal is obeyed although another process has the batch accepted, or is sending it."""

    def _refused(self, batch: Batch, outcome: Refused) -> Batch:
        refused = batch.changed(
            state=BatchState.REFUSED,
            last_error=f"Refused: {outcome.code}",
            member_errors=dict(outcome.member_errors),
        )
        self.store.change_batch(batch, refused)
        return self._release_refused(refused)


class LostClaim(Dispatcher):
    """A stalled process sends a batch again although its claim was lost."""

    def _send_again(self, batch: Batch) -> Batch:
        claimed = batch.changed(attention_at=self.clock() + LEASE)
        self.store.change_batch(batch, claimed)
        return self._send(claimed, members_of(self.store, claimed))
