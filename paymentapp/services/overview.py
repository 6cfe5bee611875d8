"""The overview: what has no outcome yet and why it waits, providers, holds, what needs a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.holds import Hold
from paymentapp.models.payments import FINAL, Payment, Status
from paymentapp.models.report_totals import GroupTotal, PaymentTotals
from paymentapp.providers.base import Provider
from paymentapp.services.dispatch.outages import OpenOutage, open_outages
from paymentapp.services.holds import Holds
from paymentapp.services.open_items import open_items
from paymentapp.services.reports import PAGE, PaymentReports
from paymentapp.services.waiting import Wait, Waiting, WaitingFor
from paymentapp.storage.base import Store

OPEN = tuple(status for status in Status if status not in FINAL)


class OpenGroup(NamedTuple):
    """Payments without an outcome that wait for the same: their sums, and the oldest one.

    Where they are only some of those with the status (`at_least`), there may be more, and older.
    """

    status: Status
    waiting_for: WaitingFor | None
    payment_method: str
    oldest: Payment
    totals: Sequence[GroupTotal]  # by currency
    at_least: bool = False

    @property
    def payments(self) -> int:
        """Return how many there are."""
        return sum(each.payments for each in self.totals)


class ProviderOverview(NamedTuple):
    """A provider: whether its settings are complete, and since when its calls have been failing."""

    name: str
    configured: bool
    outage: OpenOutage | None


class Picture(NamedTuple):
    """What is open at a moment."""

    groups: Sequence[OpenGroup]
    providers: Sequence[ProviderOverview]
    holds: Sequence[Hold]
    parked: int  # batches that wait for an operator's decision
    inbox: int  # what providers have reported, and an operator has to record

    @property
    def payments(self) -> int:
        """Return how many payments have no outcome yet; at least, where `at_least` is true."""
        return sum(each.payments for each in self.groups)

    @property
    def at_least(self) -> bool:
        """Return whether there are more payments than were read."""
        return any(each.at_least for each in self.groups)

    @property
    def oldest(self) -> datetime | None:
        """Return when the oldest of them was requested; None where there is none."""
        return min((each.oldest.created_at for each in self.groups), default=None)


@dataclass(slots=True)
class _Open:
    oldest: Payment
    totals: PaymentTotals

    def add(self, payment: Payment) -> None:
        self.totals.add(payment)
        self.oldest = min(self.oldest, payment, key=lambda each: each.payment_id)


_Key = tuple[Status, WaitingFor | None, str]


@dataclass(frozen=True, slots=True)
class Overview:
    """Makes pictures. It reads the payments that have no outcome, a page at a time."""

    store: Store
    providers: Mapping[str, Provider]
    reports: PaymentReports
    waiting: Waiting
    holds: Holds

    def picture(self, most: int | None = None) -> Picture:
        """Return what is open now. Raises StoreUnavailable.

        `most` is how many payments of each status are read, the newest ones; None: all.
        """
        outages = open_outages(self.store)
        return Picture(
            self._groups(most),
            [
                ProviderOverview(name, provider.configured, outages.get(name))
                for name, provider in sorted(self.providers.items())
            ],
            self.holds.current(),
            len(self.store.parked_batches()),
            open_items(self.store, self.providers).count,
        )

    def _groups(self, most: int | None) -> list[OpenGroup]:
        found: dict[_Key, _Open] = {}
        cut: set[Status] = set()
        for status in OPEN:
            payments = self.reports.payments(AccountQuery(PAGE, status=status))
            for payment, wait in self._waits(islice(payments, most)):
                key = status, wait.reason if wait else None, payment.payment_method
                if key not in found:
                    found[key] = _Open(payment, PaymentTotals())
                found[key].add(payment)
            if next(payments, None) is not None:
                cut.add(status)
        return [
            OpenGroup(*key, each.oldest, each.totals.groups(), key[0] in cut)
            for key, each in sorted(found.items(), key=lambda item: _place(item[0]))
        ]

    def _waits(self, payments: Iterable[Payment]) -> Iterator[tuple[Payment, Wait | None]]:
        for page in _pages(payments):
            yield from zip(page, self.waiting.of_all(page), strict=True)


def _pages(payments: Iterable[Payment]) -> Iterator[list[Payment]]:
    left = iter(payments)
    while page := list(islice(left, PAGE)):
        yield page


def _place(key: _Key) -> tuple[int, str, str]:
    """Return what groups are sorted by: how far the payments are, then the rest."""
    status, reason, method = key
    return OPEN.index(status), reason or "", method
