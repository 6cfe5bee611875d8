"""Reports in the console: sums as a table, and files as the API makes them."""

from __future__ import annotations

import csv
import io
import json
import logging
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from paymentapp.api.report_slots import take_report_slot
from paymentapp.config import Settings
from paymentapp.console import reports
from paymentapp.errors import StoreUnavailable
from paymentapp.models.actors import REPORTS
from paymentapp.models.reports import COLUMNS
from tests.console.conftest import ConsoleBench, Person
from tests.support.failing_store import FailingStore


@pytest.fixture
def console() -> ConsoleBench:
    bench = ConsoleBench(Settings(threads=4), store=FailingStore())
    bench.add_customer()
    for number in range(1, 4):
        bench.pay(amount=number, reference=f"invoice {number}")
    bench.pay(amount=7, currency="EUR")
    return bench


def download(person: Person, ending: str, expected: int = 200, **query: str) -> TestResponse:
    """Read a whole file as a browser does, and close the connection."""
    answer = person.client.get(f"/console/reports/payments.{ending}", query_string=query)
    assert answer.status_code == expected, answer.get_data(as_text=True)
    answer.get_data()
    answer.close()
    return answer


def rows(answer: TestResponse) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))


def test_the_form_begins_with_this_month_and_reads_no_payment(
    console: ConsoleBench, person: Person
) -> None:
    console.store.calls.clear()
    page = person.see("/reports")
    assert 'value="2026-03-01"' in page
    assert "list_account_payments" not in console.store.calls
    assert all(f"<code>{name}</code>" in page for name in COLUMNS)


def test_the_sums_are_in_tables(person: Person) -> None:
    page = person.see("/reports?see=1&by=day&by=status&from=2026-03-01")
    assert "4 payments." in page
    assert "6.00 USD" in page
    assert "7.00 EUR" in page
    assert "By day, status and currency" in page
    assert "2026-03-01</td>" in page


def test_filters_narrow_the_sums(person: Person) -> None:
    page = person.see("/reports", see="1", currency="EUR", by="created_by")
    assert "1 payment." in page
    assert "6.00 USD" not in page
    assert ">test</td>" in page
    page = person.see("/reports", see="1", to="2026-02-28")
    assert "No payment passes these filters." in page


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("from", "yesterday", "ISO 8601"),
        ("currency", "dollars", "three capital letters"),
        ("min_amount", "1,5", "Must be an amount"),
        ("by", "weekday", "Must be one of"),
        ("status", "gone", "Must be one of"),
    ],
)
def test_a_wrong_filter_is_said_beside_its_field(
    person: Person, field: str, value: str, problem: str
) -> None:
    query = urlencode({"see": "1", field: value})
    assert problem in person.see(f"/reports?{query}", 422)
    if field != "by":
        assert problem in download(person, "csv", 422, **{field: value}).get_data(as_text=True)


def test_csv_is_what_the_api_answers(console: ConsoleBench, person: Person) -> None:
    answer = download(person, "csv", currency="USD")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="payments.csv"'
    api = console.client.get("/v1/api/reports/payments?currency=USD")
    assert answer.get_data() == api.get_data()
    assert answer.content_type == api.content_type
    assert [row["amount"] for row in rows(answer)] == ["3.00", "2.00", "1.00"]
    assert {row["payee"] for row in rows(answer)} == {"a***@example.com"}


def test_json_lines(person: Person) -> None:
    lines = download(person, "jsonl").get_data(as_text=True).splitlines()
    assert [json.loads(line)["amount"] for line in lines] == [7, 3, 2, 1]


def test_a_workbook_where_the_library_is_installed(person: Person) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    answer = download(person, "xlsx")
    assert answer.headers["Content-Disposition"] == "attachment; filename=payments.xlsx"
    assert answer.headers["Cache-Control"] == "no-store"
    book = openpyxl.load_workbook(io.BytesIO(answer.get_data()))
    found = [[cell.value for cell in row] for row in book.active.iter_rows()]
    assert tuple(found[0]) == COLUMNS
    assert [row[3] for row in found[1:]] == [7, 3, 2, 1]


def test_a_workbook_has_a_bound_and_the_page_says_how_to_get_more(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xlsxwriter")
    monkeypatch.setattr(reports, "XLSX_ROWS", 3)  # 50,001 payments take too long to make
    page = download(person, "xlsx", 422).get_data(as_text=True)
    assert "at most 3 payments" in page
    assert "paymentapp export" in page
    assert download(person, "xlsx", currency="USD").status_code == 200


def test_whole_addresses_take_a_box_and_a_right_and_are_logged(
    console: ConsoleBench, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "paymentapp.api.reports")
    assert {row["payee"] for row in rows(download(person, "csv", payees="full"))} == {
        "ada@example.com"
    }
    assert caplog.messages == ["a report of payments shows payees in full to test"]
    reader = console.somebody("rob", REPORTS)
    assert "customers:read" in reader.see("/reports")
    for ending in ("csv", "jsonl", "xlsx"):
        download(reader, ending, 403, payees="full")
        download(reader, ending)


def test_who_may_not_read_reports_gets_403_and_no_link(console: ConsoleBench) -> None:
    other = console.somebody("ann", "payments:read")
    assert "reports:read" in other.see("/reports", 403)
    download(other, "csv", 403)
    assert 'href="/console/reports"' not in other.see("/")


@pytest.mark.parametrize("path", ["/reports?see=1", "/reports/payments.csv"])
def test_where_all_slots_are_taken_the_page_says_when_to_try_again(
    console: ConsoleBench, person: Person, path: str
) -> None:
    with console.app.app_context():
        slot = take_report_slot()
    answer = person.client.get(f"/console{path}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
    assert "Try again in 30 seconds" in answer.get_data(as_text=True)
    slot.give_back()
    assert person.client.get(f"/console{path}").status_code == 200


@pytest.mark.parametrize("ending", ["csv", "jsonl", "xlsx"])
def test_a_slot_is_given_back_after_a_download_and_after_a_failure(
    console: ConsoleBench, person: Person, ending: str
) -> None:
    for _ in range(3):
        download(person, ending)
    assert isinstance(console.store, FailingStore)
    console.store.planned["list_account_payments"] = StoreUnavailable("busy")
    download(person, ending, 503)
    download(person, ending)


def test_formulas_in_csv_and_scripts_on_the_page_are_texts(
    console: ConsoleBench, person: Person
) -> None:
    console.pay(amount=9, reference="=1+1")
    assert rows(download(person, "csv", min_amount="9"))[0]["reference"] == "'=1+1"
    page = person.client.get("/console/reports?see=1&reference=<script>alert(1)</script>")
    assert "<script>alert" not in page.get_data(as_text=True)
