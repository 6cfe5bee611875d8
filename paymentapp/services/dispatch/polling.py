"""Polling of accepted batches: the intervals, and applying what a poll returns."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.correlation import about, about_its_batch
from paymentapp.errors import ProviderError
from paymentapp.models.batches import Batch, BatchState, Decision
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.providers.base import Provider
from paymentapp.providers.updates import ItemReport
from paymentapp.services.dispatch.batching import LEASE, advance, change_stamped, members_of
from paymentapp.services.dispatch.failing_providers import FailingProviders
from paymentapp.services.settlement import Settlement
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange

log = logging.getLogger(__name__)

FIRST_POLL_AFTER = timedelta(seconds=1)
LONGEST_POLL_INTERVAL = timedelta(hours=6)


class Poll(NamedTuple):
    """A batch after a poll, and whether the provider answered."""

    batch: Batch
    answered: bool


class Poller:
    """Polls providers for the items of accepted batches. Any number may work side by side."""

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        settlement: Settlement,
        failing: FailingProviders,
        clock: Clock,
    ) -> None:
        self._store = store
        self._providers = providers
        self._settlement = settlement
        self._failing = failing
        self._clock = clock

    def follow(self, batch: Batch) -> Batch:
        """Poll an accepted batch, apply the reports, and schedule the next poll."""
        return self.poll(batch).batch

    @about_its_batch
    def poll(self, batch: Batch) -> Poll:
        """Poll once and apply the answer; without an answer only schedule the next poll."""
        try:
            reports = self._providers[batch.provider].fetch(batch)
        except ProviderError as error:
            log.warning("batch %s: poll failed: %s; polled again later", batch.batch_id, error.code)
            return Poll(self._apply_poll(batch, {}), answered=False)
        self._failing.answered(batch.provider)
        seen = {report.item_id: report for report in reports}
        return Poll(self._apply_poll(batch, seen), answered=True)

    def _apply_poll(self, batch: Batch, reports: Mapping[str, ItemReport]) -> Batch:
        members = members_of(self._store, batch)
        if batch.decision is not None:  # an operator said that the provider has it
            change_stamped(
                self._store, self._clock, batch, members, partial(_submitted, batch, batch.decision)
            )
        open_members = self._settlement.apply(batch, members, reports, Cause.POLL)
        if open_members.size == 0:
            return advance(self._store, batch, state=BatchState.CLOSED, attention_at=None)
        later = next_poll_at(batch.accepted_at or batch.created_at, self._clock())
        unsettled = open_members.amount
        if batch.attention_at is not None and later <= batch.attention_at:
            if unsettled == batch.unsettled:
                return batch  # saves a write: the lease already brings a process back in time
            later = batch.attention_at
        return advance(self._store, batch, attention_at=later, unsettled=unsettled)

    def cancel_unclaimed(self, payment: Payment) -> Payment:
        """Ask the provider to cancel an unclaimed payment, as its caller requested."""
        with about(payment=payment.payment_id):
            return self._cancel_unclaimed(payment)

    def _cancel_unclaimed(self, payment: Payment) -> Payment:
        provider = self._providers[payment.payment_method]
        try:
            report = provider.cancel(payment.provider_item_id or "")
        except ProviderError as error:
            log.warning("unclaimed item not cancelled: %s; retried in %s", error.code, LEASE)
            return self._due_again(payment)
        self._failing.answered(provider.name)
        settled = self._settlement.apply_report(payment, report, Cause.DISPATCH)
        return self._due_again(settled) if settled.due_at is not None else settled

    def _due_again(self, payment: Payment) -> Payment:
        later = payment.changed(due_at=self._clock() + LEASE)
        return later if self._store.change_payments([PaymentChange(payment, later)])[0] else payment


def _submitted(
    batch: Batch, decision: Decision, payment: Payment, _position: int, now: datetime
) -> Payment:
    reference = batch.reference or ""
    return payment.moved(Status.SUBMITTED, now, Cause.PERSON, reference, decision.person)


def poll_interval(age: timedelta) -> timedelta:
    """Return the time to the next poll: half the age, from 1 second up to 6 hours."""
    return min(max(age / 2, FIRST_POLL_AFTER), LONGEST_POLL_INTERVAL)


def next_poll_at(since: datetime, now: datetime) -> datetime:
    """Return the time of the next poll of something that began at `since`."""
    return now + poll_interval(now - since)
