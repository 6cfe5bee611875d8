"""Bugs of a dispatcher whose batch another process has taken over."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import cast

from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.providers.base import Refused
from paymentapp.services.dispatch.batching import LEASE, members_of
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.holds import Holds


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


class _NoHolds:
    """Knows of no hold."""

    def on_batch(self, _batch: Batch, _members: Sequence[Member]) -> None:
        return None


class HoldReadOnce(Dispatcher):
    """A hold is not read before a batch is sent a second time."""

    def _send_again(self, batch: Batch) -> Batch:
        blind = copy(self)
        blind.holds = cast(Holds, _NoHolds())
        return Dispatcher._send_again(blind, batch)


class HeldTakenApart(Dispatcher):
    """A batch that may have been sent is taken apart because a member is held."""

    def _send_again(self, batch: Batch) -> Batch:
        hold = self.holds.on_batch(batch, members_of(self.store, batch))
        return self._take_apart(batch, "held") if hold else super()._send_again(batch)


class LostClaim(Dispatcher):
    """A stalled process sends a batch again although its claim was lost."""

    def _send_again(self, batch: Batch) -> Batch:
        claimed = batch.changed(attention_at=self.clock() + LEASE)
        self.store.change_batch(batch, claimed)
        return self._send(claimed, members_of(self.store, claimed))
