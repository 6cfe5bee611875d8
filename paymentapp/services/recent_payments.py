"""Figures of the latest payments: how many a day, with which outcome, and how soon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from heapq import nlargest
from statistics import quantiles
from typing import NamedTuple

from paymentapp.models.payments import Payment, Status
from paymentapp.models.report_totals import Dimension, GroupTotal, PaymentTotals

DAYS = 14  # with today
LISTED = 10  # payments that have failed or come back


class PaymentOutcome(StrEnum):
    """What payments have come to, as far as people ask first."""

    PAID = "paid"
    OPEN = "open"
    FAILED = "failed"
    RETURNED = "returned"
    STOPPED = "stopped"  # cancelled or rejected


_OUTCOMES = {
    Status.SUCCEEDED: PaymentOutcome.PAID,
    Status.FAILED: PaymentOutcome.FAILED,
    Status.RETURNED: PaymentOutcome.RETURNED,
    Status.CANCELLED: PaymentOutcome.STOPPED,
    Status.REJECTED: PaymentOutcome.STOPPED,
}
_NOT_DONE = {Status.FAILED, Status.RETURNED}
# Up to how long: the last bucket has the rest.
_BUCKETS = (
    ("under a minute", timedelta(minutes=1)),
    ("to 10 minutes", timedelta(minutes=10)),
    ("to an hour", timedelta(hours=1)),
    ("to a day", timedelta(days=1)),
    ("to 3 days", timedelta(days=3)),
    ("longer", timedelta.max),
)


class DayFigures(NamedTuple):
    """The payments that were requested on a day (UTC): how many, and their sums by currency."""

    day: date
    payments: int
    totals: Sequence[GroupTotal]


class SettleTimes(NamedTuple):
    """How long payments took from their request, or the time that it named, until they were paid.

    `median` and `slow` (the ninth tenth) are None where none was paid.
    """

    buckets: Sequence[tuple[str, int]]
    median: timedelta | None
    slow: timedelta | None


class RecentPayments(NamedTuple):
    """Figures of the payments of the last DAYS days, or of the latest ones of them."""

    payments: int
    complete: bool  # False: there are more, older ones
    days: Sequence[DayFigures]
    outcomes: Sequence[tuple[PaymentOutcome, int]]
    totals: Sequence[GroupTotal]  # by currency and status
    settle: SettleTimes
    not_done: Sequence[Payment]  # failed or returned, the latest change first, LISTED at most


def first_moment(now: datetime) -> datetime:
    """Return when the first of the days begins."""
    return datetime.combine(now.astimezone(UTC).date() - timedelta(days=DAYS - 1), time.min, UTC)


def figures(payments: Iterable[Payment], now: datetime, *, complete: bool) -> RecentPayments:
    """Return the figures of payments, which are those since `first_moment` or the latest of them.

    Their memory grows with what differs, not with their number.
    """
    by_day, by_status = PaymentTotals([Dimension.DAY]), PaymentTotals([Dimension.STATUS])
    outcomes: Counter[PaymentOutcome] = Counter()
    times: list[timedelta] = []
    not_done: list[Payment] = []
    for payment in payments:
        by_day.add(payment)
        by_status.add(payment)
        outcomes[_OUTCOMES.get(payment.status, PaymentOutcome.OPEN)] += 1
        times += _time_to_settle(payment)
        if payment.status in _NOT_DONE:
            not_done.append(payment)
    return RecentPayments(
        by_day.payments,
        complete,
        _days(by_day.groups(), now),
        [(each, outcomes[each]) for each in PaymentOutcome],
        by_status.groups(),
        _settle_times(times),
        nlargest(LISTED, not_done, key=lambda payment: payment.updated_at),
    )


def _days(groups: Sequence[GroupTotal], now: datetime) -> list[DayFigures]:
    """Return a line for each day, also for one without payments."""
    first = first_moment(now).date()
    found: dict[str | None, list[GroupTotal]] = {}
    for group in groups:
        found.setdefault(group.key.day, []).append(group)
    days = []
    for day in (first + timedelta(days=number) for number in range(DAYS)):
        totals = found.get(day.isoformat(), [])
        days.append(DayFigures(day, sum(each.payments for each in totals), totals))
    return days


def _time_to_settle(payment: Payment) -> list[timedelta]:
    """Return how long a payment took until it was paid, in a list; an empty one where it was not.

    By when this service learned it: a provider's own time is often only a day.
    """
    paid_at = next((each.at for each in payment.history if each.status is Status.SUCCEEDED), None)
    if paid_at is None:
        return []
    begun_at = max(payment.created_at, payment.scheduled_at or payment.created_at)
    return [max(paid_at - begun_at, timedelta(0))]


def _settle_times(times: Sequence[timedelta]) -> SettleTimes:
    counts: Counter[str] = Counter()
    for each in times:
        counts[next(name for name, limit in _BUCKETS if each <= limit)] += 1
    buckets = [(name, counts[name]) for name, _ in _BUCKETS]
    if not times:
        return SettleTimes(buckets, None, None)
    seconds = [each.total_seconds() for each in times]
    tenths = quantiles(seconds, n=10, method="inclusive") if len(seconds) > 1 else seconds * 9
    return SettleTimes(buckets, timedelta(seconds=tenths[4]), timedelta(seconds=tenths[8]))
