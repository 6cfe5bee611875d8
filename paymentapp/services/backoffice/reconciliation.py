"""Reconciliation: every disbursement beside what the provider says, both ways.

Nothing is sent from here and nothing adopted. A repair moves a payment forward by the provider's
own report, as the next look at its batch would; everything else is for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from paymentapp.clock import Clock
from paymentapp.errors import NotSent, ProviderError
from paymentapp.models.batches import Batch
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.providers.base import ItemReport, Provider
from paymentapp.services.backoffice import comparison
from paymentapp.services.backoffice.batch_membership import MembershipCheck
from paymentapp.services.backoffice.discrepancies import Discrepancy, DiscrepancyKind
from paymentapp.services.backoffice.period import Period
from paymentapp.services.backoffice.provider_search import Search
from paymentapp.services.backoffice.retries import Retrier
from paymentapp.services.dispatch.batching import chunks, members_of
from paymentapp.services.open_items import open_items
from paymentapp.services.settlement import Settlement
from paymentapp.storage.base import Store

CHUNK = 500  # payments read at a time


@dataclass
class Tally:
    """What a run has looked at so far, and what it could not look at."""

    batches: int = 0
    payments: int = 0
    transactions: int = 0
    differences: int = 0
    repaired: int = 0
    open_items: int = 0  # that wait in the inbox for an operator
    not_done: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Return how many things a person has to see to."""
        return self.differences - self.repaired + self.open_items


@dataclass
class Reconciliation:
    """One run. `progress` hears all the time what has been done."""

    store: Store
    providers: Mapping[str, Provider]
    settlement: Settlement
    clock: Clock
    progress: Callable[[str], None]
    retrier: Retrier
    tally: Tally = field(default_factory=Tally, init=False)

    def run(
        self, period: Period, *, repair: bool = False, search: bool = True
    ) -> Iterator[Discrepancy]:
        """Compare what was made in the span, and yield what does not agree as it is found.

        Memory is bounded by the largest batch, a number for each batch, and a day of the books.
        Raises StoreUnavailable; what the provider did not answer is in `tally.not_done`.
        """
        for found in self._differences(period, repair, search):
            self.tally.differences += 1
            self.tally.repaired += found.repaired
            yield found

    def _differences(self, period: Period, repair: bool, search: bool) -> Iterator[Discrepancy]:
        self.tally.open_items = open_items(self.store, self.providers).count
        membership = MembershipCheck(self.store, period)
        for batch in self.store.scan_batches(*period):
            self.tally.batches += 1
            yield from self._batch(batch, membership, repair)
            self.progress(f"{self.tally.batches} batches compared")
        yield from self._payments(period, membership)
        if search:
            for provider in self.providers.values():
                yield from self._search(provider, period)

    def _batch(
        self, batch: Batch, membership: MembershipCheck, repair: bool
    ) -> Iterator[Discrepancy]:
        """One batch, its members, their payments, and the items that the provider lists.

        The payments are read before the provider is asked: what it says is not older than they.
        """
        batch = self.store.get_batch(batch.batch_id) or batch
        still = comparison.of_progress(batch, self.clock())
        if still is not None:
            yield still
        members = members_of(self.store, batch)
        payments: dict[PaymentKey, Payment] = {}
        for chunk in chunks(members, CHUNK):
            payments |= self.store.get_payments([member.key for member in chunk])
        membership.listed(batch, payments.values())
        yield from comparison.of_records(self.store, batch, members, payments)
        reports = self._reports(batch)
        if isinstance(reports, Discrepancy):
            yield reports
        elif reports is not None:
            yield from comparison.of_items(batch, members, reports, self.clock())
            for payment in payments.values():
                report = reports.get(payment.key.item_id)
                if report is not None and payment.batch_id == batch.batch_id:
                    yield from self._status(payment, report, repair)

    def _status(self, payment: Payment, report: ItemReport, repair: bool) -> Iterator[Discrepancy]:
        found = comparison.of_status(payment, report)
        if found is None or self.store.get_payment(payment.key) != payment:
            return  # what moved while the provider was asked is the next run's to compare
        if repair and found.kind is DiscrepancyKind.BEHIND and _pays(report, payment):
            moved = self.settlement.apply_report(payment, report, Cause.POLL)
            found = replace(found, repaired=comparison.of_status(moved, report) is None)
        yield found

    def _reports(self, batch: Batch) -> dict[str, ItemReport] | Discrepancy | None:
        """What the provider lists of a batch that it took; None where there is nothing to ask, or
        no answer."""
        provider = self.providers.get(batch.provider)
        if batch.reference is None:
            return None
        if provider is None:
            self.tally.not_done.append(f"batch {batch.batch_id}: no provider {batch.provider}")
            return None
        try:
            items = self.retrier(partial(_items, provider, batch, batch.reference))
        except ProviderError as error:
            self.tally.not_done.append(f"batch {batch.batch_id}: {error.code}")
            return None
        if items is None:
            return Discrepancy(
                DiscrepancyKind.UNKNOWN_BATCH, batch.reference, "not known", batch_id=batch.batch_id
            )
        return {report.item_id: report for report in items}

    def _payments(self, period: Period, membership: MembershipCheck) -> Iterator[Discrepancy]:
        """Payments that no batch would show."""
        for payment in self.store.scan_payments(*period):
            self.tally.payments += 1
            membership.named(payment)
            if payment.status is Status.PENDING:
                yield from self._waiting(payment)
            self.progress(f"{self.tally.payments} payments looked at")
        for payment, batch in membership.orphans():
            kind = DiscrepancyKind.NOT_IN_BATCH if batch else DiscrepancyKind.NO_BATCH
            yield Discrepancy(
                kind, payment.status.value, payment=payment.key, batch_id=payment.batch_id
            )

    def _waiting(self, payment: Payment) -> Iterator[Discrepancy]:
        since = f"pending since {payment.updated_at:%Y-%m-%d %H:%M}"
        if payment.due_at is None:
            yield Discrepancy(DiscrepancyKind.NOT_DUE, since, payment=payment.key)
        elif self.clock() - payment.updated_at > comparison.LATE:
            yield Discrepancy(DiscrepancyKind.PENDING, since, payment=payment.key)

    def _search(self, provider: Provider, period: Period) -> Iterator[Discrepancy]:
        """What left the account, whoever sent it."""
        if provider.transaction_search is None:
            self.tally.not_done.append(f"search of {provider.name}: it offers none")
            return
        searching = Search(self.store, provider.transaction_search, self.retrier)
        end = min(period.end, self.clock())
        if period.start >= end:
            return
        try:
            for found in searching.strangers(Period(period.start, end)):
                yield found
                self.progress(f"{searching.transactions} transactions looked at")
        except ProviderError as error:
            self.tally.not_done.append(f"search of {provider.name}: {error.code}")
        self.tally.transactions += searching.transactions


def _pays(report: ItemReport, payment: Payment) -> bool:
    """Whether the item pays what was asked for: one that pays something else settles nothing."""
    money, receiver = report.money or payment.money, report.receiver or payment.payee
    return money == payment.money and receiver.lower() == payment.payee.lower()


def _items(provider: Provider, batch: Batch, reference: str) -> list[ItemReport] | None:
    """What the provider lists of a batch; None where it does not know the batch, or no longer."""
    try:
        return provider.fetch(batch)
    except NotSent:
        search = provider.transaction_search
        if search is not None and search.batch_id_of(reference) is None:
            return None
        raise
