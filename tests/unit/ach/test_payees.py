"""Bank accounts: checked, sealed in one short string, and shown masked."""

from __future__ import annotations

import re

import pytest

from paymentapp.errors import Misconfigured, NotPayable
from paymentapp.providers.ach.payees import AchPayees
from paymentapp.vault.sealing import Vault, new_key
from tests.support.ach_backend import ROUTING, bank_account
from tests.support.memory_store import MemoryStore


@pytest.fixture
def payees() -> AchPayees:
    return AchPayees(Vault(new_key()), MemoryStore())


def test_an_account_is_one_short_sealed_word(payees: AchPayees) -> None:
    details = bank_account("12345678901234567", holder="X" * 22, entry_class="CCD")
    destination = payees.destination("c1", details)
    assert len(destination) <= 120
    assert re.fullmatch("[!-~]+", destination)
    assert "12345678901234567" not in destination
    assert payees.show("c1", destination) == {
        "holder": "X" * 22,
        "routing_number": ROUTING,
        "account_number": "4567",
        "account_type": "checking",
        "entry_class": "CCD",
    }


def test_a_person_is_assumed(payees: AchPayees) -> None:
    shown = payees.show("c1", payees.destination("c1", bank_account("1234", holder="A|B")))
    assert (shown["entry_class"], shown["holder"]) == ("PPD", "A|B")
    assert shown["account_number"] == ""  # four digits would be all of it


@pytest.mark.parametrize("name", ["holder", "routing_number", "account_number", "account_type"])
def test_what_is_wrong_is_named_and_not_quoted(payees: AchPayees, name: str) -> None:
    wrong = {
        "holder": "A" * 23,
        "routing_number": "021000022",
        "account_number": "000000000",
        "account_type": "loan",
    }
    with pytest.raises(NotPayable) as raised:
        payees.destination("c1", bank_account("1234567890") | {name: wrong[name]})
    assert raised.value.field == name
    assert wrong[name] not in str(raised.value)
    assert str(raised.value).endswith(".")


def test_the_declared_patterns_say_the_same(payees: AchPayees) -> None:
    patterns = {detail.name: detail.pattern for detail in payees.details}
    for name, value in bank_account("12-345678", entry_class="PPD").items():
        assert re.fullmatch(patterns[name], value)
    for name, value in [
        ("holder", " Ann"),
        ("holder", "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}"),
        ("routing_number", "12345678"),
        ("account_number", "-1"),
        ("account_number", "12 34"),
        ("account_number", "12.34"),
        ("account_number", "1" * 18),
        ("account_type", "Checking"),
        ("entry_class", "WEB"),
    ]:
        assert not re.fullmatch(patterns[name], value), name


def test_it_opens_for_its_own_customer_alone(payees: AchPayees) -> None:
    destination = payees.destination("c1", bank_account("1234567890"))
    with pytest.raises(Misconfigured):
        payees.show("c2", destination)


def test_it_is_renewed_under_todays_key() -> None:
    old_key, new = new_key(), new_key()
    before = AchPayees(Vault(old_key), MemoryStore())
    destination = before.destination("c1", bank_account("1234567890"))
    assert before.renew("c1", destination) is None
    after = AchPayees(Vault(f"{new},{old_key}"), MemoryStore())
    renewed = after.renew("c1", destination)
    assert renewed
    assert renewed.startswith(new.partition(":")[0])
    assert after.show("c1", renewed) == after.show("c1", destination)


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(Misconfigured):
        AchPayees(Vault(""), MemoryStore()).destination("c1", bank_account("1234567890"))
