"""Reports: every payment of a query as a row, page by page, and its text forms."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.clock import to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.exports.text import PIECE, to_csv, to_json_lines
from paymentapp.models.account_payments import AccountPage, AccountQuery
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.reports import COLUMNS, KINDS, ColumnKind, PaymentRow, row_of
from paymentapp.models.settled import Exchange, Settled
from paymentapp.services import reports
from paymentapp.services.reports import PaymentReports
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import a_process
from tests.support.records import NOW, a_payment, add_payment, later, usd

EVERYTHING = AccountQuery(1)


def requested(second: float, **fields: Any) -> Payment:
    moment = later(second)
    history = (Transition(moment, Status.PENDING, Cause.REQUEST, by="payroll"),)
    return a_payment(**{"payment_id": to_text(moment), "history": history, **fields})


def paid(payment: Payment, **settled: Any) -> Payment:
    for second, status in enumerate((Status.SUBMITTING, Status.SUBMITTED, Status.SUCCEEDED)):
        payment = payment.moved(status, later(second + 1), Cause.POLL)
    return payment.changed(settled=Settled(**settled))


def filled(count: int) -> MemoryStore:
    store = MemoryStore()
    for second in range(count):
        add_payment(store, requested(second))
    return store


def service(store: MemoryStore, pauses: list[float] | None = None) -> PaymentReports:
    made = a_process(store, lambda: NOW, LedgerProvider()).reports
    return replace(made, pause=(pauses if pauses is not None else []).append)


def cells(rows: list[PaymentRow]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(to_csv(rows)).decode(), newline="")))


def test_the_columns_are_public_and_stand_in_this_order() -> None:
    assert ",".join(COLUMNS) == (
        "customer_id,payment_id,created_at,amount,currency,payment_method,payee,status,reference,"
        "description,created_by,updated_at,scheduled_at,payout_date,settled_at,returned_at,"
        "fee_amount,fee_currency,exchanged_amount,exchanged_currency,received_amount,"
        "received_currency,exchange_rate,reason,provider_status,batch_id,provider_item_id,"
        "transaction_id,retry_of,retried_by,bulk_id,metadata"
    )
    assert KINDS.count(ColumnKind.AMOUNT) == 4


def test_a_report_has_every_payment_once_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "PAGE", 3)  # many pages from few payments
    store = filled(10)
    found = [row.payment_id for row in service(store).rows(EVERYTHING)]
    assert found == [to_text(later(second)) for second in range(9, -1, -1)]


def test_a_report_has_what_its_filters_let_pass() -> None:
    store = filled(4)
    add_payment(store, requested(9, money=Money(Decimal(900), "JPY")))
    (row,) = service(store).rows(replace(EVERYTHING, currency="JPY"))
    assert (row.amount, row.currency) == (Decimal(900), "JPY")
    assert str(row.amount) == "900"


class Failing(MemoryStore):
    """Fails at reads of pages, by their numbers."""

    def __init__(self, *failing: int) -> None:
        super().__init__()
        self.failing, self.reads = failing, 0

    def list_account_payments(self, query: AccountQuery) -> AccountPage:
        self.reads += 1
        if self.reads in self.failing:
            raise StoreUnavailable("busy")
        return super().list_account_payments(query)


def test_a_first_page_that_fails_is_told_at_once() -> None:
    pauses: list[float] = []
    with pytest.raises(StoreUnavailable):
        service(Failing(1), pauses).rows(EVERYTHING)
    assert not pauses


def test_a_page_that_fails_later_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "PAGE", 2)
    store, pauses = Failing(2, 3), list[float]()
    for second in range(5):
        add_payment(store, requested(second))
    assert len(list(service(store, pauses).rows(EVERYTHING))) == 5
    assert pauses == [0.5, 2.0]


def test_a_report_that_cannot_be_completed_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reports, "PAGE", 2)
    store = Failing(2, 3, 4, 5)
    for second in range(5):
        add_payment(store, requested(second))
    rows = service(store).rows(EVERYTHING)
    assert [next(rows).payment_id, next(rows).payment_id]
    with pytest.raises(StoreUnavailable):
        next(rows)


def test_a_payee_is_masked_unless_it_is_wanted_in_full() -> None:
    store = filled(1)
    (masked,) = service(store).rows(EVERYTHING)
    (full,) = service(store).rows(EVERYTHING, full_payees=True)
    assert (masked.payee, full.payee) == ("a***@example.com", "ada@example.com")


def test_of_an_erased_customer_no_payee_is_shown() -> None:
    store = MemoryStore()
    add_payment(store, paid(requested(0)).erased(NOW))
    for full in (False, True):
        (row,) = service(store).rows(EVERYTHING, full_payees=full)
        assert row.payee is None


def test_the_payout_date_is_the_providers_or_else_the_day_when_it_was_learned() -> None:
    settled = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    assert row_of(requested(0), None).payout_date is None
    assert str(row_of(paid(requested(0)), None).payout_date) == "2026-03-01"
    assert str(row_of(paid(requested(0), at=settled), None).payout_date) == "2026-03-04"


def test_what_came_back_has_a_payout_date_and_the_time_of_its_return() -> None:
    back = paid(requested(0)).moved(Status.RETURNED, later(86_400), Cause.WEBHOOK)
    row = row_of(back, None)
    assert (str(row.payout_date), row.returned_at) == ("2026-03-01", later(86_400))


def test_fee_and_exchange_have_columns_with_all_decimals() -> None:
    exchange = Exchange(usd("13.5"), Money(Decimal(2000), "JPY"), Decimal("0.0000000123"))
    row = row_of(paid(requested(0), fee=usd("0.2"), exchange=exchange), None)
    texts = cells([row])[0]
    assert (texts["fee_amount"], texts["fee_currency"]) == ("0.20", "USD")
    assert (texts["exchanged_amount"], texts["received_amount"]) == ("13.50", "2000")
    assert texts["exchange_rate"] == "0.0000000123"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "=cmd|' /C calc'!A0", '=HYPERLINK("x")']
)
def test_a_formula_is_harmless_in_csv_and_unchanged_in_json(text: str) -> None:
    row = row_of(requested(0, texts=CallerTexts(text, text)), "a***@example.com")
    assert cells([row])[0]["reference"] == f"'{text}"
    assert cells([row])[0]["description"] == f"'{text}"
    assert json.loads(b"".join(to_json_lines([row])))["reference"] == text


def test_csv_keeps_commas_quotes_and_every_script() -> None:
    texts = CallerTexts('a, "b"', "Zoë 支付")
    row = row_of(requested(0, texts=texts), None)
    found = cells([row])[0]
    assert (found["reference"], found["description"], found["payee"]) == (*texts[:2], "")
    assert b"".join(to_csv([row])).count(b"\r\n") == 2


def test_a_row_names_its_bulk_run_and_has_the_callers_metadata() -> None:
    texts = CallerTexts(metadata=(("cost_centre", '=4711, "north"'), ("team", "支付")))
    row = row_of(requested(0, texts=texts, bulk_id="run-1"), None)
    found = json.loads(b"".join(to_json_lines([row])))
    assert (found["bulk_id"], found["metadata"]) == ("run-1", dict(texts.metadata))
    assert json.loads(cells([row])[0]["metadata"]) == dict(texts.metadata)
    assert cells([row_of(requested(0), None)])[0]["metadata"] == ""


def test_times_and_amounts_are_exact_in_both_forms() -> None:
    row = row_of(requested(0, money=usd("123456789012345.67")), None)
    line = b"".join(to_json_lines([row])).decode()
    assert '"amount":123456789012345.67,' in line
    assert '"created_at":"2026-03-01T12:00:00.123456Z"' in line
    assert cells([row])[0]["amount"] == "123456789012345.67"
    assert cells([row])[0]["created_at"] == "2026-03-01T12:00:00.123456Z"
    assert tuple(json.loads(line)) == COLUMNS


def test_no_payments_are_a_line_of_names_or_nothing() -> None:
    assert b"".join(to_csv([])).decode() == ",".join(COLUMNS) + "\r\n"
    assert b"".join(to_json_lines([])) == b""


def test_text_comes_in_pieces_while_rows_are_read() -> None:
    row, read = row_of(requested(0), None), 0

    def rows() -> Any:
        nonlocal read
        for read in range(1, 10_001):  # noqa: B007
            yield row

    pieces = to_csv(rows())
    assert PIECE <= len(next(pieces)) < 2 * PIECE
    assert read < 1000
    assert sum(piece.count(b"\r\n") for piece in pieces) > 9000
