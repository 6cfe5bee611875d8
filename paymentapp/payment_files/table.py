"""Tables in CSV as people have them: a header line of names, then a row a line."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from paymentapp.payment_files.text import UnreadableFile, read_lines

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_EXCEL_HINT = "sep="  # a first line by which spreadsheets name the delimiter
_ENDS_QUOTE = "A quoted value is not closed properly: write a quote within it twice."


class Columns(NamedTuple):
    """The names of the columns that a table may have, and of those that it must have.

    A name that begins with one of `prefixes` is accepted too.
    """

    known: Sequence[str]
    required: Collection[str]
    prefixes: tuple[str, ...] = ()


class TableRow(NamedTuple):
    """A row: the line that it begins in, counted from 1, and its values that are not empty.

    `problem` says why the row cannot be read; it has no values then.
    """

    line: int
    values: dict[str, str]
    problem: str = ""


class _Header(NamedTuple):
    names: Sequence[str]
    delimiter: str


def read_table(pieces: Iterable[bytes], columns: Columns) -> Iterator[TableRow]:
    """Yield the rows of a table, without those that are empty.

    The delimiter is the one that makes the header line one of known names. Values are texts without
    white space at their ends; leading zeros stay. Holds one row. Raises UnreadableFile where the
    header is not as it should be, or where nothing more can be read.
    """
    lines = _Counted(read_lines(pieces))
    header = _read_header(lines, columns)
    for line, cells in _records(lines, header.delimiter):
        if any(cells):
            yield _row(line, cells, header)


class _Counted:
    """Lines, and how many were taken."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.count += 1
        return line


def _records(lines: _Counted, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a table, each with the line that it begins in."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.count + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UnreadableFile(line, _ENDS_QUOTE) from error
        yield line, [cell.strip() for cell in cells]


def _read_header(lines: _Counted, columns: Columns) -> _Header:
    """Read the first line that is not empty. Raises UnreadableFile."""
    for text in lines:
        plain = text.strip()
        if not plain.strip("".join(DELIMITERS)) or plain.lower().startswith(_EXCEL_HINT):
            continue
        header = max(
            (_Header(_names(text, delimiter), delimiter) for delimiter in DELIMITERS),
            key=lambda each: sum(_is_known(name, columns) for name in each.names),
        )
        _check(header.names, columns, lines.count)
        return header
    raise UnreadableFile(1, f"The file is empty: its first line names {_listed(columns)}.")


def _names(text: str, delimiter: str) -> list[str]:
    """Return the names in a header line in their one form: `Customer ID` is `customer_id`."""
    try:
        cells = next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    return [_name(cell) for cell in cells]


def _name(cell: str) -> str:
    """Return a column's name; what follows a dot is the caller's own, and stays as it is."""
    first, dot, rest = cell.strip().partition(".")
    return "_".join(first.lower().replace("-", " ").split()) + dot + rest


def _is_known(name: str, columns: Columns) -> bool:
    return name in columns.known or (name.startswith(columns.prefixes) and bool(columns.prefixes))


def _check(names: Sequence[str], columns: Columns, line: int) -> None:
    """Raise UnreadableFile for columns that are missing, unknown or there twice."""
    for name in names:
        if name and not _is_known(name, columns):
            raise UnreadableFile(
                line, f"There is no such column; there are {_listed(columns)}.", name[:40]
            )
        if name and names.count(name) > 1:
            raise UnreadableFile(line, "The column is there twice: remove one.", name)
    for name in columns.known:
        if name in columns.required and name not in names:
            marks = ", ".join(DELIMITERS.values())
            raise UnreadableFile(
                line, f"The column is missing: the first line names it, between {marks}.", name
            )


def _listed(columns: Columns) -> str:
    return ", ".join([*columns.known, *(f"{prefix}NAME" for prefix in columns.prefixes)])


def _row(line: int, cells: Sequence[str], header: _Header) -> TableRow:
    """Return a row, or why it cannot be read: values where there is no column."""
    beyond = [*cells[len(header.names) :]]
    nameless = [cell for name, cell in zip(header.names, cells, strict=False) if not name]
    if any(beyond) or any(nameless):
        return TableRow(
            line,
            {},
            "The line has a value where there is no column: put quotes around a value that has "
            f"{DELIMITERS[header.delimiter]} in it.",
        )
    pairs = zip(header.names, cells, strict=False)
    return TableRow(line, {name: cell for name, cell in pairs if name and cell})
