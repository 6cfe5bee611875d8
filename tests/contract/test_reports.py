"""Every engine: a report has each payment once, and its sums are those of all records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.money import Money
from paymentapp.models.report_totals import Dimension
from paymentapp.services import reports
from paymentapp.services.reports import PaymentReports
from paymentapp.storage.base import Store
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process
from tests.support.records import NOW, add_payment
from tests.unit.test_reports import paid, requested

EVERYTHING = AccountQuery(1)
COUNT = 23


@pytest.fixture
def service(store: Store, monkeypatch: pytest.MonkeyPatch) -> PaymentReports:
    """Return the reports of an account of several days, whose pages have seven payments."""
    monkeypatch.setattr(reports, "PAGE", 7)
    for number in range(COUNT):
        money = Money(Decimal(f"{number + 1}.01"), "USD" if number % 3 else "EUR")
        payment = requested(number // 2 * 9_000, customer_id=f"c{number}", money=money)
        add_payment(store, paid(payment) if number % 2 else payment)
    return a_process(store, lambda: NOW, LedgerProvider()).reports


def test_every_payment_is_a_row_once_newest_first(service: PaymentReports) -> None:
    rows = list(service.rows(EVERYTHING))
    assert {row.customer_id for row in rows} == {f"c{number}" for number in range(COUNT)}
    assert len(rows) == COUNT
    ids = [row.payment_id for row in rows]
    assert ids == sorted(ids, reverse=True)


@pytest.mark.parametrize("by", Dimension)
def test_sums_are_those_of_the_rows_and_of_all_records(
    store: Store, service: PaymentReports, by: Dimension
) -> None:
    of_rows: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in service.rows(EVERYTHING):
        of_rows[row.currency] += row.amount
    summary = service.summary(EVERYTHING, [by])
    of_groups: defaultdict[str, Decimal] = defaultdict(Decimal)
    for group in summary.groups:
        of_groups[group.key.currency] += group.amount
    of_totals = {each.key.currency: each.amount for each in summary.totals}
    assert of_rows == of_groups == of_totals == _recorded(store)
    assert summary.payments == sum(each.payments for each in summary.groups) == COUNT


def _recorded(store: Store) -> Mapping[str, Decimal]:
    """Return the sums of all records, read as a reconciliation reads them."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for each in store.scan_payments(
        datetime(1, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)
    ):
        found[each.money.currency] += each.money.amount
    return found


def test_filters_and_sums_agree(service: PaymentReports) -> None:
    query = AccountQuery(1, currency="EUR", min_amount=Decimal(5))
    amounts = [row.amount for row in service.rows(query)]
    (total,) = service.summary(query, []).totals
    assert (total.payments, total.amount) == (len(amounts), sum(amounts))
    assert 0 < len(amounts) < COUNT
