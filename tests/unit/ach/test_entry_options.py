"""What payments ask of their entries: descriptions, same-day settlement, discretionary data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.errors import SettingsError
from paymentapp.models.batches import Member
from paymentapp.models.caller_texts import CallerTexts, Metadata
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.nacha import read
from paymentapp.nacha.models import File
from paymentapp.providers.ach.entry_options import DESCRIPTION, OPTIONS, TRIED_AGAIN
from paymentapp.providers.base import RemittanceRules
from paymentapp.services.remittance import unsendable
from tests.support.ach_backend import ROUTING, bank_account
from tests.support.payment_methods import ledger
from tests.unit.ach.conftest import Company

SAME_DAY = {"windows": "11:00 same-day, 16:00"}  # it is 10:00
TODAY, TOMORROW = "260302", "260303"


def asking(member: Member, **options: str) -> Member:
    """Return the member of a payment with options."""
    return member._replace(options=tuple(sorted(options.items())))


def made(company: Company, *members: Member, **settings: str) -> File:
    """Return the file that pays these members."""
    company.provider(**settings).submit(company.batch(*members), members)
    [path] = (company.folder / "outgoing").iterdir()
    found = read(path.read_bytes())
    assert found.findings == ()
    return found.file


def batches(file: File) -> dict[str, list[str]]:
    """Return the accounts of each batch, by its description."""
    return {
        batch.header.description.strip(): [entry.account.strip() for entry in batch.entries]
        for batch in file.batches
        if batch.header
    }


def test_the_payment_then_its_account_then_the_setting_say_what_it_is_for(
    company: Company,
) -> None:
    members = [
        company.member("1111222233", at=1),
        company.member("2222333344", at=2, entry_description="PAYROLL"),
        asking(company.member("3333444455", at=3), entry_description="BONUS"),
        asking(
            company.member("4444555566", at=4, entry_description="PAYROLL"),
            entry_description="EXPENSES",
        ),
        company.member("5555666677", at=5, entry_description="PAYROLL"),
    ]
    assert batches(made(company, *members, description="VENDORS")) == {
        "VENDORS": ["1111222233"],
        "PAYROLL": ["2222333344", "5555666677"],
        "BONUS": ["3333444455"],
        "EXPENSES": ["4444555566"],
    }


def test_the_bank_is_told_what_each_entry_is_for(company: Company) -> None:
    members = [
        company.member("1111222233", at=1, entry_description="PAYROLL"),
        asking(company.member("2222333344", at=2), discretionary_data="7A"),
    ]
    company.provider(discretionary_data="CANAL 4").submit(company.batch(*members), members)
    company.bank.work()
    booked = {each.account: each for each in company.bank.books.credits()}
    assert booked["1111222233"].description == "PAYROLL"
    assert (booked["1111222233"].discretionary, booked["2222333344"].discretionary) == ("", "7A")
    assert booked["2222333344"].description == "PAYMENT"


def test_every_batch_is_balanced_whatever_parts_them(company: Company) -> None:
    members = [
        asking(company.member(f"{n}111222233", at=n), entry_description=f"RUN {n}")
        for n in range(1, 8)
    ]
    file = made(company, *members, offset_routing=ROUTING, offset_account="5550001")
    assert len(file.batches) == 7
    for batch in file.batches:
        paid, debit = batch.entries
        assert (debit.transaction_code, debit.amount) == ("27", paid.amount)


@pytest.mark.parametrize(
    ("rule", "options", "effective"),
    [
        ("all", {}, TODAY),
        ("all", {"same_day": "yes"}, TODAY),
        ("all", {"same_day": "no"}, TOMORROW),
        ("asked", {}, TOMORROW),
        ("asked", {"same_day": "yes"}, TODAY),
    ],
)
def test_a_payment_settles_on_the_day_that_it_asks_for(
    company: Company, rule: str, options: dict[str, str], effective: str
) -> None:
    member = asking(company.member("1111222233"), **options)
    file = made(company, member, same_day=rule, same_day_mark="SD1300", **SAME_DAY)
    [header] = [batch.header for batch in file.batches]
    assert header is not None
    assert f"{header.effective_date:%y%m%d}" == effective
    assert header.descriptive_date.strip() == ("SD1300" if effective == TODAY else "")


def test_what_settles_later_succeeds_later(company: Company) -> None:
    members = [company.member("1111222233", at=1), company.member("2222333344", at=2)]
    members[1] = asking(members[1], same_day="no")
    ach = company.provider(**SAME_DAY)
    batch = company.batch(*members)
    ach.submit(batch, members)
    company.bank.work()
    seen = []
    for _ in range(5):
        for delivery in ach.mailbox.collect():
            ach.mailbox.put_away(delivery)
        seen.append([report.status is Status.SUCCEEDED for report in ach.fetch(batch)])
        company.clock.now += timedelta(days=1)
    assert seen == [[False, False]] * 3 + [[True, False], [True, True]]


@pytest.mark.parametrize(
    ("settings", "amount", "problem"),
    [
        (SAME_DAY, "1000000", None),
        (SAME_DAY, "1000000.01", "ach: at most 1000000 USD a payment."),
        ({}, "1", "ach: the bank has no same-day cutoff."),
    ],
)
def test_same_day_settlement_that_cannot_be_is_refused(
    company: Company, settings: dict[str, str], amount: str, problem: str | None
) -> None:
    texts = CallerTexts(options=(("same_day", "yes"),))
    rules = company.provider(**settings).payee_rules
    found = rules.problem("any", Money(Decimal(amount), "USD"), texts)
    assert (str(found) if found else None) == problem
    assert rules.problem("any", Money(Decimal(10**7), "USD"), CallerTexts()) is None


@pytest.mark.parametrize("good", ["PAYROLL", "PURCHASE", "A", "RENT 06/26", "A&B CO."])
def test_a_description_is_ten_capital_letters(good: str) -> None:
    assert re.fullmatch(DESCRIPTION.pattern, good)


@pytest.mark.parametrize(
    "bad", ["Payroll", "REVERSAL", "RETRY PYMT", "RECLAIM", " A", "A ", "TWELVE CHARS", "", "A|B"]
)
def test_what_the_rules_keep_for_other_entries_is_no_description(bad: str) -> None:
    assert re.fullmatch(DESCRIPTION.pattern, bad) is None


@pytest.mark.parametrize("bad", ["REVERSAL", "retry pymt", "ELEVEN CHAR", "0"])
def test_nor_may_a_setting_be(company: Company, bad: str) -> None:
    with pytest.raises(SettingsError, match="PAYMENTAPP_ACH_DESCRIPTION"):
        company.provider(description=bad)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((("entry_description", "PAYROLL"), ("same_day", "no")), None),
        ((("entry_description", "payroll"),), "options/entry_description"),
        ((("same_day", "true"),), "options/same_day"),
        ((("speed", "fast"),), "options/speed"),
        (((TRIED_AGAIN, "1"),), None),
    ],
)
def test_options_are_checked_by_their_method(options: Metadata, problem: str | None) -> None:
    provider = ledger("ach")
    provider.remittance = RemittanceRules(options=OPTIONS)
    found = unsendable(provider, CallerTexts(options=options))
    assert (found.field if found else None) == problem


def test_a_payment_that_is_tried_again_says_so(company: Company) -> None:
    again = asking(company.member("1111222233", entry_description="PAYROLL"), **{TRIED_AGAIN: "1"})
    assert batches(made(company, again)) == {"RETRY PYMT": ["1111222233"]}


def test_an_account_keeps_its_description_when_the_bank_corrects_it(company: Company) -> None:
    member = company.member("C01112223333", entry_description="PAYROLL")
    batch = company.batch(member)
    company.ach.submit(batch, [member])
    company.bank.work()
    [delivery] = company.ach.mailbox.collect()
    [body] = delivery.bodies
    correction = company.ach.mailbox.parse_webhook(body).correction
    assert correction is not None
    shown = company.ach.payees.show(member.customer_id, correction.destination or "")
    assert (shown["account_number"], shown["entry_description"]) == ("3333", "PAYROLL")


@pytest.mark.parametrize("entry_class", ["CTX", "IAT", "WEB", "ppd"])
def test_other_entry_classes_are_refused_and_ctx_with_the_reason(
    company: Company, entry_class: str
) -> None:
    [detail] = [each for each in company.ach.payees.details if each.name == "entry_class"]
    assert re.fullmatch(detail.pattern, entry_class) is None
    assert "CTX is for a trading partner's invoices" in detail.problem


def test_the_longest_destination_fits_a_record(company: Company) -> None:
    details: Mapping[str, Any] = bank_account(
        "1" * 17, holder="H" * 22, entry_description="PAYROLL 06"
    )
    destination = company.ach.payees.destination("ada", details)
    assert len(destination) <= 140
    assert company.ach.payees.open("ada", destination).description == "PAYROLL 06"
