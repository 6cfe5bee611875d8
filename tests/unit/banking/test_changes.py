"""Notifications of change: the positions of each code's corrections, and which are not applied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paymentapp.banking import (
    CHANGE_CODES,
    AccountType,
    BankAccount,
    BankDetailError,
    corrected_data,
    read_correction,
)

ACCOUNT = BankAccount("231380104", "11112222", AccountType.CHECKING, "Ada Example")
PARTS = ("routing", "account_number", "transaction_code", "name", "individual_id")


@pytest.mark.parametrize(
    ("code", "data", "expected"),
    [
        ("C01", "12345678901234567            ", {"account_number": "12345678901234567"}),
        ("C01", "1918171614", {"account_number": "1918171614"}),
        ("C02", "121042882                    ", {"routing": "121042882"}),
        (
            "C03",
            "121042882   12345678901234567",
            {"routing": "121042882", "account_number": "12345678901234567"},
        ),
        ("C04", "Ada Lovelace Example X       ", {"name": "Ada Lovelace Example X"}),
        ("C05", "32                           ", {"transaction_code": "32"}),
        (
            "C06",
            "12345678901234567   32       ",
            {"account_number": "12345678901234567", "transaction_code": "32"},
        ),
        ("C06", "123-45              22", {"account_number": "123-45", "transaction_code": "22"}),
        (
            "C07",
            "1210428821234567890123456732 ",
            {
                "routing": "121042882",
                "account_number": "12345678901234567",
                "transaction_code": "32",
            },
        ),
        (
            "C07",
            "121042882987              22 ",
            {"routing": "121042882", "account_number": "987", "transaction_code": "22"},
        ),
        ("C09", "1234567890123456789012       ", {"individual_id": "1234567890123456789012"}),
    ],
)
def test_what_a_code_corrects(code: str, data: str, expected: dict[str, str]) -> None:
    correction = read_correction(code, data)
    assert correction.problem == ""
    assert {name: getattr(correction, name) for name in PARTS} == {
        name: expected.get(name) for name in PARTS
    }


@pytest.mark.parametrize(
    ("code", "data", "problem"),
    [
        ("C01", "", "account_number: missing"),
        ("C01", "00000000000000000", "account_number: all zeros"),
        ("C01", "12*45", "account_number: letters"),
        ("C02", "121042883", "routing_number: its check digit"),
        ("C02", "000000000", "routing_number: all zeros"),
        ("C02", "", "routing_number: nine digits"),
        ("C03", "121042882", "account_number: missing"),
        ("C03", "121042883   1234", "routing_number: its check digit"),
        ("C04", "", "account_holder: missing"),
        ("C05", "", "transaction_code"),
        ("C05", "52", "transaction_code"),
        ("C05", "25", "transaction_code"),
        ("C05", "2", "transaction_code"),
        ("C06", "1234                52", "transaction_code"),
        ("C07", "1210428821234", "transaction_code"),
        ("C01", "1234 5678", "account_number: letters"),
        # Too long, or slipped: never half a number.
        ("C01", "123456789012345678", "not in their places"),
        ("C01", "12345                       9", "not in their places"),
        ("C02", "1210428821", "not in their places"),
        ("C03", "12104288212345678901234567", "not in their places"),
        ("C03", "121042882  123456789012345678", "not in their places"),
        ("C04", "Ada Lovelace Example Xx", "not in their places"),
        ("C05", "222", "not in their places"),
        ("C06", "1234567890123456732", "not in their places"),
        ("C06", "12345678901234567  32", "not in their places"),
        ("C06", "1234   22", "account_number: letters"),
        ("C07", "1210428821234567890123456732 1", "not in their places"),
        ("C07", "121042882 1234567890123456732", "not in their places"),
        ("C09", "", "individual_id: missing"),
        ("C08", "whatever", "nothing of the account"),
        ("C13", "whatever", "nothing of the account"),
        ("C14", "IAT", "nothing of the account"),
        ("C61", "1234", "a refused notification"),
        ("C69", "1234", "a refused notification"),
        ("C92", "1234", "no such change code"),
        ("", "1234", "no such change code"),
    ],
)
def test_what_is_not_to_be_applied(code: str, data: str, problem: str) -> None:
    correction = read_correction(code, data)
    assert correction.code == code
    assert problem in correction.problem
    assert [getattr(correction, name) for name in PARTS] == [None] * 5
    assert correction.account_type is None
    assert correction.corrected(ACCOUNT) is ACCOUNT


def test_the_table_has_every_published_code() -> None:
    numbers = (*range(1, 15), *range(61, 70))
    assert list(CHANGE_CODES) == [f"C{number:02d}" for number in numbers]
    assert all(row.title for row in CHANGE_CODES.values())
    assert {code for code, row in CHANGE_CODES.items() if row.refused} == {
        f"C{number}" for number in range(61, 70)
    }


@pytest.mark.parametrize(
    ("code", "parts", "expected"),
    [
        ("C01", {"account_number": "99"}, {"number": "99"}),
        ("C02", {"routing": "121042882"}, {"routing": "121042882"}),
        ("C05", {"transaction_code": "32"}, {"account_type": AccountType.SAVINGS}),
        ("C04", {"name": "Ada Married"}, {"holder": "Ada Married"}),
        (
            "C07",
            {"routing": "121042882", "account_number": "99", "transaction_code": "33"},
            {"routing": "121042882", "number": "99", "account_type": AccountType.SAVINGS},
        ),
        ("C09", {"individual_id": "X"}, {}),
    ],
)
def test_an_account_is_corrected(
    code: str, parts: dict[str, str], expected: dict[str, Any]
) -> None:
    correction = read_correction(code, corrected_data(code, **parts))
    assert correction.corrected(ACCOUNT) == replace(ACCOUNT, **expected)


def test_what_a_bank_writes_is_what_is_read() -> None:
    values = {
        "routing": "121042882",
        "account_number": "12345678901234567",
        "transaction_code": "32",
        "name": "A" * 22,
        "individual_id": "B" * 22,
    }
    for code, row in CHANGE_CODES.items():
        parts = {name: values[name] for name in row.parts}
        text = corrected_data(code, **parts)
        assert len(text) <= 29
        correction = read_correction(code, text)
        assert {name: getattr(correction, name) for name in parts} == parts


def test_a_bank_cannot_write_what_the_code_does_not_correct() -> None:
    with pytest.raises(ValueError, match="C01 does not correct routing"):
        corrected_data("C01", routing="121042882")
    with pytest.raises(ValueError, match="too long"):
        corrected_data("C01", account_number="1" * 18)


def test_a_correction_shows_no_account_number_and_no_name() -> None:
    shown = repr(read_correction("C07", "121042882987654321        22 "))
    assert "987654321" not in shown
    assert "Lovelace" not in repr(read_correction("C04", "Ada Lovelace"))
    bad = read_correction("C01", "98765*4321")
    assert "98765" not in repr(bad) + bad.problem


def test_a_corrected_account_is_checked_again() -> None:
    correction = replace(read_correction("C01", "99"), account_number="*")
    with pytest.raises(BankDetailError):
        correction.corrected(ACCOUNT)
