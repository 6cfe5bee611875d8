"""Rows of bulk runs, as files and lists have them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.api.json import BadJSON
from paymentapp.api.json_stream import MEMBER_MAX, list_members
from paymentapp.models.bulk import BulkRow, RowProblem
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.schemas.bulk_rows import row_of_member, rows_of_table
from tests.support.records import usd

HEADER = "customer_id;email;amount;currency"
ADA = {"customer_id": "ada", "email": "ada@example.com", "amount": 12.5, "currency": "USD"}


def of_table(text: str) -> list[BulkRow]:
    return list(rows_of_table([text.encode()]))


def test_a_row_is_a_request_for_a_payment() -> None:
    rows = of_table(
        f"{HEADER};reference;description;metadata.Cost centre;metadata.team;allow_duplicate\n"
        "0042;ada@example.com;1.234,50;usd;pay-1;caf\u00e9;;red;Yes\n"
        "bob;bob@example.com;3;EUR\n"
    )
    texts = CallerTexts("pay-1", "caf\u00e9", (("team", "red"),))
    assert tuple(rows[0]) == (
        *(2, "0042", "ada@example.com", usd("1234.50"), None, None, True, texts),
        (),
    )
    assert rows[1].money is not None
    assert (rows[1].money.amount, rows[1].texts) == (Decimal(3), CallerTexts())


@pytest.mark.parametrize(
    ("cells", "column", "message"),
    [
        (";a@example.com;1;USD", "customer_id", "fill in this column"),
        ("ada;ada;1;USD", "email", "Not an e-mail address"),
        ("ada;a@example.com;1,234;USD", "amount", "can be read as 1234 or as 1.234"),
        ("ada;a@example.com;0;USD", "amount", "greater than 0"),
        ("ada;a@example.com;$5;USD", "amount", "The value is not a number: write it as 1234.56"),
        ("ada;a@example.com;1;dollars", "currency", "ISO 4217"),
        ("1.2E+05;a@example.com;1;USD", "customer_id", "format the column as text"),
        ("ada;a@example.com;1;USD;maybe", "allow_duplicate", "true or false"),
        ("ada;a@example.com;1;USD;;x", "", "a value where there is no column"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_by_column(cells: str, column: str, message: str) -> None:
    fine = "bob;bob@example.com;3;EUR"
    first, second = of_table(f"{HEADER};allow_duplicate\n{cells}\n{fine}\n")
    (problem,) = first.problems
    assert (first.line, first.money, problem.column) == (2, None, column)
    assert message in problem.message
    assert not second.problems


def test_every_problem_of_a_row_is_said_once() -> None:
    (row,) = of_table(f"{HEADER}\n;x;1,234;\n")
    assert sorted(problem.column for problem in row.problems) == [
        *("amount", "currency", "customer_id", "email")
    ]


def test_a_member_of_a_list_is_a_row_too() -> None:
    row = row_of_member(7, ADA | {"amount": Decimal("12.5")})
    assert (row.line, row.money, row.problems) == (7, usd("12.5"), ())
    wrong = row_of_member(8, {"customer_id": "ada", "amuont": 1})
    assert (wrong.customer_id, wrong.money) == ("ada", None)
    assert {problem.column for problem in wrong.problems} >= {"amuont", "amount", "email"}
    assert row_of_member(9, "ada").problems == (RowProblem("", "Must be an object."),)


# Long lists in JSON


def pieces(text: str | bytes, size: int) -> Iterator[bytes]:
    data = text.encode() if isinstance(text, str) else text
    return (data[i : i + size] for i in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_members_are_read_whichever_pieces_a_body_comes_in(size: int) -> None:
    members = [ADA | {"email": f"\u00e9{n}\U0001f600@example.com"} for n in range(30)]
    text = json.dumps({"payments": members}, indent=1, ensure_ascii=size == 7)
    found = list(list_members(pieces(f" {text} \n", size), "payments"))
    assert found == [each | {"amount": Decimal("12.5")} for each in members]
    assert list(list_members(pieces('{"payments":[]}', size), "payments")) == []


@pytest.mark.parametrize(
    "body",
    [
        *("", "[]", "{}", '{"payments": {}}', '{"payments": [', '{"payments": [{}'),
        *('{"payments": [{}]', '{"payments": [{},]}', '{"payments": [{} {}]}'),
        *('{"payments": []} x', '{"payments": [], "mode": "each"}', '{"other": []}'),
        *('{"payments": [{"a": 1, "a": 2}]}', '{"payments": [{"a": NaN}]}'),
        '{"payments": [{"a": "\\ud83d"}]}',
        b'{"payments": [{"a": "\xff"}]}',
        b'{"payments": []}\xc3',
        '{"payments": [{"a": "' + "x" * (3 * MEMBER_MAX) + '"}]}',
    ],
)
def test_a_body_that_is_no_such_list_is_refused(body: str | bytes) -> None:
    with pytest.raises(BadJSON):
        list(list_members(pieces(body, 1 << 15), "payments"))


def test_a_long_list_is_read_a_piece_at_a_time() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b'{"payments": ['
        while True:
            taken += 1
            yield b'{"a": 1}, ' * 100

    found: Iterator[Any] = list_members(endless(), "payments")
    assert [next(found) for _ in range(250)][-1] == {"a": 1}
    assert taken <= 4
