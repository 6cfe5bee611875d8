"""Parked batches: the evidence for each, and its resolution by an operator.

A decision is one conditional write of the batch that records who, when, why and on what evidence.
What follows from it is an ordinary step of the dispatcher, which a sweep completes if need be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from paymentapp.clock import EPOCH, Clock, to_text
from paymentapp.errors import Conflict, NotFound, NotPermitted, ProviderError
from paymentapp.models.batches import Batch, BatchState, Decision, Member, Resolution, StopOrder
from paymentapp.models.money import Money
from paymentapp.models.payments import FINAL, Payment, Status
from paymentapp.providers.base import Provider
from paymentapp.services.backoffice.period import Period
from paymentapp.services.backoffice.provider_search import Search
from paymentapp.services.backoffice.retries import Retrier
from paymentapp.services.dispatch.batching import advance, chunks, members_of
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.dispatch.funds import total_of
from paymentapp.services.dispatch.parking import park_after
from paymentapp.storage.base import Store

CLOCK_SKEW = timedelta(minutes=5)
LONGEST_CALL = timedelta(minutes=15)  # far longer than the providers' timeouts allow
OVERDUE_AFTER = timedelta(days=30)  # where no provider declares how long it holds unclaimed money
_CHUNK = 500


class ParkedCase(NamedTuple):
    """A parked batch and its members."""

    batch: Batch
    members: Sequence[Member]

    @property
    def total(self) -> Money:
        """The sum of the members' amounts."""
        return total_of(self.members)


class OverduePayment(NamedTuple):
    """A payment that its provider accepted long ago, and that still has no outcome."""

    payment: Payment
    batch: Batch


class OperatorNote(NamedTuple):
    """An operator's statement: who makes it, and why."""

    person: str
    note: str


@dataclass(frozen=True)
class ParkedBatches:
    """Shows parked batches, and carries out operators' decisions about them."""

    store: Store
    providers: Mapping[str, Provider]
    dispatcher: Dispatcher
    clock: Clock
    retrier: Retrier

    def cases(self) -> list[ParkedCase]:
        """Return every parked batch, the longest waiting first."""
        batches = sorted(self.store.parked_batches(), key=lambda batch: batch.created_at)
        return [ParkedCase(batch, members_of(self.store, batch)) for batch in batches]

    @property
    def overdue_after(self) -> timedelta:
        """Longer than any provider holds unclaimed money."""
        waits = (each.returns_unclaimed_after for each in self.dispatcher.providers.values())
        return max(filter(None, waits), default=OVERDUE_AFTER)

    def overdue(self) -> Iterator[OverduePayment]:
        """Yield payments without an outcome for longer than `overdue_after`. Reads every batch."""
        latest = self.clock() - self.overdue_after
        for batch in self.store.scan_batches(EPOCH, latest):
            if batch.state is BatchState.ACCEPTED:
                for payment in _payments(self.store, members_of(self.store, batch)):
                    if payment.status not in FINAL and payment.batch_id == batch.batch_id:
                        yield OverduePayment(payment, batch)

    def search_result(self, case: ParkedCase) -> str:
        """Search the provider's books for a parked batch now, and return the result in words."""
        try:
            return self._search(case).words
        except ProviderError as error:
            return f"no answer: {error.code}"

    def statuses(self, batch: Batch) -> Counter[str]:
        """Count a batch's members by status."""
        members = members_of(self.store, batch)
        return Counter(payment.status.value for payment in _payments(self.store, members))

    def park(self, batch_id: str, note: OperatorNote) -> Batch:
        """Park a batch that may have been sent: it is not sent again, and an operator resolves it.

        A call that is under way is not stopped. Raises NotFound; Conflict where the batch does not
        wait to be sent again, or was certainly not sent, so that its payments can be cancelled.
        """
        batch = self._stored(batch_id)
        if batch.state is not BatchState.FROZEN:
            raise Conflict(f"batch {batch_id} is {batch.state}: it is not going to be sent")
        if batch.certainly_unsent:
            raise Conflict(
                f"batch {batch_id} was certainly not sent: cancel its payments, or hold them"
            )
        now = self.clock()
        order = StopOrder(now, *note)
        parked = advance(
            *(self.store, batch),
            state=BatchState.PARKED,
            attention_at=None,
            parked_at=now,
            stop_order=order,
        )
        if parked.stop_order != order:
            raise Conflict(f"batch {batch_id} is {parked.state} meanwhile")
        return parked

    def accept(
        self, batch_id: str, reference: str, note: OperatorNote, *, confirmed: bool
    ) -> Batch:
        """Record that the provider has the batch, under `reference`, and poll it.

        Raises Conflict where the provider says that `reference` is something else, and where it no
        longer knows it, unless the operator has `confirmed` that they know it nevertheless.
        """
        case = self._case(batch_id)
        evidence = self._evidence(case.batch, reference, confirmed)
        now = self.clock()
        accepted = case.batch.changed(
            decision=self._decision(case.batch, Resolution.ACCEPTED, note, evidence),
            state=BatchState.ACCEPTED,
            reference=reference,
            accepted_at=now,
            attention_at=now,
            last_error=None,
        )
        return self._decide(case.batch, accepted)

    def not_sent(self, batch_id: str, note: OperatorNote) -> Batch:
        """Record that the provider did nothing with the batch, and return its members to pending.

        Raises Conflict where anything contradicts that, or could not show yet; ProviderError where
        the provider's books could be searched, but not now.
        """
        case = self._case(batch_id)
        if case.batch.accepted_since:
            raise Conflict(f"the provider has it: {case.batch.last_error}")
        self._check_untouched(case)
        self._check_quiet(case.batch)
        result = self._search(case)
        if result.found:
            raise Conflict(f"the provider's books contradict that: {result.words}")
        aborted = case.batch.changed(
            decision=self._decision(case.batch, Resolution.NOT_SENT, note, result.words),
            state=BatchState.ABORTED,
            attention_at=self.clock(),
        )
        return self._decide(case.batch, aborted)

    def _stored(self, batch_id: str) -> Batch:
        batch = self.store.get_batch(batch_id)
        if batch is None:
            raise NotFound(f"there is no batch {batch_id}")
        return batch

    def _case(self, batch_id: str) -> ParkedCase:
        batch = self._stored(batch_id)
        if batch.state is not BatchState.PARKED:
            raise Conflict(f"batch {batch_id} is {batch.state}, not parked{_by_whom(batch)}")
        return ParkedCase(batch, members_of(self.store, batch))

    def _evidence(self, batch: Batch, reference: str, confirmed: bool) -> str:
        provider = self.providers[batch.provider]
        search = provider.transaction_search
        if search is None:
            found, says = None, f"{provider.name} offers no search for {reference}"
        else:
            found = self.retrier(partial(search.batch_id_of, reference))
            says = f"{provider.name} does not know {reference}, or no longer"
        if found == batch.batch_id:
            return f"{provider.name} has this batch as {reference}"
        if found is not None:
            raise Conflict(f"{reference} is another batch: {found or 'one without an id of ours'}")
        if not confirmed:
            raise Conflict(
                f"{says}. If its activity report shows that it paid this batch, say so once more "
                f"(--confirm {batch.batch_id} at the command line); the payments then stay "
                "submitted until it reports them, or for good"
            )
        return f"{says}; confirmed by the operator"

    def _check_untouched(self, case: ParkedCase) -> None:
        """Raise Conflict where a member has moved on, so that the provider must have the batch."""
        for payment in _payments(self.store, case.members):
            held = payment.batch_id == case.batch.batch_id
            if not held or payment.status is not Status.SUBMITTING:
                at = f"{payment.customer_id} {payment.payment_id}"
                raise Conflict(f"a member is {payment.status}, so the batch was sent: {at}")

    def _check_quiet(self, batch: Batch) -> None:
        """Raise Conflict where the last attempt may not be in the provider's books yet.

        Nothing is sent later than `park_after` the freeze, and no call begins once a batch is
        parked.
        """
        search = self.providers[batch.provider].transaction_search
        lag = search.lag if search else timedelta()
        quiet = (batch.frozen_at or batch.created_at) + park_after(self.providers[batch.provider])
        if batch.parked_at is not None:
            quiet = min(quiet, batch.parked_at + LONGEST_CALL)
        quiet += lag + CLOCK_SKEW
        if self.clock() < quiet:
            raise Conflict(f"its last attempt may not be in the books before {to_text(quiet)}")

    def _search(self, case: ParkedCase) -> _SearchResult:
        """Search the books for the members, since the freeze. Raises ProviderError."""
        provider = self.providers[case.batch.provider]
        if provider.transaction_search is None:
            return _SearchResult(0, f"{provider.name} offers no search")
        since = case.batch.frozen_at or case.batch.created_at
        period = Period(since - CLOCK_SKEW, self.clock())
        search = Search(self.store, provider.transaction_search, self.retrier)
        try:
            found = search.paying({member.item_id for member in case.members}, period)
        except NotPermitted as error:
            return _SearchResult(0, f"the account may not search: {error.code}")
        count = f"{search.transactions} transactions since {to_text(since)[:16]}"
        if not found:
            return _SearchResult(0, f"none of {count} pays a member")
        ids = ", ".join(each.transaction_id for each in found[:3])
        return _SearchResult(len(found), f"{len(found)} of {count} pay a member: {ids}")

    def _decision(
        self, batch: Batch, resolution: Resolution, note: OperatorNote, evidence: str
    ) -> Decision:
        attempts = f"attempts: {batch.attempts}, the last: {batch.last_error or 'not known'}"
        return Decision(self.clock(), resolution, *note, f"{evidence}; {attempts}")

    def _decide(self, batch: Batch, decided: Batch) -> Batch:
        """Write a decision, and take the step that follows from it."""
        if not self.store.change_batch(batch, decided):
            raise Conflict("the batch was decided meanwhile: list it again")
        return self.dispatcher.resume(decided)


class _SearchResult(NamedTuple):
    found: int
    words: str


def _by_whom(batch: Batch) -> str:
    decision = batch.decision
    return f": {decision.person} decided {decision.resolution}" if decision else ""


def _payments(store: Store, members: Sequence[Member]) -> Iterator[Payment]:
    for chunk in chunks(members, _CHUNK):
        yield from store.get_payments([member.key for member in chunk]).values()
