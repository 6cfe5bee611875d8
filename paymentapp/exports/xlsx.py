"""Excel workbooks, by XlsxWriter: rows go to a temporary file one by one, never into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import Any, BinaryIO

import xlsxwriter

from paymentapp.exports.text import as_json
from paymentapp.models.reports import COLUMNS, KINDS, ColumnKind, PaymentRow, Value

SHEET_ROWS = 1_000_000  # below the names; a sheet of Excel's has 1,048,576 rows in all
EXACT_DIGITS = 15  # of a double, which is what a number is in a workbook
_OPTIONS = {
    "constant_memory": True,
    "remove_timezone": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_WIDTHS = {
    ColumnKind.TEXT: 18,
    ColumnKind.AMOUNT: 16,
    ColumnKind.DAY: 12,
    ColumnKind.MOMENT: 20,
    ColumnKind.PAIRS: 30,
}
_DAY, _MOMENT = "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"


def write_xlsx(file: BinaryIO, rows: Iterable[PaymentRow]) -> None:
    """Write rows to a workbook, with as many sheets as they take.

    Every text is a text to the workbook, so none is a formula. Times are UTC, to the second. An
    amount of more than 15 digits is a text, since a number there would not be exact.
    """
    with xlsxwriter.Workbook(file, _OPTIONS) as workbook:
        writer = _SheetWriter(workbook)
        for number, sheet_rows in enumerate(_sheets(rows, SHEET_ROWS), start=1):
            writer.write(f"payments {number}" if number > 1 else "payments", sheet_rows)


def _sheets(rows: Iterable[PaymentRow], size: int) -> Iterator[Iterator[PaymentRow]]:
    """Yield the rows of each sheet; the first has none where there are none at all."""
    left = iter(rows)
    yield islice(left, size)
    for first in left:
        yield chain([first], islice(left, size - 1))


class _SheetWriter:
    """Writes sheets of a workbook, which all have the same formats."""

    def __init__(self, workbook: Any) -> None:
        self._workbook = workbook
        self._bold = workbook.add_format({"bold": True})
        self._day = workbook.add_format({"num_format": _DAY})
        self._moment = workbook.add_format({"num_format": _MOMENT})
        self._amounts: dict[int, Any] = {}  # by the number of decimals

    def write(self, name: str, rows: Iterable[PaymentRow]) -> None:
        """Add a sheet with a line of names, which stays in sight, and the rows."""
        sheet = self._workbook.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for column, kind in enumerate(KINDS):
            sheet.set_column(column, column, _WIDTHS[kind])
            sheet.write_string(0, column, COLUMNS[column], self._bold)
        for line, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                if value is not None:
                    self._write_cell(sheet, line, column, value)

    def _write_cell(self, sheet: Any, line: int, column: int, value: Value) -> None:
        if isinstance(value, datetime):
            sheet.write_datetime(line, column, value.replace(microsecond=0), self._moment)
        elif isinstance(value, date):
            sheet.write_datetime(line, column, value, self._day)
        elif isinstance(value, Decimal) and len(value.as_tuple().digits) <= EXACT_DIGITS:
            sheet.write_number(line, column, value, self._amount_format(value))
        else:
            text = as_json(value) if isinstance(value, tuple) else str(value)
            sheet.write_string(line, column, text)

    def _amount_format(self, amount: Decimal) -> Any:
        decimals = max(0, -int(amount.as_tuple().exponent))
        if decimals not in self._amounts:
            digits = f".{'0' * decimals}" if decimals else ""
            self._amounts[decimals] = self._workbook.add_format({"num_format": f"#,##0{digits}"})
        return self._amounts[decimals]
