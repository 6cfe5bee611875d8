"""What a hold would stop now, and what is too far for it: sums of the payments without an outcome.

Each status is read up to a number of payments, so that the answer takes as long with ten million
payments as with a thousand; beyond that the sums are "at least".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.holds import HoldScope
from paymentapp.models.payments import UNSENT, Payment, PaymentKey, Status
from paymentapp.models.report_totals import GroupTotal, PaymentTotals
from paymentapp.storage.base import PageQuery, Store

READ_MAX = 1000  # payments of each status, or of a customer
_PAGE = 250
_PAGES = 8  # where an engine has no index of the filter, a page may be empty
_CONCERNED = (*sorted(UNSENT), Status.SUBMITTING, Status.SUBMITTED, Status.UNCLAIMED)


class Concerned(NamedTuple):
    """Payments that a hold concerns in one way: how many, and their sums by currency."""

    payments: int
    totals: Sequence[GroupTotal]


class HoldEffect(NamedTuple):
    """What a hold does to the payments that have no outcome yet.

    `stops` have not left, and will not. `sending` are in a batch whose provider may have it: it is
    not sent again. `gone` are at their provider, and go on. `complete` is whether all were read.
    """

    stops: Concerned
    sending: Concerned
    gone: Concerned
    complete: bool


def effect_of(store: Store, scope: HoldScope, value: str) -> HoldEffect:
    """Return what a hold of a target would do now, or does. Raises StoreUnavailable."""
    stops, sending, gone = PaymentTotals(), PaymentTotals(), PaymentTotals()
    found = _of_target(store, scope, value)
    for payment in found.payments:
        if payment.status in UNSENT:
            stops.add(payment)
        elif payment.status is Status.SUBMITTING:
            sending.add(payment)
        elif payment.status in _CONCERNED:
            gone.add(payment)
    return HoldEffect(_concerned(stops), _concerned(sending), _concerned(gone), found.complete)


class _Read(NamedTuple):
    payments: Sequence[Payment]
    complete: bool


def _concerned(totals: PaymentTotals) -> Concerned:
    return Concerned(totals.payments, totals.groups())


def _of_target(store: Store, scope: HoldScope, value: str) -> _Read:
    if scope is HoldScope.PAYMENT:
        payment = store.get_payment(PaymentKey(*value.partition("/")[::2]))
        return _Read([payment] if payment else [], complete=True)
    if scope is HoldScope.CUSTOMER:
        page = store.list_payments(value, PageQuery(READ_MAX))
        return _Read(page.payments, page.last_read is None)
    target = AccountQuery(
        _PAGE,
        payment_method=value if scope is HoldScope.PROVIDER else None,
        bulk_id=value if scope is HoldScope.BULK else None,
    )
    reads = [_matching(store, replace(target, status=status)) for status in _CONCERNED]
    payments = [payment for read in reads for payment in read.payments]
    return _Read(payments, all(read.complete for read in reads))


def _matching(store: Store, query: AccountQuery) -> _Read:
    payments: list[Payment] = []
    for _ in range(_PAGES):
        page = store.list_account_payments(query)
        payments += page.payments
        if page.last_read is None:
            return _Read(payments, complete=True)
        if len(payments) >= READ_MAX:
            break
        query = replace(query, before=page.last_read)
    return _Read(payments, complete=False)
