"""Search of the provider's books for payments that are unknown here, or recorded differently."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from datetime import datetime, timedelta
from functools import partial

from paymentapp.models.payments import UNSENT, Payment, PaymentKey, Status
from paymentapp.providers.base import Transaction, TransactionSearch
from paymentapp.services.backoffice.discrepancies import Discrepancy, DiscrepancyKind
from paymentapp.services.backoffice.period import Period
from paymentapp.services.backoffice.retries import Retrier
from paymentapp.services.dispatch.batching import chunks
from paymentapp.storage.base import Store

_STEP = timedelta(days=1)  # searched in one request, and retried as a whole
_CHUNK = 500
_MAX_AGE = timedelta(days=60)  # how long before its transaction a payment may be requested
_MAX_NAMELESS = 10_000  # transactions without an id of ours that are kept for one pass
_UNPAID = UNSENT | {Status.FAILED, Status.CANCELLED, Status.REJECTED}

_Found = dict[str, Transaction]  # by transaction id


class Search:
    """One search of one provider's books; `retrier` retries calls that got no answer."""

    def __init__(self, store: Store, books: TransactionSearch, retrier: Retrier) -> None:
        self.transactions = 0
        self._store = store
        self._books = books
        self._retrier = retrier

    def unexplained(self, period: Period) -> Iterator[Discrepancy]:
        """Yield the period's transactions that pay nothing of ours, or pay a payment once more.

        A transaction without an id of ours is matched by its own id, among the payments. Raises
        ProviderError.
        """
        nameless: _Found = {}
        for found in self._pages(period):
            yield from self._compared([each for each in found if each.item_id is not None])
            nameless |= {each.transaction_id: each for each in found if each.item_id is None}
            if len(nameless) > _MAX_NAMELESS:
                yield from self._unclaimed(nameless, period)
                nameless = {}
        yield from self._unclaimed(nameless, period)

    def paying(self, item_ids: Set[str], period: Period) -> list[Transaction]:
        """Return the period's transactions that pay one of these items. Raises ProviderError."""
        return [each for page in self._pages(period) for each in page if each.item_id in item_ids]

    def _pages(self, period: Period) -> Iterator[Sequence[Transaction]]:
        """Yield every transaction once, a few hundred at a time.

        No range starts where the books may lag behind: some providers refuse such a range.
        Transactions found from before the period are compared too, which does no harm.
        """
        before: Set[str] = set()
        start = min(period.start, period.end - 2 * self._books.lag)
        while start < period.end:
            end = start + _STEP if period.end - start > 2 * _STEP else period.end
            found = self._retrier(partial(self._between, start, end))
            fresh = [each for name, each in found.items() if name not in before]
            self.transactions += len(fresh)
            yield from chunks(fresh, _CHUNK)
            before, start = found.keys(), end

    def _between(self, start: datetime, end: datetime) -> _Found:
        return {each.transaction_id: each for each in self._books.transactions(start, end)}

    def _compared(self, transactions: Sequence[Transaction]) -> Iterator[Discrepancy]:
        """Compare transactions that carry an id with the payments that the ids name."""
        keys = {each.item_id: PaymentKey.find(each.item_id or "") for each in transactions}
        payments = self._store.get_payments([key for key in keys.values() if key])
        for transaction in transactions:
            key = keys[transaction.item_id]
            payment = payments.get(key) if key else None
            if payment is None:
                yield _not_ours(transaction)
            elif kind := _discrepancy(payment, transaction):
                ours = " ".join(filter(None, [payment.status, payment.transaction_id]))
                yield Discrepancy(kind, ours, _summary(transaction), payment=key)

    def _unclaimed(self, nameless: _Found, period: Period) -> Iterator[Discrepancy]:
        """Yield transactions that no payment has on record as its own."""
        left = dict(nameless)
        earlier = Period(period.start - _MAX_AGE, period.end)
        for payment in self._store.scan_payments(*earlier) if left else ():
            left.pop(payment.transaction_id or "", None)
        yield from map(_not_ours, left.values())


def _discrepancy(payment: Payment, transaction: Transaction) -> DiscrepancyKind | None:
    """Return how a transaction contradicts its payment; None where it agrees."""
    if payment.transaction_id is not None:
        another = payment.transaction_id != transaction.transaction_id
        return DiscrepancyKind.PAID_AGAIN if another else None
    return DiscrepancyKind.UNEXPECTED if payment.status in _UNPAID else None


def _not_ours(transaction: Transaction) -> Discrepancy:
    return Discrepancy(
        DiscrepancyKind.NOT_OURS, "", _summary(transaction), item_id=transaction.item_id
    )


def _summary(transaction: Transaction) -> str:
    at = f"{transaction.at:%Y-%m-%d %H:%M}"
    return f"{transaction.transaction_id} {transaction.money} {at}"
