"""The formats of reports by name, each with what writes it to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import BinaryIO

from paymentapp.exports.text import to_csv, to_json_lines
from paymentapp.models.reports import PaymentRow

Write = Callable[[BinaryIO, Iterable[PaymentRow]], None]


class ReportFormat(StrEnum):
    """The formats; each name is the ending of its files."""

    CSV = "csv"
    JSON_LINES = "jsonl"


def open_format(wanted: ReportFormat) -> Write:
    """Return what writes rows to a binary file, in memory that does not grow with them."""
    text = to_csv if wanted is ReportFormat.CSV else to_json_lines

    def write(file: BinaryIO, rows: Iterable[PaymentRow]) -> None:
        file.writelines(text(rows))

    return write
