"""Payees of OpenACH: a US bank account, sealed, and never shown whole."""

from __future__ import annotations

import pytest

from paymentapp.errors import Misconfigured, NotPayable
from paymentapp.providers.openach.payees import OpenAchPayees
from paymentapp.vault.sealing import Vault, new_key
from tests.support.ach_backend import bank_account

KEY = new_key()
NUMBER = "000123456789"


def test_an_account_is_sealed_and_shown_by_its_last_digits() -> None:
    payees = OpenAchPayees(Vault(KEY))
    sealed = payees.destination("ada", bank_account(NUMBER, account_type="savings"))
    assert NUMBER not in sealed
    assert len(sealed) <= 140
    shown = payees.show("ada", sealed)
    assert (shown["account_number"], shown["account_type"]) == ("6789", "savings")
    assert payees.display("ada", sealed) == "****6789 at 021000021"
    assert payees.open("ada", sealed).number == NUMBER


@pytest.mark.parametrize(
    "wrong", [{"routing_number": "021000022"}, {"routing_number": "990000000"}]
)
def test_a_wrong_routing_number_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(NotPayable):
        OpenAchPayees(Vault(KEY)).destination("ada", bank_account(NUMBER, **wrong))


def test_what_another_has_sealed_does_not_open() -> None:
    payees = OpenAchPayees(Vault(KEY))
    sealed = payees.destination("ada", bank_account(NUMBER))
    with pytest.raises(Misconfigured):
        payees.show("bob", sealed)
    for other in ("X021000021123|Ann", "C021000021123"):
        with pytest.raises(Misconfigured):
            payees.show("ada", Vault(KEY).seal(other, "ada"))


def test_an_old_key_is_replaced() -> None:
    other = f"b{new_key()[1:]}"
    sealed = OpenAchPayees(Vault(KEY)).destination("ada", bank_account(NUMBER))
    payees = OpenAchPayees(Vault(f"{other},{KEY}"))
    renewed = payees.renew("ada", sealed)
    assert renewed is not None
    assert payees.reseal("ada", renewed) is None
    assert payees.show("ada", renewed) == payees.show("ada", sealed)


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(Misconfigured, match="NO_VAULT_KEY"):
        OpenAchPayees(Vault("")).check_open()
