"""Corrections of an account that the bank makes one after another."""

from __future__ import annotations

from typing import Any

from paymentapp.banking.changes import corrected_data
from paymentapp.nacha import ChangeAddenda
from tests.support.ach_backend import ROUTING
from tests.unit.ach.conftest import Company
from tests.unit.ach.test_mailbox import bodies, sent_back


def corrected(company: Company, number: int, code: str, **parts: str) -> dict[str, Any]:
    """Have the bank correct the account of the first entry, and read its file."""
    data = corrected_data(code, **parts)
    addenda = ChangeAddenda(
        code, "091000010000001", ROUTING[:8], f"02100002{number:07d}", corrected_data=data
    )
    company.bank.send(
        f"change-{number}.ach", sent_back(company, addenda, amount="0", sec_code="COR")
    )
    return bodies(company)[-1]


def test_a_second_correction_replaces_all_details_that_came_before(company: Company) -> None:
    company.paid(company.member("1111222233"))
    first = corrected(company, 1, "C01", account_number="4444555566")
    second = corrected(company, 2, "C05", transaction_code="32")
    assert second["replaces"] == [*first["replaces"], first["destination"]]


def test_a_correction_that_is_read_again_after_a_crash_says_the_same(company: Company) -> None:
    """A crash came after the account was on record as corrected, and before the event was."""
    company.paid(company.member("1111222233"))
    corrected(company, 1, "C01", account_number="4444555566")
    second = corrected(company, 2, "C05", transaction_code="32")
    assert bodies(company)[-1] == second
