"""Parked batches: the evidence for each, and what becomes of it by a person's decision.

A decision is one conditional write of the batch, which keeps it: who, when, why, on what evidence.
What follows from it is a step of the dispatcher like any other, that a sweep finishes if need be.
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
from paymentapp.models.batches import Batch, BatchState, Decision, Member, Resolution
from paymentapp.models.money import Money
from paymentapp.models.payments import FINAL, Payment, Status
from paymentapp.providers.base import Provider
from paymentapp.services.backoffice.period import Period
from paymentapp.services.backoffice.provider_search import Search
from paymentapp.services.backoffice.retries import Retrier
from paymentapp.services.dispatch.batching import chunks, members_of
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.dispatch.parking import park_after
from paymentapp.storage.base import Store

CLOCKS_APART = timedelta(minutes=5)
LONGEST_CALL = timedelta(minutes=15)  # far longer than a provider's time-outs let one take
LONG = timedelta(days=30)  # where no provider says how long money waits for its recipient
_CHUNK = 500


class ParkedCase(NamedTuple):
    """A parked batch, and what it would have paid."""

    batch: Batch
    members: Sequence[Member]

    @property
    def total(self) -> Money:
        amounts = [member.money.amount for member in self.members]
        return Money(sum(amounts, start=amounts[0] * 0), self.batch.currency)


class OverduePayment(NamedTuple):
    """A payment that the provider took long ago, and that still has no outcome."""

    payment: Payment
    batch: Batch


class OperatorNote(NamedTuple):
    """A person's statement: who says it, and why."""

    person: str
    note: str


@dataclass(frozen=True)
class ParkedBatches:
    """Shows parked batches and carries out what a person decides about them."""

    store: Store
    providers: Mapping[str, Provider]
    dispatcher: Dispatcher
    clock: Clock
    retrier: Retrier

    def cases(self) -> list[ParkedCase]:
        """Every parked batch, longest waiting first."""
        batches = sorted(self.store.parked_batches(), key=lambda batch: batch.created_at)
        return [ParkedCase(batch, members_of(self.store, batch)) for batch in batches]

    @property
    def long(self) -> timedelta:
        """Longer than money waits for its recipient, as far as the providers say."""
        waits = (each.returns_unclaimed_after for each in self.dispatcher.providers.values())
        return max(filter(None, waits), default=LONG)

    def lingering(self) -> Iterator[OverduePayment]:
        """Payments that have been followed for longer than `long`. Reads every batch."""
        latest = self.clock() - self.long
        for batch in self.store.scan_batches(EPOCH, latest):
            if batch.state is BatchState.ACCEPTED:
                for payment in _payments(self.store, members_of(self.store, batch)):
                    if payment.status not in FINAL and payment.batch_id == batch.batch_id:
                        yield OverduePayment(payment, batch)

    def asked(self, case: ParkedCase) -> str:
        """What the provider's books say of a parked batch now, in words."""
        try:
            return self._searched(case).words
        except ProviderError as error:
            return f"no answer: {error.code}"

    def statuses(self, batch: Batch) -> Counter[str]:
        """How many members of a batch stand where."""
        members = members_of(self.store, batch)
        return Counter(payment.status.value for payment in _payments(self.store, members))

    def accept(
        self, batch_id: str, reference: str, word: OperatorNote, *, confirmed: bool
    ) -> Batch:
        """The provider has the batch, under `reference`: follow it.

        Raises Conflict where the provider says that `reference` is something else, and where it
        no longer knows it, unless the person has `confirmed` that they know it nevertheless.
        """
        case = self._case(batch_id)
        evidence = self._vouched(case.batch, reference, confirmed)
        now = self.clock()
        accepted = case.batch.changed(
            decision=self._decision(case.batch, Resolution.ACCEPTED, word, evidence),
            state=BatchState.ACCEPTED,
            reference=reference,
            accepted_at=now,
            attention_at=now,
            last_error=None,
        )
        return self._decide(case.batch, accepted)

    def not_sent(self, batch_id: str, word: OperatorNote) -> Batch:
        """The provider did nothing with the batch: its members go back to pending.

        Raises Conflict where anything says otherwise, or could not say so yet; ProviderError
        where the provider's books could be searched, but not now.
        """
        case = self._case(batch_id)
        self._check_untouched(case)
        self._check_quiet(case.batch)
        searched = self._searched(case)
        if searched.found:
            raise Conflict(f"the provider's books know better: {searched.words}")
        aborted = case.batch.changed(
            decision=self._decision(case.batch, Resolution.NOT_SENT, word, searched.words),
            state=BatchState.ABORTED,
            attention_at=self.clock(),
        )
        return self._decide(case.batch, aborted)

    def _case(self, batch_id: str) -> ParkedCase:
        batch = self.store.get_batch(batch_id)
        if batch is None:
            raise NotFound(f"there is no batch {batch_id}")
        if batch.state is not BatchState.PARKED:
            raise Conflict(f"batch {batch_id} is not parked, but {batch.state}{_by_whom(batch)}")
        return ParkedCase(batch, members_of(self.store, batch))

    def _vouched(self, batch: Batch, reference: str, confirmed: bool) -> str:
        provider = self.providers[batch.provider]
        search = provider.transaction_search
        if search is None:
            found, says = None, f"{provider.name} cannot be asked for {reference}"
        else:
            found = self.retrier(partial(search.batch_id_of, reference))
            says = f"{provider.name} knows no {reference}, or no longer"
        if found == batch.batch_id:
            return f"{provider.name} has this batch as {reference}"
        if found is not None:
            raise Conflict(f"{reference} is another batch: {found or 'one without an id of ours'}")
        if not confirmed:
            raise Conflict(
                f"{says}. If its activity report shows that it paid this batch, repeat with "
                f"--confirm {batch.batch_id}; the payments then stay submitted until it reports "
                "them, or for good"
            )
        return f"{says}; confirmed all the same"

    def _check_untouched(self, case: ParkedCase) -> None:
        """A member that has moved on did so by the provider's word: it has the batch."""
        for payment in _payments(self.store, case.members):
            held = payment.batch_id == case.batch.batch_id
            if not held or payment.status is not Status.SUBMITTING:
                at = f"{payment.customer_id} {payment.payment_id}"
                raise Conflict(f"a member is {payment.status} by now, so the batch was sent: {at}")

    def _check_quiet(self, batch: Batch) -> None:
        """Nothing is sent later than `park_after` the freeze, and no call begins once a batch is
        parked; what was sent last has to be in the books before they can be believed."""
        search = self.providers[batch.provider].transaction_search
        lag = search.lag if search else timedelta()
        quiet = (batch.frozen_at or batch.created_at) + park_after(self.providers[batch.provider])
        if batch.parked_at is not None:
            quiet = min(quiet, batch.parked_at + LONGEST_CALL)
        quiet += lag + CLOCKS_APART
        if self.clock() < quiet:
            raise Conflict(f"its last attempt may not be in the books before {to_text(quiet)}")

    def _searched(self, case: ParkedCase) -> _Searched:
        """Look for the members in the books, since the freeze. Raises ProviderError."""
        provider = self.providers[case.batch.provider]
        if provider.transaction_search is None:
            return _Searched(0, f"{provider.name} offers no search")
        since = case.batch.frozen_at or case.batch.created_at
        period = Period(since - CLOCKS_APART, self.clock())
        search = Search(self.store, provider.transaction_search, self.retrier)
        try:
            found = search.paying({member.item_id for member in case.members}, period)
        except NotPermitted as error:
            return _Searched(0, f"the account may not search: {error.code}")
        count = f"{search.transactions} transactions since {to_text(since)[:16]}"
        if not found:
            return _Searched(0, f"none of {count} pays a member")
        ids = ", ".join(each.transaction_id for each in found[:3])
        return _Searched(len(found), f"{len(found)} of {count} pay a member: {ids}")

    def _decision(
        self, batch: Batch, verdict: Resolution, word: OperatorNote, evidence: str
    ) -> Decision:
        tried = f"attempts: {batch.attempts}, the last: {batch.last_error or 'not known'}"
        return Decision(self.clock(), verdict, *word, f"{evidence}; {tried}")

    def _decide(self, batch: Batch, decided: Batch) -> Batch:
        """Write a decision down, and take the step that follows from it."""
        if not self.store.change_batch(batch, decided):
            raise Conflict("somebody else has decided meanwhile: look again")
        return self.dispatcher.resume(decided)


class _Searched(NamedTuple):
    found: int
    words: str


def _by_whom(batch: Batch) -> str:
    decision = batch.decision
    return f": {decision.person} decided {decision.verdict}" if decision else ""


def _payments(store: Store, members: Sequence[Member]) -> Iterator[Payment]:
    for chunk in chunks(members, _CHUNK):
        yield from store.get_payments([member.key for member in chunk]).values()
