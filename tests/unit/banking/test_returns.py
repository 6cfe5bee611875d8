"""The table of return reason codes."""

from __future__ import annotations

import pytest

from paymentapp.banking import RETURN_REASONS, ReturnKind, return_reason

NUMBERS = (*range(1, 48), *range(50, 54), 61, 62, *range(67, 78), *range(80, 86), 90)


def test_the_table_has_every_published_code_once() -> None:
    assert list(RETURN_REASONS) == [f"R{number:02d}" for number in NUMBERS]


def test_every_reason_has_a_title_and_a_sentence() -> None:
    for code, reason in RETURN_REASONS.items():
        assert reason.code == code
        assert reason.known
        assert reason.title
        assert reason.words.endswith("."), code
        assert len(reason.words) < 100, code
        assert 0 < len(reason.short) <= 36, code


def test_titles_of_the_codes_that_credits_come_back_with() -> None:
    assert return_reason("R02").title == "Account Closed"
    assert return_reason("R03").title == "No Account/Unable to Locate Account"
    assert return_reason("R04").title == "Invalid Account Number Structure"
    assert return_reason("R20").title == "Non-Transaction Account"
    assert return_reason("R23").title == "Credit Entry Refused by Receiver"


def test_which_accounts_are_not_to_be_used_again() -> None:
    stop = {code for code, reason in RETURN_REASONS.items() if reason.stop_using}
    numbers = (2, 3, 4, 12, 13, 14, 15, 16, 17, 20, 23, 28, 34, 82, 85, 90)
    assert stop == {f"R{number:02d}" for number in numbers}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("R01", ReturnKind.RETURN),
        ("R53", ReturnKind.RETURN),
        ("R61", ReturnKind.DISHONORED),
        ("R70", ReturnKind.DISHONORED),
        ("R71", ReturnKind.CONTESTED),
        ("R77", ReturnKind.CONTESTED),
        ("R80", ReturnKind.RETURN),
        ("R85", ReturnKind.RETURN),
    ],
)
def test_who_speaks(code: str, kind: ReturnKind) -> None:
    assert return_reason(code).kind is kind


@pytest.mark.parametrize("code", ["R63", "R66"])
def test_an_unpublished_code_of_a_dispute_is_no_return(code: str) -> None:
    assert return_reason(code).kind is ReturnKind.DISHONORED
    assert not return_reason(code).known


@pytest.mark.parametrize("code", ["R48", "R97", "R99", "", "X01", "R1", "R7"])
def test_an_unknown_code_is_kept_as_it_came(code: str) -> None:
    reason = return_reason(code)
    assert reason.code == code
    assert not reason.known
    assert not reason.stop_using
    assert reason.kind is ReturnKind.UNKNOWN
