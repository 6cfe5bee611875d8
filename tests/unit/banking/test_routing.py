"""Bank details: what is valid, what is refused, and that a refusal never repeats the value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from stdnum.us import rtn

from paymentapp.banking import (
    AccountType,
    BankAccount,
    BankDetailError,
    check_account_number,
    check_account_type,
    check_holder,
    check_routing,
    has_check_digit,
)

GOOD = BankAccount("231380104", "12345678901", AccountType.CHECKING, "Ada Example")


def with_prefix(prefix: str) -> str:
    """Return a routing number with that prefix and a valid check digit."""
    start = prefix + "104288"
    return start + rtn.calc_check_digit(start)


@pytest.mark.parametrize("prefix", ["01", "12", "21", "32", "61", "72"])
def test_the_edges_of_the_ranges_that_hold_accounts(prefix: str) -> None:
    assert check_routing(with_prefix(prefix)) == with_prefix(prefix)


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("00", "government"),
        ("13", "must begin with 01-12, 21-32 or 61-72"),
        ("20", "must begin with 01-12, 21-32 or 61-72"),
        ("33", "must begin with 01-12, 21-32 or 61-72"),
        ("60", "must begin with 01-12, 21-32 or 61-72"),
        ("73", "must begin with 01-12, 21-32 or 61-72"),
        ("79", "must begin with 01-12, 21-32 or 61-72"),
        ("80", "traveller"),
        ("81", "must begin with 01-12, 21-32 or 61-72"),
        ("99", "must begin with 01-12, 21-32 or 61-72"),
    ],
)
def test_beyond_the_edges_no_account_can_be_paid(prefix: str, words: str) -> None:
    with pytest.raises(BankDetailError, match=words):
        check_routing(with_prefix(prefix))


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("", "must have nine digits"),
        ("23138010", "must have nine digits"),
        ("2313801041", "must have nine digits"),
        ("23138010A", "must have nine digits"),
        ("231-380104", "must have nine digits"),
        (" 231380104", "must have nine digits"),
        ("231380104\n", "must have nine digits"),
        ("231380104".translate({0x32: 0xFF12}), "must have nine digits"),
        ("231380105", "must end in its check digit"),
        ("213380104", "must end in its check digit"),
        ("000000000", "must not be all zeros"),
    ],
)
def test_a_routing_number_that_is_none(number: str, rule: str) -> None:
    with pytest.raises(BankDetailError) as caught:
        check_routing(number)
    assert (caught.value.field, caught.value.rule) == ("routing_number", rule)


def test_the_check_digit_of_nine_digits_alone() -> None:
    assert has_check_digit("231380104")
    assert not has_check_digit("231380105")
    assert not has_check_digit("231 380104")
    assert not has_check_digit(" 231380104")


@pytest.mark.parametrize("number", ["1", "12345678901234567", "744-5678-99", "Ab12"])
def test_an_account_number(number: str) -> None:
    assert check_account_number(number) == number


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("", "must not be empty"),
        ("123456789012345678", "must have at most 17 characters"),
        ("0000", "must not be all zeros"),
        ("00-00", "must not be all zeros"),
        ("-", "must not be all zeros"),
        ("12 34", "must have letters, digits"),
        (" 1", "must have letters, digits"),
        ("1 ", "must have letters, digits"),
        ("12*34", "must have letters, digits"),
        ("12\n34", "must have letters, digits"),
        ("12345\n", "must have letters, digits"),
        ("123".translate({0x32: 0x662}), "must have letters, digits"),
    ],
)
def test_an_account_number_that_is_none(number: str, rule: str) -> None:
    with pytest.raises(BankDetailError) as caught:
        check_account_number(number)
    assert caught.value.field == "account_number"
    assert caught.value.rule.startswith(rule)


def test_an_account_type() -> None:
    assert check_account_type("savings") is AccountType.SAVINGS
    with pytest.raises(BankDetailError, match="account_type: must be checking or savings"):
        check_account_type("Current")


def test_a_holder_has_22_characters_at_most() -> None:
    assert check_holder("A" * 22) == "A" * 22
    with pytest.raises(BankDetailError, match="at most 22"):
        check_holder("A" * 23)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "must not be empty"),
        ("   ", "must not be empty"),
        ("0", "must not be all zeros"),
        ("0 00", "must not be all zeros"),
        ("José", "ASCII"),
        ("A\tB", "ASCII"),
        ("Ada\n", "ASCII"),
        (" Ada", "must not begin or end"),
        ("Ada ", "must not begin or end"),
    ],
)
def test_a_holder_that_is_none(name: str, rule: str) -> None:
    with pytest.raises(BankDetailError, match=rule):
        check_holder(name)


@pytest.mark.parametrize(
    "change",
    [
        {"routing": "231380105"},
        {"number": "98765*"},
        {"account_type": "current"},
        {"holder": "Zoë"},
    ],
)
def test_an_account_is_checked_when_it_is_made(change: dict[str, str]) -> None:
    with pytest.raises(BankDetailError):
        replace(GOOD, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (check_routing, "231380105"),
        (check_account_number, "98765432109876543210"),
        (check_account_number, "98765*"),
        (check_account_type, "98765"),
        (check_holder, "Zoë Secretname"),
    ],
)
def test_no_refusal_repeats_the_value(check: Callable[[str], object], value: str) -> None:
    with pytest.raises(BankDetailError) as caught:
        check(value)
    assert value not in str(caught.value)
    assert value not in repr(caught.value)


def test_an_account_shows_little_of_itself() -> None:
    assert "12345678901" not in repr(GOOD)
    assert "Ada" not in repr(GOOD)
    assert GOOD.last4 == "8901"
    assert replace(GOOD, number="123456789").last4 == "6789"
    assert replace(GOOD, number="12345678").last4 == ""
