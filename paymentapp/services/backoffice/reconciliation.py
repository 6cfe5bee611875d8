"""Reconciliation: compare every disbursement with the provider's records, both ways.

It sends nothing and adopts nothing. A repair moves a payment forward by the provider's own report,
as the next poll of its batch would; everything else is left to an operator.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from paymentapp.clock import Clock
from paymentapp.errors import NotSent, ProviderError
from paymentapp.models.batches import Batch
from paymentapp.models.payments import UNSENT, Cause, Payment, PaymentKey, Status
from paymentapp.models.report_totals import PaymentTotals
from paymentapp.providers.base import Provider
from paymentapp.providers.updates import ItemReport
from paymentapp.services.backoffice import comparison
from paymentapp.services.backoffice.batch_membership import MembershipCheck
from paymentapp.services.backoffice.discrepancies import Discrepancy, DiscrepancyKind
from paymentapp.services.backoffice.period import Period
from paymentapp.services.backoffice.provider_search import Search
from paymentapp.services.backoffice.retries import Retrier
from paymentapp.services.dispatch.batching import chunks, members_of
from paymentapp.services.open_items import open_items
from paymentapp.services.payees import PayeeDisplays
from paymentapp.services.settlement import Settlement
from paymentapp.storage.base import Store

CHUNK = 500  # payments read at a time
MAX_FAILURES = 5  # of a provider in a row; then it is not called any more in this run


@dataclass
class Tally:
    """What a run has compared so far, and what it could not compare."""

    batches: int = 0
    compared: int = 0  # of the batches: with what the provider says, where it has them
    totals: PaymentTotals = field(default_factory=PaymentTotals)  # of the payments, by currency
    transactions: int = 0
    differences: int = 0
    repaired: int = 0
    open_items: int = 0  # that wait in the inbox for an operator
    not_done: list[str] = field(default_factory=list)
    without_search: list[str] = field(default_factory=list)  # providers that offer none, ever
    interrupted: bool = False

    @property
    def payments(self) -> int:
        """Return how many payments were checked."""
        return self.totals.payments

    @property
    def left(self) -> int:
        """Return how many things an operator has to resolve."""
        return self.differences - self.repaired + self.open_items

    def interrupt(self) -> None:
        """Note that the run ended before its time."""
        self.interrupted = True
        self.not_done.append("the rest: interrupted")


@dataclass
class _Failures:
    """Failures of one provider in a row, and batches that were therefore not asked about."""

    in_row: int = 0
    code: str = ""
    skipped: int = 0

    @property
    def too_many(self) -> bool:
        return self.in_row >= MAX_FAILURES

    def __str__(self) -> str:
        return f"after {self.in_row} failures in a row, the last {self.code}"


@dataclass
class Reconciliation:
    """One run. `progress` is told what has been compared."""

    store: Store
    providers: Mapping[str, Provider]
    settlement: Settlement
    payees: PayeeDisplays
    clock: Clock
    progress: Callable[[str], None]
    retrier: Retrier
    tally: Tally = field(default_factory=Tally, init=False)
    _failures: defaultdict[str, _Failures] = field(
        default_factory=lambda: defaultdict(_Failures), init=False
    )

    def run(
        self, period: Period, *, repair: bool = False, search: bool = True
    ) -> Iterator[Discrepancy]:
        """Compare what was requested in the period, and yield each difference at once.

        Memory is bounded by the largest batch, a number for each batch, and a day of the books.
        Raises StoreUnavailable; what the provider did not answer is in `tally.not_done`.
        """
        for found in self._differences(period, repair, search):
            self.tally.differences += 1
            self.tally.repaired += found.repaired
            yield self._with_payee(found)

    def _with_payee(self, found: Discrepancy) -> Discrepancy:
        payment = self.store.get_payment(found.payment) if found.payment else None
        if payment is None:
            return found
        return replace(found, payee=self.payees.of(payment, payment.payment_method))

    def _differences(self, period: Period, repair: bool, search: bool) -> Iterator[Discrepancy]:
        self.tally.open_items = open_items(self.store, self.providers).count
        membership = MembershipCheck(self.store, period)
        for batch in self.store.scan_batches(*period):
            self.tally.batches += 1
            yield from self._batch(batch, membership, repair)
            self.progress(f"{self.tally.batches} batches compared")
        self._name_skipped()
        yield from self._payments(period, membership)
        if search:
            for provider in self.providers.values():
                yield from self._search(provider, period)

    def _batch(
        self, batch: Batch, membership: MembershipCheck, repair: bool
    ) -> Iterator[Discrepancy]:
        """Compare one batch, its members, their payments, and the items that the provider lists.

        The payments are read before the provider is called, so its report is not older than they
        are.
        """
        batch = self.store.get_batch(batch.batch_id) or batch
        stalled = comparison.of_progress(batch, self.clock())
        if stalled is not None:
            yield stalled
        members = members_of(self.store, batch)
        payments: dict[PaymentKey, Payment] = {}
        for chunk in chunks(members, CHUNK):
            payments |= self.store.get_payments([member.key for member in chunk])
        membership.listed(batch, payments.values())
        yield from comparison.of_records(self.store, batch, members, payments)
        reports = self._reports(batch) if batch.reference is not None else {}
        self.tally.compared += reports is not None
        if isinstance(reports, Discrepancy):
            yield reports
        elif reports is not None and batch.reference is not None:
            yield from comparison.of_items(batch, members, reports, self.clock(), self.payees)
            for payment in payments.values():
                report = reports.get(payment.key.item_id)
                if report is not None and payment.batch_id == batch.batch_id:
                    yield from self._status(payment, report, repair)

    def _status(self, payment: Payment, report: ItemReport, repair: bool) -> Iterator[Discrepancy]:
        found = comparison.of_status(payment, report)
        if found is None or self.store.get_payment(payment.key) != payment:
            return  # it moved during the provider's call: the next run compares it
        if repair and found.kind is DiscrepancyKind.BEHIND and self._pays(report, payment):
            moved = self.settlement.apply_report(payment, report, Cause.POLL)
            found = replace(found, repaired=comparison.of_status(moved, report) is None)
        yield found

    def _pays(self, report: ItemReport, payment: Payment) -> bool:
        """Return whether the item pays what was requested; one that does not settles nothing."""
        if (report.money or payment.money) != payment.money:
            return False
        if payment.is_erased or report.receiver is None:
            return True
        return bool(self.payees.is_named(payment.payment_method, payment, report.receiver))

    def _reports(self, batch: Batch) -> dict[str, ItemReport] | Discrepancy | None:
        """Return what the provider lists of a batch that it accepted; None without an answer."""
        provider = self.providers.get(batch.provider)
        failures = self._failures[batch.provider]
        if provider is None:
            self.tally.not_done.append(f"batch {batch.batch_id}: no provider {batch.provider}")
            return None
        if failures.too_many:
            failures.skipped += 1
            return None
        try:
            items = self.retrier(partial(_items, provider, batch))
        except ProviderError as error:
            self.tally.not_done.append(f"batch {batch.batch_id}: {error.code}")
            failures.in_row, failures.code = failures.in_row + 1, error.code
            return None
        failures.in_row = 0
        if items is None:
            reference = batch.reference or ""
            return Discrepancy(
                DiscrepancyKind.UNKNOWN_BATCH, reference, "not known", batch_id=batch.batch_id
            )
        return {report.item_id: report for report in items}

    def _name_skipped(self) -> None:
        """Name the batches that a provider was not asked about."""
        for name, failures in self._failures.items():
            if failures.skipped:
                what = f"{failures.skipped} batches of {name}"
                self.tally.not_done.append(f"{what}: not asked about {failures}")

    def _payments(self, period: Period, membership: MembershipCheck) -> Iterator[Discrepancy]:
        """Check payments that no batch would show."""
        for payment in self.store.scan_payments(*period):
            self.tally.totals.add(payment)
            membership.named(payment)
            if payment.status in UNSENT:
                yield from self._waiting(payment)
            self.progress(f"{self.tally.payments} payments checked")
        for payment, batch in membership.orphans():
            kind = DiscrepancyKind.NOT_IN_BATCH if batch else DiscrepancyKind.NO_BATCH
            yield Discrepancy(
                kind, payment.status.value, payment=payment.key, batch_id=payment.batch_id
            )

    def _waiting(self, payment: Payment) -> Iterator[Discrepancy]:
        since = f"{payment.status} since {payment.updated_at:%Y-%m-%d %H:%M}"
        if payment.due_at is None:
            yield Discrepancy(DiscrepancyKind.NOT_DUE, since, payment=payment.key)
        elif payment.status is Status.PENDING and self._is_late(payment):
            yield Discrepancy(DiscrepancyKind.PENDING, since, payment=payment.key)

    def _is_late(self, payment: Payment) -> bool:
        return self.clock() - payment.updated_at > comparison.LATE

    def _search(self, provider: Provider, period: Period) -> Iterator[Discrepancy]:
        """Check what left the account, whoever sent it."""
        if provider.transaction_search is None:
            self.tally.without_search.append(provider.name)
            return
        failures = self._failures[provider.name]
        if failures.too_many:
            self.tally.not_done.append(f"search of {provider.name}: not asked for {failures}")
            return
        search = Search(self.store, provider.transaction_search, self.retrier)
        end = min(period.end, self.clock())
        if period.start >= end:
            return
        try:
            for found in search.unexplained(Period(period.start, end)):
                yield found
                self.progress(f"{search.transactions} transactions checked")
        except ProviderError as error:
            self.tally.not_done.append(f"search of {provider.name}: {error.code}")
        self.tally.transactions += search.transactions


def _items(provider: Provider, batch: Batch) -> list[ItemReport] | None:
    """Return what the provider lists of a batch; None where it does not know the batch."""
    try:
        return provider.fetch(batch)
    except NotSent:
        search = provider.transaction_search
        if search is not None and search.batch_id_of(batch.reference or "") is None:
            return None
        raise
