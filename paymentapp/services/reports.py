"""Reports of payments: every row of a listing, read page by page.

Only the list of the account's payments is read, so a filter that has an index costs what it finds,
and a report never needs more memory than a page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from paymentapp.errors import PaymentAppError, StoreUnavailable
from paymentapp.models.account_payments import AccountPage, AccountQuery
from paymentapp.models.payments import Payment
from paymentapp.models.report_totals import Dimension, GroupTotal, PaymentTotals
from paymentapp.models.reports import PaymentRow, row_of
from paymentapp.services.payees import PayeeDisplays
from paymentapp.storage.base import Store

PAGE = 500  # payments that are read at a time
GROUPS_MAX = 10_000  # of a summary
RETRY_DELAYS = (0.5, 2.0, 5.0)  # seconds before a page of a report that has begun is read again


class TooManyGroups(PaymentAppError):
    """The payments are in more groups than a summary has."""

    def __init__(self) -> None:
        super().__init__(f"More than {GROUPS_MAX:,} groups: choose fewer fields or a shorter time.")


class Summary(NamedTuple):
    """The sums of a query's payments: by the wanted dimensions, and by currency alone."""

    by: Sequence[Dimension]
    groups: Sequence[GroupTotal]
    totals: Sequence[GroupTotal]

    @property
    def payments(self) -> int:
        """Return the number of payments."""
        return sum(each.payments for each in self.totals)


@dataclass(frozen=True, slots=True)
class PaymentReports:
    """Makes reports. `pause` sleeps for a number of seconds before a page is read again."""

    store: Store
    payees: PayeeDisplays
    pause: Callable[[float], None] = time.sleep

    def payments(self, query: AccountQuery) -> Iterator[Payment]:
        """Yield the payments of a query, newest first, however many; its `limit` is not used.

        Each is as it was when its page was read; a payment that is accepted later is left out. The
        first page is read at once. Raises StoreUnavailable, also later, once retries have failed.
        """
        query = replace(query, limit=PAGE)
        return self._all(query, self.store.list_account_payments(query))

    def rows(self, query: AccountQuery, *, full_payees: bool = False) -> Iterator[PaymentRow]:
        """Yield the rows of a query, as `payments` does.

        With `full_payees` e-mail addresses are shown in full. Account details that are sealed stay
        masked: only their provider opens them.
        """
        show = self.payees.in_full if full_payees else self._masked
        return (row_of(payment, show(payment)) for payment in self.payments(query))

    def summary(
        self,
        query: AccountQuery,
        by: Collection[Dimension],
        progress: Callable[[int], object] = int,
    ) -> Summary:
        """Return the sums of the payments that `payments` would yield, and of their fees.

        `progress` is called with the number of payments now and then. Raises TooManyGroups,
        StoreUnavailable.
        """
        groups, totals = PaymentTotals(by), PaymentTotals()
        for number, payment in enumerate(self.payments(query), start=1):
            groups.add(payment)
            totals.add(payment)
            if len(groups) > GROUPS_MAX:
                raise TooManyGroups
            if not number % PAGE:
                progress(number)
        return Summary(tuple(dict.fromkeys(by)), groups.groups(), totals.groups())

    def _masked(self, payment: Payment) -> str | None:
        return self.payees.of(payment, payment.payment_method).display

    def _all(self, query: AccountQuery, page: AccountPage) -> Iterator[Payment]:
        while True:
            yield from page.payments
            if page.last_read is None:
                return
            query = replace(query, before=page.last_read)
            page = self._read(query)

    def _read(self, query: AccountQuery) -> AccountPage:
        for delay in RETRY_DELAYS:
            try:
                return self.store.list_account_payments(query)
            except StoreUnavailable:
                self.pause(delay)
        return self.store.list_account_payments(query)
