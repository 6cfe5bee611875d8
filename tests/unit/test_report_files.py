"""Reports as Excel workbooks and Parquet files, read back by other libraries."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, BinaryIO, cast

import openpyxl
import pyarrow.parquet as pq
import pytest

from paymentapp.errors import SettingsError
from paymentapp.exports import formats, parquet, xlsx
from paymentapp.exports.formats import ReportFormat, open_format
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.money import Money
from paymentapp.models.reports import COLUMNS, PaymentRow, row_of
from tests.support.records import later, usd
from tests.unit.test_reports import paid, requested

FORMULA = CallerTexts("=1+1", "@SUM(A1)")


def written(wanted: ReportFormat, rows: Any) -> io.BytesIO:
    file = io.BytesIO()
    open_format(wanted)(file, rows)
    file.seek(0)
    return file


def cells(rows: list[PaymentRow]) -> list[dict[str, Any]]:
    """Return the cells of a workbook's rows, by the names of their columns."""
    workbook = openpyxl.load_workbook(written(ReportFormat.XLSX, rows))
    found = []
    for sheet in workbook.worksheets:
        names, *lines = sheet.iter_rows()
        assert tuple(cell.value for cell in names) == COLUMNS
        found += [dict(zip(COLUMNS, line, strict=True)) for line in lines]
    return found


def of_parquet(rows: Any) -> list[dict[str, Any]]:
    table = pq.read_table(written(ReportFormat.PARQUET, rows))
    assert tuple(table.column_names) == COLUMNS
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def test_a_workbook_has_numbers_days_and_times_that_it_can_sort() -> None:
    (row,) = cells([row_of(paid(requested(0), at=later(5)), "a***@example.com")])
    assert (row["amount"].value, row["amount"].number_format) == (12.5, "#,##0.00")
    assert row["created_at"].value == datetime(2026, 3, 1, 12)  # noqa: DTZ001  # as Excel has it
    assert row["created_at"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert row["payout_date"].number_format == "yyyy-mm-dd"
    assert row["payee"].value == "a***@example.com"
    assert row["returned_at"].value is None


def test_no_text_is_a_formula_in_a_workbook() -> None:
    (row,) = cells([row_of(requested(0, texts=FORMULA), None)])
    for name, text in (("reference", "=1+1"), ("description", "@SUM(A1)")):
        assert (row[name].value, row[name].data_type) == (text, "s")


@pytest.mark.parametrize(
    ("money", "value", "shown"),
    [
        (Money(Decimal(1200), "JPY"), 1200, "#,##0"),
        (Money(Decimal("1.5"), "KWD"), 1.5, "#,##0.000"),
        (usd("1234567890123.45"), 1234567890123.45, "#,##0.00"),
        (usd("12345678901234.56"), "12345678901234.56", "General"),
    ],
    ids=["yen", "dinar", "15 digits", "16 digits"],
)
def test_an_amount_is_exact_in_a_workbook(money: Money, value: object, shown: str) -> None:
    (row,) = cells([row_of(requested(0, money=money), None)])
    assert (row["amount"].value, row["amount"].number_format) == (value, shown)


@pytest.mark.parametrize(("count", "sheets"), [(0, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_more_rows_than_a_sheet_holds_go_on_in_the_next(
    monkeypatch: pytest.MonkeyPatch, count: int, sheets: int
) -> None:
    monkeypatch.setattr(xlsx, "SHEET_ROWS", 2)
    rows = [row_of(requested(second), None) for second in range(count)]
    file = written(ReportFormat.XLSX, rows)
    assert len(openpyxl.load_workbook(file).sheetnames) == sheets
    assert [row["payment_id"].value for row in cells(rows)] == [row.payment_id for row in rows]


def test_parquet_has_exact_decimals_days_and_times() -> None:
    money = usd("999999999999999.99")
    texts = paid(requested(0, money=money, texts=FORMULA), at=later(5), fee=usd("0.25"))
    (row,) = of_parquet([row_of(texts, None)])
    assert (row["amount"], row["fee_amount"]) == (Decimal("999999999999999.99"), Decimal("0.25"))
    assert row["created_at"] == datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
    assert str(row["payout_date"]) == "2026-03-01"
    assert (row["reference"], row["payee"]) == ("=1+1", None)


def test_metadata_is_a_map_in_parquet_and_a_text_in_a_workbook() -> None:
    pairs = (("cost_centre", "4711"), ("team", "north"))
    rows = [row_of(requested(0, texts=CallerTexts(metadata=pairs)), None)]
    rows += [row_of(requested(1), None)]
    first, second = of_parquet(rows)
    assert (first["metadata"], second["metadata"]) == (list(pairs), None)
    assert cells(rows)[0]["metadata"].value == '{"cost_centre":"4711","team":"north"}'


def test_an_empty_parquet_file_has_its_columns() -> None:
    assert of_parquet([]) == []


@pytest.mark.parametrize("wanted", ReportFormat)
def test_memory_does_not_grow_with_the_rows(
    wanted: ReportFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 500)
    write = open_format(wanted)
    _peak(write, 10)  # what is loaded once
    assert _peak(write, 8_000) < _peak(write, 1_000) + 2**20


class _Nowhere(io.RawIOBase):
    """A file that keeps nothing."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data)


def _peak(write: formats.Write, count: int) -> int:
    """Return the most memory that Python takes while it writes so many rows."""
    row = row_of(requested(0), "a***@example.com")

    def rows() -> Iterator[PaymentRow]:
        for number in range(count):
            yield row._replace(customer_id=f"customer-{number}")

    tracemalloc.start()
    try:
        write(cast(BinaryIO, _Nowhere()), rows())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_format_without_its_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"pip install paymentapp\[xlsx\]"):
        open_format(ReportFormat.XLSX)
    open_format(ReportFormat.CSV)
