"""Amounts as people write them: read where they are clear, refused where they are not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from paymentapp.payment_files.amounts import UnclearAmount, read_amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12", "12"),
        ("12.50", "12.50"),
        ("12,5", "12.5"),
        ("0.125", "0.125"),
        ("0,125", "0.125"),
        ("1234.567", "1234.567"),
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1.234.567,8", "1234567.8"),
        ("1 234,56", "1234.56"),
        ("1\u00a0234\u00a0567", "1234567"),
        ("1\u202f234,5", "1234.5"),
        ("1'234.56", "1234.56"),
        ("1\u2019234", "1234"),
        ("0012.50", "12.50"),
    ],
)
def test_an_amount_is_read_whichever_separators_it_has(text: str, amount: str) -> None:
    assert read_amount(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["1,234", "1.234", "12,345", "123.456"])
def test_what_can_be_two_amounts_is_refused_with_both(text: str) -> None:
    digits, dotted = text.replace(",", "").replace(".", ""), text.replace(",", ".")
    with pytest.raises(UnclearAmount, match=f"{digits}.00 for the first, {dotted}0 for the second"):
        read_amount(text)
    assert read_amount(f"{digits}.00") == Decimal(digits)
    assert read_amount(f"{dotted}0") == Decimal(dotted)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$12.50", "is not a number"),
        ("12.50 USD", "is not a number"),
        ("-5", "is negative"),
        ("(5.00)", "is negative"),
        ("1.2E+05", "scientific notation"),
        ("12.", "is not a number"),
        (".5", "is not a number"),
        ("", "is not a number"),
        ("1,23,456", "not of three"),
        ("1,2345.6", "not of three"),
        ("1.234,567.8", "no known order"),
        ("1,234.567.8", "no known order"),
        ("1.234 567", "no known order"),
        ("\u0661\u0662", "is not a number"),
        ("1" * 41, "more than 40 characters"),
    ],
)
def test_what_is_no_clear_amount_is_refused_and_says_what_would_do(text: str, message: str) -> None:
    with pytest.raises(UnclearAmount, match=message):
        read_amount(text)
