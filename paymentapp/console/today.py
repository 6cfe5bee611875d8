"""Today: what waits and why, what needs a person, what failed lately, and charts of all that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import render_template

from paymentapp.api.blueprint import services
from paymentapp.console import charts
from paymentapp.console.blueprint import blp, requires
from paymentapp.models.actors import PAYMENTS_READ
from paymentapp.models.payments import UNPAID, Payment, Status
from paymentapp.models.report_totals import GroupTotal
from paymentapp.services.overview import Picture
from paymentapp.services.payment_advice import PaymentState, advice_on
from paymentapp.services.recent_payments import DAYS, PaymentOutcome, RecentPayments
from paymentapp.services.today import TodayFigures
from paymentapp.services.waiting import WaitingFor

_NOT_DONE = {PaymentOutcome.FAILED, PaymentOutcome.RETURNED}


@dataclass(slots=True)
class CurrencySums:
    """The sums of a currency: what waits, and of the latest payments what came of them."""

    waiting: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    not_paid: Decimal = Decimal(0)
    fees: dict[str, Decimal] = field(default_factory=dict)


@blp.get("/")
@requires(PAYMENTS_READ)
def today() -> str:
    """Show what is open now, and the latest payments."""
    return render_template("console/today.html", **_shown())


@blp.get("/today/numbers")
@requires(PAYMENTS_READ)
def today_numbers() -> str:
    """Show the part of the page that changes by itself, for a script to put in its place."""
    return render_template("console/_today_numbers.html", **_shown())


def _shown() -> Mapping[str, Any]:
    found = services().today.figures()
    recent = found.recent
    return {
        "picture": found.picture,
        "recent": recent,
        "read_at": found.read_at,
        "recent_at": found.recent_at,
        "days": DAYS,
        "at_least": "at least " if found.picture.at_least else "",
        "decisions": _decisions(found.picture),
        "not_done": sum(count for outcome, count in recent.outcomes if outcome in _NOT_DONE),
        "sums": _sums(found),
        "why": [(payment, _why(payment, found)) for payment in recent.not_done],
        "median": _length(recent.settle.median),
        "slow": _length(recent.settle.slow),
        **_charts(recent),
    }


def _charts(recent: RecentPayments) -> Mapping[str, charts.Chart]:
    days = [(f"{each.day:%d}", f"{each.day:%Y-%m-%d}", each.payments) for each in recent.days]
    return {
        "volume": charts.columns(days),
        "outcomes": charts.rows([(str(name), count) for name, count in recent.outcomes]),
        "times": charts.rows(recent.settle.buckets),
    }


def _decisions(picture: Picture) -> int:
    """Return how many payments wait for an approval or for an operator's decision."""
    wanted = {WaitingFor.APPROVAL, WaitingFor.PERSON}
    return sum(each.payments for each in picture.groups if each.waiting_for in wanted)


def _why(payment: Payment, found: TodayFigures) -> str:
    advice = advice_on(PaymentState(payment), found.read_at)
    return advice.meaning if advice else ""


def _sums(found: TodayFigures) -> Mapping[str, CurrencySums]:
    """Return the sums of each currency, in the order of their codes."""
    sums: dict[str, CurrencySums] = {}
    for each in _open_totals(found.picture):
        sums.setdefault(each.key.currency, CurrencySums()).waiting += each.amount
    for each in found.recent.totals:
        of = sums.setdefault(each.key.currency, CurrencySums())
        if each.key.status == Status.SUCCEEDED:
            of.paid += each.amount
        elif each.key.status in UNPAID:
            of.not_paid += each.amount
        for fee in each.fees:
            of.fees[fee.currency] = of.fees.get(fee.currency, Decimal(0)) + fee.amount
    return dict(sorted(sums.items()))


def _open_totals(picture: Picture) -> Iterable[GroupTotal]:
    return (total for group in picture.groups for total in group.totals)


def _length(value: timedelta | None) -> str:
    """Return a length of time in words, in its largest unit.

    >>> _length(timedelta(seconds=42)), _length(timedelta(minutes=90)), _length(None)
    ('42 seconds', '1.5 hours', '-')
    """
    if value is None:
        return "-"
    seconds = value.total_seconds()
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} seconds"
