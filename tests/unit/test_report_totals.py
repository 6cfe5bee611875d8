"""Sums of payments: exact, by each dimension, and equal to those of the rows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.models.report_totals import Dimension, GroupTotal, PaymentTotals
from paymentapp.services import reports
from paymentapp.services.reports import Summary, TooManyGroups
from tests.support.memory_store import MemoryStore
from tests.support.records import add_payment, usd
from tests.unit.test_reports import paid, requested, service

EVERYTHING = AccountQuery(1)
YEN = Money(Decimal(2000), "JPY")


def account() -> MemoryStore:
    """Return a store with payments of two days, currencies, methods and statuses."""
    store = MemoryStore()
    for payment in (
        requested(0, money=usd("10.01")),
        requested(1, money=usd("0.02")),
        paid(requested(2, money=usd("5"), payment_method="ach"), fee=usd("0.25")),
        paid(requested(86_400, money=YEN), fee=usd("0.5")),
    ):
        add_payment(store, payment)
    return store


def summary(*by: Dimension, store: MemoryStore | None = None) -> Summary:
    return service(store or account()).summary(EVERYTHING, by)


def told(totals: Any) -> list[tuple[Any, ...]]:
    """Return each group as what it has in common, its count and its sum."""
    return [(*filter(None, each.key), each.payments, str(each.amount)) for each in totals]


def test_without_more_the_sums_are_by_currency() -> None:
    found = summary()
    assert told(found.groups) == [("JPY", 1, "2000"), ("USD", 3, "15.03")]
    assert found.groups == found.totals
    assert found.payments == 4


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        (Dimension.CURRENCY, [("JPY", 1, "2000"), ("USD", 3, "15.03")]),
        (Dimension.DAY, [("2026-03-01", "USD", 3, "15.03"), ("2026-03-02", "JPY", 1, "2000")]),
        (
            Dimension.PAYMENT_METHOD,
            [
                ("JPY", "paypal", 1, "2000"),
                ("USD", "ach", 1, "5.00"),
                ("USD", "paypal", 2, "10.03"),
            ],
        ),
        (
            Dimension.STATUS,
            [
                ("JPY", "succeeded", 1, "2000"),
                ("USD", "pending", 2, "10.03"),
                ("USD", "succeeded", 1, "5.00"),
            ],
        ),
        (Dimension.CREATED_BY, [("JPY", "payroll", 1, "2000"), ("USD", "payroll", 3, "15.03")]),
    ],
)
def test_each_dimension_has_its_groups(by: Dimension, groups: list[tuple[Any, ...]]) -> None:
    found = summary(by)
    assert told(found.groups) == groups
    assert told(found.totals) == [("JPY", 1, "2000"), ("USD", 3, "15.03")]


def test_fees_are_summed_by_their_own_currency() -> None:
    fees = {each.key.currency: each.fees for each in summary().totals}
    assert fees == {"JPY": (usd("0.5"),), "USD": (usd("0.25"),)}


def test_the_sums_are_those_of_the_rows_and_of_all_payments_on_record() -> None:
    store = account()
    of_rows, of_records = Counter[str](), Counter[str]()
    for row in service(store).rows(EVERYTHING):
        of_rows[row.currency] += row.amount  # type: ignore[assignment]  # Counter: of ints
    far = datetime(9999, 1, 1, tzinfo=UTC)
    for payment in store.scan_payments(datetime(1, 1, 1, tzinfo=UTC), far):
        of_records[payment.money.currency] += payment.money.amount  # type: ignore[assignment]
    for by in Dimension:
        found = summary(by, store=store)
        assert _sums(found.groups) == _sums(found.totals) == of_rows == of_records


def _sums(totals: Any) -> Counter[str]:
    found = Counter[str]()
    for each in totals:
        found[each.key.currency] += each.amount
    return found


def test_a_sum_of_large_amounts_is_exact() -> None:
    totals = PaymentTotals()
    large = requested(0, money=usd("999999999999999.99"))
    for _ in range(30_000):
        totals.add(large)
    totals.add(requested(0, money=usd("0.01")))
    (total,) = totals.groups()
    assert str(total.amount) == "29999999999999999700.01"


def test_a_payment_of_no_client_is_in_a_group_of_its_own() -> None:
    nobody = requested(0).history[0]._replace(by="")
    totals = PaymentTotals([Dimension.CREATED_BY])
    for payment in (requested(0), requested(1, history=(nobody,))):
        totals.add(payment)
    assert [each.key.created_by for each in totals.groups()] == ["", "payroll"]


def test_too_many_groups_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "GROUPS_MAX", 2)
    assert len(summary().groups) == 2
    with pytest.raises(TooManyGroups):
        summary(Dimension.STATUS)


def test_a_payment_counts_as_it_is_now() -> None:
    totals = PaymentTotals([Dimension.STATUS])
    payment: Payment = paid(requested(0))
    totals.add(payment)
    (total,) = totals.groups()
    assert isinstance(total, GroupTotal)
    assert total.key.status == Status.SUCCEEDED
