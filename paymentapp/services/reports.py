"""Reports of payments: every row of a listing, read page by page.

Only the list of the account's payments is read, so a filter that has an index costs what it finds,
and a report never needs more memory than a page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from paymentapp.errors import StoreUnavailable
from paymentapp.models.account_payments import AccountPage, AccountQuery
from paymentapp.models.payments import Payment
from paymentapp.models.reports import PaymentRow, row_of
from paymentapp.services.payees import PayeeDisplays
from paymentapp.storage.base import Store

PAGE = 500  # payments that are read at a time
RETRY_DELAYS = (0.5, 2.0, 5.0)  # seconds before a page of a report that has begun is read again


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
