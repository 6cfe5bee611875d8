"""Releasing: what returns the members of a batch that has certainly paid nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from paymentapp.clock import Clock
from paymentapp.models.batches import NO_FUNDS, REFUSED, TAKEN_APART, Batch, BatchState
from paymentapp.models.payments import Cause, Payment
from paymentapp.services.dispatch.batching import advance, change_stamped, freed, members_of
from paymentapp.services.dispatch.funds import largest_half
from paymentapp.services.dispatch.polling import LONGEST_POLL_INTERVAL, next_poll_at
from paymentapp.services.routing import Routes, declined
from paymentapp.storage.base import Store

LATE_STAMPS = timedelta(days=1)  # how long an aborted batch is searched for them


@dataclass(frozen=True, slots=True)
class Releaser:
    """Releases the members of refused and aborted batches; each step can be repeated."""

    store: Store
    routes: Routes
    clock: Clock

    def refused(self, batch: Batch) -> Batch:
        """Fail the members that the refusal names; release the others for a new batch.

        Where it names none, each is sent in a batch of its own, so that the one at fault is
        refused by itself.
        """
        members = members_of(self.store, batch)
        member_errors = dict(batch.member_errors)
        if not member_errors and len(members) == 1:
            member_errors = {0: (batch.last_error or "Refused").removeprefix(REFUSED)}

        def released(payment: Payment, position: int, now: datetime) -> Payment:
            reason = member_errors.get(position)
            if reason is not None:
                return declined(self.store, self.routes, payment, now, reason)
            return freed(payment, now, isolated=not member_errors)

        change_stamped(self.store, self.clock, batch, members, released)
        return advance(self.store, batch, state=BatchState.CLOSED, attention_at=None)

    def aborted(self, batch: Batch) -> Batch:
        """Release the payments that an aborted batch has stamped.

        After a lack of funds the largest go alone from then on, and wait by themselves.

        The process that prepared it may only be slow, and stamp more payments: the batch is
        searched again, at growing intervals, for a day after the abort, however old it was then.
        A process that resumes later still finds the batch closed, and releases its own stamps.
        """
        if batch.state not in {BatchState.ABORTED, BatchState.CLOSED}:
            return batch
        members = self.store.get_members(batch)
        if batch.frozen_at is None:  # some may never be stamped: no history names this batch
            self.store.erase_members(batch, [member.key for member in members])
        decision = batch.decision
        cause, by = (Cause.PERSON, decision.person) if decision else (Cause.DISPATCH, "")
        why = batch.why_taken_apart
        words = f"{TAKEN_APART}{why}" if why else ""
        alone = largest_half(members, batch.excluded) if why == NO_FUNDS else set()

        def released(payment: Payment, position: int, now: datetime) -> Payment:
            return freed(payment, now, cause, why=words, by=by, isolated=position in alone)

        change_stamped(self.store, self.clock, batch, members, released)
        now = self.clock()
        if batch.attention_at is None or batch.attention_at > now:
            return batch  # closed, or searched before its time, which is not counted
        searches = batch.attempts + 1
        if now - batch.created_at > LATE_STAMPS and searches > LATE_STAMPS // LONGEST_POLL_INTERVAL:
            return advance(self.store, batch, state=BatchState.CLOSED, attention_at=None)
        later = next_poll_at(batch.created_at, now)
        return advance(self.store, batch, attempts=searches, attention_at=later)
