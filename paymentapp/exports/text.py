"""CSV (RFC 4180) and JSON Lines, written piece by piece."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime

import simplejson

from paymentapp.clock import to_text
from paymentapp.models.caller_texts import Metadata
from paymentapp.models.reports import COLUMNS, PaymentRow, Value

PIECE = 64 * 1024  # characters that are collected before they are passed on
# A cell that begins with one of these is a formula to a spreadsheet (OWASP, "CSV Injection"); the
# wide forms are read as the narrow ones in some languages.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
_encoder = simplejson.JSONEncoder(use_decimal=True, separators=(",", ":"), ensure_ascii=False)


def to_csv(rows: Iterable[PaymentRow]) -> Iterator[bytes]:
    """Yield the rows of a report as CSV; see `table_csv`."""
    return table_csv(COLUMNS, rows)


def table_csv(columns: Iterable[str], rows: Iterable[Iterable[Value]]) -> Iterator[bytes]:
    """Yield rows as CSV in UTF-8, after a line of column names; lines end with CR LF.

    A text that a spreadsheet would take for a formula gets an apostrophe before it. Times are ISO
    8601 in UTC, amounts have a point and no separators, metadata is a JSON object, and what is
    missing is empty.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(map(_cell, row))
        if buffer.tell() >= PIECE:
            yield _emptied(buffer)
    yield _emptied(buffer)


def to_json_lines(rows: Iterable[PaymentRow]) -> Iterator[bytes]:
    """Yield the rows as JSON objects, one a line, in UTF-8: amounts are exact numbers.

    What is missing is null.
    """
    buffer = io.StringIO()
    for row in rows:
        values = map(_plain, row)
        buffer.write(_encoder.encode(dict(zip(COLUMNS, values, strict=True))) + "\n")
        if buffer.tell() >= PIECE:
            yield _emptied(buffer)
    yield _emptied(buffer)


def as_json(pairs: Metadata) -> str:
    """Return pairs as the text of a JSON object, for cells that can hold only a text."""
    return _encoder.encode(dict(pairs))


def _emptied(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _cell(value: Value) -> object:
    if value is None:  # as most values are
        return None
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return as_json(value) if isinstance(value, tuple) else _plain(value)


def _plain(value: Value) -> object:
    """Return a value with its times as text, and its pairs as an object."""
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, tuple):
        return dict(value)
    return value.isoformat() if isinstance(value, date) else value
