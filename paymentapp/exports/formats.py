"""The formats of reports by name, each with what writes it to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from importlib.util import find_spec
from typing import BinaryIO

from paymentapp.errors import SettingsError
from paymentapp.exports.text import to_csv, to_json_lines
from paymentapp.models.reports import PaymentRow

Write = Callable[[BinaryIO, Iterable[PaymentRow]], None]


class ReportFormat(StrEnum):
    """The formats; each name is the ending of its files."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    XLSX = "xlsx"
    PARQUET = "parquet"

    @property
    def is_text(self) -> bool:
        """Return whether it can be written to a terminal or a pipe."""
        return self in {ReportFormat.CSV, ReportFormat.JSON_LINES}


_LIBRARIES = {ReportFormat.XLSX: "xlsxwriter", ReportFormat.PARQUET: "pyarrow"}  # of the extras


def is_installed(wanted: ReportFormat) -> bool:
    """Return whether the library of a format is installed."""
    library = _LIBRARIES.get(wanted)
    return library is None or find_spec(library) is not None


def open_format(wanted: ReportFormat) -> Write:
    """Return what writes rows to a binary file, in memory that does not grow with them.

    Raises SettingsError where its library is not installed.
    """
    if not is_installed(wanted):
        raise SettingsError(f"{wanted} files need a library: pip install paymentapp[{wanted}]")
    if wanted is ReportFormat.XLSX:
        from paymentapp.exports.xlsx import write_xlsx

        return write_xlsx
    if wanted is ReportFormat.PARQUET:
        from paymentapp.exports.parquet import write_parquet

        return write_parquet
    text = to_csv if wanted is ReportFormat.CSV else to_json_lines
    return lambda file, rows: file.writelines(text(rows))
