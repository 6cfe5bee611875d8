"""Figures of the latest payments, and of today: how many a day, with which outcome, how soon."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from paymentapp.bootstrap import Services
from paymentapp.clock import to_text
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.services import today as today_module
from paymentapp.services.recent_payments import LISTED, PaymentOutcome, RecentPayments, figures
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process
from tests.support.records import NOW, a_payment, add_payment, stamped, usd

DAY = timedelta(days=1)


def requested(at: datetime = NOW, **fields: Any) -> Payment:
    payment = a_payment(payment_id=to_text(at), **fields)
    first = payment.history[0]._replace(at=at)
    return a_payment(**{"payment_id": to_text(at), "history": (first,), **fields})


def ended(at: datetime, status: Status, after: timedelta = timedelta(seconds=30)) -> Payment:
    return stamped(requested(at)).moved(status, at + after, Cause.POLL)


def of(*payments: Payment) -> RecentPayments:
    return figures(payments, NOW, complete=True)


def test_each_day_has_a_line_with_its_number_and_its_sums() -> None:
    found = of(requested(), requested(NOW - timedelta(seconds=1)), requested(NOW - 3 * DAY))
    assert len(found.days) == 14
    assert (found.days[0].day, found.days[-1].day) == (date(2026, 2, 16), date(2026, 3, 1))
    assert [each.payments for each in found.days[-4:]] == [1, 0, 0, 2]
    assert str(found.days[-1].totals[0].amount) == "25.00"
    assert found.payments == 3


def test_outcomes_are_counted_by_what_people_ask() -> None:
    found = of(
        requested(),
        ended(NOW, Status.SUCCEEDED),
        ended(NOW, Status.FAILED),
        ended(NOW, Status.RETURNED),
        requested().moved(Status.CANCELLED, NOW, Cause.REQUEST),
    )
    assert found.outcomes == [(each, 1) for each in PaymentOutcome]


def test_time_to_settle_is_in_buckets_with_the_median_and_the_slow_tenth() -> None:
    times = [timedelta(seconds=30)] * 5 + [timedelta(minutes=30)] * 5
    settle = of(*(ended(NOW - DAY, Status.SUCCEEDED, each) for each in times)).settle
    assert dict(settle.buckets)["under a minute"] == 5
    assert dict(settle.buckets)["to an hour"] == 5
    assert sum(count for _, count in settle.buckets) == 10
    assert settle.median is not None
    assert settle.median < timedelta(minutes=30)
    assert settle.slow == timedelta(minutes=30)


def test_a_scheduled_payment_takes_its_time_from_then() -> None:
    payment = requested(NOW - 5 * DAY, scheduled_at=NOW)
    paid = stamped(payment).moved(Status.SUCCEEDED, NOW + timedelta(seconds=9), Cause.POLL)
    assert of(paid).settle.median == timedelta(seconds=9)


def test_without_a_paid_payment_there_is_no_time() -> None:
    settle = of(requested()).settle
    assert (settle.median, settle.slow) == (None, None)


def test_the_latest_that_failed_or_came_back_are_listed() -> None:
    late = ended(NOW - 2 * DAY, Status.RETURNED, 2 * DAY)
    failed = [ended(NOW - DAY, Status.FAILED, timedelta(seconds=n)) for n in range(LISTED + 5)]
    listed = of(late, *failed).not_done
    assert listed[0] is late
    assert len(listed) == LISTED


class TimedProcess:
    """A service whose timer stands still until it is told to go on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.store = MemoryStore()
        self.services: Services = a_process(
            self.store,
            lambda: NOW,
            LedgerProvider(),
            worker=StillWorker(),
            timer=lambda: self.seconds,
        )

    def payments(self) -> int:
        return self.services.today.figures().picture.payments


def test_figures_are_kept_for_some_seconds() -> None:
    process = TimedProcess()
    assert process.payments() == 0
    add_payment(process.store, requested())
    assert process.payments() == 0
    process.seconds += today_module.KEPT_SECONDS
    assert process.payments() == 1
    assert process.services.today.figures().recent.payments == 0
    process.seconds += today_module.RECENT_KEPT_SECONDS
    assert process.services.today.figures().recent.payments == 1


def test_what_is_too_much_to_read_is_said_to_be_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(today_module, "OPEN_MAX", 3)
    monkeypatch.setattr(today_module, "RECENT_MAX", 4)
    process = TimedProcess()
    for number in range(3):
        add_payment(process.store, requested(NOW - timedelta(seconds=number), money=usd("1")))
    found = process.services.today.figures()
    assert (found.picture.at_least, found.recent.complete) == (False, True)
    for number in range(3, 6):
        add_payment(process.store, requested(NOW - timedelta(seconds=number), money=usd("1")))
    process.services.today.forget()
    found = process.services.today.figures()
    assert (found.picture.payments, found.picture.at_least) == (3, True)
    assert (found.recent.payments, found.recent.complete) == (4, False)
