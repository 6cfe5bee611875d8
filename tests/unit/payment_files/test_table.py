"""Tables in CSV as people have them."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import pytest

from paymentapp.payment_files.table import Columns, TableRow, read_table
from paymentapp.payment_files.text import LINE_MAX, UnreadableFile

COLUMNS = Columns(("customer_id", "amount", "note"), {"customer_id", "amount"}, ("metadata.",))
TEXT = "customer_id,amount,note\n0042,12.50,caf\u00e9\nbob,3,\n"
ROWS = [
    TableRow(2, {"customer_id": "0042", "amount": "12.50", "note": "caf\u00e9"}),
    TableRow(3, {"customer_id": "bob", "amount": "3"}),
]


def read(data: str | bytes, size: int = 1 << 16) -> list[TableRow]:
    whole = data.encode() if isinstance(data, str) else data
    return list(read_table((whole[i : i + size] for i in range(0, len(whole), size)), COLUMNS))


def test_a_row_has_its_values_as_they_are_and_the_line_that_it_begins_in() -> None:
    assert read(TEXT) == ROWS


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode("utf-16"),
        TEXT.removesuffix("\n").encode(),
        TEXT.replace("0042", '"0042"').encode(),
        TEXT.replace("customer_id,amount", "Customer ID, Amount ").encode(),
        TEXT.replace("0042,12.50", " 0042 ,\u00a012.50\u00a0").encode(),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1 << 16])
def test_it_is_read_in_whichever_form_a_spreadsheet_saves_it(data: bytes, size: int) -> None:
    assert read(data, size) == ROWS


def test_the_line_of_a_delimiter_and_empty_lines_are_skipped_and_counted() -> None:
    rows = read("sep=;\n\ncustomer_id;amount;;\n;;;\n\nada;1,50;;\n \n")
    assert rows == [TableRow(6, {"customer_id": "ada", "amount": "1,50"})]


def test_a_quoted_value_may_have_delimiters_quotes_and_lines_in_it() -> None:
    rows = read('customer_id,amount,note\na,1,"x, ""y""\nz"\nb,2,\n')
    assert [row.line for row in rows] == [2, 4]
    assert rows[0].values["note"] == 'x, "y"\nz'


def test_names_after_a_prefix_stay_as_they_are() -> None:
    rows = read("customer_id,amount,Metadata.CostCentre\na,1,7\n")
    assert rows[0].values["metadata.CostCentre"] == "7"


def test_a_value_without_a_column_is_the_problem_of_its_row_alone() -> None:
    rows = read("customer_id,amount\nada,1,50\nbob,2\n")
    assert (rows[0].line, rows[0].values) == (2, {})
    assert "put quotes around a value that has commas in it" in rows[0].problem
    assert rows[1] == TableRow(3, {"customer_id": "bob", "amount": "2"})


@pytest.mark.parametrize(
    ("data", "line", "column", "message"),
    [
        ("", 1, "", "The file is empty: its first line names customer_id"),
        ("\n;;\n", 1, "", "The file is empty"),
        ("customer_id\na\n", 1, "amount", "missing"),
        ("\ncustomer_id,amount,amuont\n", 2, "amuont", "no such column; there are customer_id"),
        ("customer_id,amount,amount\n", 1, "amount", "twice"),
        ("customer_id|amount\n", 1, "customer_id|amount", "no such column"),
        ('customer_id,amount\na,1\nb,"2\nc,3\n', 3, "", "not closed"),
        ('customer_id,amount\na,"1"2\n', 2, "", "not closed"),
        (b"customer_id,amount\na,1\ncaf\xe9,2\n", 3, "", "save the file as CSV UTF-8"),
        (b"customer_id,amount\na,1\ncaf\xc3", 3, "", "save the file as CSV UTF-8"),
        ("customer_id,amount\n" + "x" * (LINE_MAX + 1), 2, "", "more than"),
    ],
)
def test_what_cannot_be_read_is_named_by_line_and_column(
    data: str | bytes, line: int, column: str, message: str
) -> None:
    with pytest.raises(UnreadableFile, match=message) as refused:
        read(data)
    assert (refused.value.line, refused.value.column) == (line, column)


def test_a_long_table_is_read_a_piece_at_a_time() -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        yield b"customer_id,amount\n"
        while True:
            taken += 1
            yield b"ada,1\n" * 100

    rows = read_table(pieces(), COLUMNS)
    assert [next(rows).line for _ in range(250)][-1] == 251
    assert taken == 3
