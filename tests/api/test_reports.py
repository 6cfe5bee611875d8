"""Reports of payments over HTTP: formats, filters, rights, and what a failure looks like."""

from __future__ import annotations

import csv
import io
import json
import logging
from typing import Any

import pytest
from werkzeug.test import TestResponse

from paymentapp.api.report_slots import RETRY_AFTER, ReportSlots, TooManyReports
from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.account_payments import AccountPage, AccountQuery
from paymentapp.models.reports import COLUMNS
from paymentapp.services import reports
from tests.api.conftest import Bench, problem

PATH = "/v1/api/reports/payments"
JSONL = {"Accept": "application/jsonl"}


def report(bench: Bench, accept: str | None = None, **query: Any) -> TestResponse:
    headers = {"Accept": accept} if accept else {}
    return bench.client.get(PATH, query_string=query, headers=headers)


def lines(response: TestResponse) -> list[dict[str, str]]:
    assert response.status_code == 200, response.get_data(as_text=True)
    return list(csv.DictReader(io.StringIO(response.get_data(as_text=True), newline="")))


@pytest.fixture
def account(paying: Bench) -> Bench:
    for number in range(1, 4):
        paying.pay(amount=number, reference=f"invoice {number}")
    return paying


def test_a_report_is_csv_with_a_line_of_names_newest_first(account: Bench) -> None:
    answer = report(account)
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="payments.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert [(row["amount"], row["reference"]) for row in lines(answer)] == [
        ("3.00", "invoice 3"),
        ("2.00", "invoice 2"),
        ("1.00", "invoice 1"),
    ]


def test_or_json_lines_with_the_same_names(account: Bench) -> None:
    answer = report(account, "application/jsonl")
    assert answer.content_type == "application/jsonl"
    rows = [json.loads(line) for line in answer.get_data(as_text=True).splitlines()]
    assert [row["amount"] for row in rows] == [3, 2, 1]
    assert all(tuple(row) == COLUMNS for row in rows)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/csv"),
        ("*/*", "text/csv"),
        ("text/*", "text/csv"),
        ("application/jsonl, text/csv;q=0.5", "application/jsonl"),
    ],
)
def test_accept_chooses_the_format(account: Bench, accept: str | None, kind: str) -> None:
    assert report(account, accept).mimetype == kind


@pytest.mark.parametrize("accept", ["application/pdf", "text/csv;q=0"])
def test_another_format_is_not_acceptable(account: Bench, accept: str) -> None:
    problem(report(account, accept), 406, "not-acceptable")


def test_a_report_has_the_filters_of_the_list_but_no_pages(account: Bench) -> None:
    assert [row["amount"] for row in lines(report(account, min_amount="2"))] == ["3.00", "2.00"]
    assert lines(report(account, reference="invoice 9")) == []
    assert lines(report(account, to="2020-01-01")) == []
    for name in ("limit", "cursor"):
        problem(report(account, **{name: "1"}), 400, "invalid-request")


def test_payees_are_masked_and_shown_in_full_to_who_may_read_customers(
    account: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "paymentapp.api.reports")
    assert {row["payee"] for row in lines(report(account))} == {"a***@example.com"}
    assert not caplog.records
    assert {row["payee"] for row in lines(report(account, payees="full"))} == {"ada@example.com"}
    assert caplog.messages == ["a report of payments shows payees in full to test"]


def test_whoever_may_only_read_reports_gets_no_full_payee(account: Bench) -> None:
    _, token = account.services.api_keys.create("finance", ["reports:read"])
    finance = account.caller(token)
    assert finance.get(PATH).status_code == 200
    refused = finance.get(PATH, query_string={"payees": "full"})
    assert problem(refused, 403, "forbidden")["detail"] == (
        "Payees in full require the scope customers:read."
    )


def test_a_store_that_does_not_answer_is_503_and_leaves_the_place_free(account: Bench) -> None:
    listed = account.store.list_account_payments

    def fail(query: AccountQuery) -> AccountPage:
        raise StoreUnavailable(f"busy: {query}")

    account.store.list_account_payments = fail
    for _ in range(20):
        problem(report(account), 503, "unavailable")
    account.store.list_account_payments = listed
    assert len(lines(report(account))) == 3


def test_a_report_that_fails_on_its_way_is_no_complete_answer(
    account: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def rows(*_: Any, **__: Any) -> Any:
        yield next(whole)
        raise StoreUnavailable("busy")

    whole = account.services.reports.rows(AccountQuery(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(account.services.reports), "rows", rows)
        with pytest.raises(ConnectionAbortedError):
            report(account).get_data()
    assert caplog.messages == ["a report of payments ends before its end: busy"]
    assert len(lines(report(account))) == 3


def test_a_head_is_answered_without_reading(account: Bench) -> None:
    account.store.calls.clear()
    answer = account.client.head(PATH)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert "list_account_payments" not in account.store.calls


def test_reports_take_a_quarter_of_the_threads_and_others_wait() -> None:
    assert [ReportSlots(threads).places for threads in (1, 4, 16)] == [1, 1, 4]
    bench = Bench(Settings(threads=4))
    unread = bench.client.get(PATH, buffered=False)
    refused = report(bench)
    problem(refused, 429, "too-many-requests")
    assert refused.headers["Retry-After"] == str(RETRY_AFTER)
    unread.close()
    assert report(bench).status_code == 200


def test_a_place_that_is_given_back_twice_is_free_once() -> None:
    slots = ReportSlots(1)
    first = slots.take()
    first.give_back()
    first.give_back()
    slots.take()
    with pytest.raises(TooManyReports):
        slots.take()


def summed(bench: Bench, **query: Any) -> Any:
    answer = bench.client.get("/v1/api/reports/summary", query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def test_a_summary_has_the_sums_of_the_rows(account: Bench) -> None:
    body = summed(account)
    total = {"currency": "USD", "payments": 3, "amount": 6.00, "fees": []}
    nothing = dict.fromkeys(("day", "payment_method", "status", "created_by"))
    assert body == {
        "by": ["currency"],
        "payments": 3,
        "groups": [{**nothing, **total}],
        "totals": [total],
    }
    assert sum(float(row["amount"]) for row in lines(report(account))) == total["amount"]


def test_a_summary_groups_by_what_it_is_asked_and_has_the_filters(account: Bench) -> None:
    body = summed(account, by="status,created_by,day", min_amount="2")
    assert body["by"] == ["status", "created_by", "day"]
    (group,) = body["groups"]
    assert group == {
        "day": "2026-03-01",
        "currency": "USD",
        "payment_method": None,
        "status": "pending",
        "created_by": "test",
        "payments": 2,
        "amount": 5,
        "fees": [],
    }


def test_a_summary_of_too_many_groups_says_so(
    account: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "GROUPS_MAX", 0)
    answer = account.client.get("/v1/api/reports/summary?by=day")
    (error,) = problem(answer, 400, "invalid-request")["errors"]
    assert error["parameter"] == "by"
    assert error["message"].startswith("More than 0 groups")


def test_a_summary_takes_a_place_while_it_is_made() -> None:
    bench = Bench(Settings(threads=4))
    unread = bench.client.get(PATH, buffered=False)
    problem(bench.client.get("/v1/api/reports/summary"), 429, "too-many-requests")
    unread.close()
    for _ in range(3):
        assert summed(bench)["payments"] == 0
