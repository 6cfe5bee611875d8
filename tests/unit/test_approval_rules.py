"""Approval rules: read from the setting, and matched against payments."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from paymentapp.errors import SettingsError
from paymentapp.models.actors import Actor
from paymentapp.models.approvals import digests
from paymentapp.models.customers import Customer, PaymentMethod
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.services.approval_rules import ApprovalRule, ApprovalRules, read_approval_rules
from paymentapp.services.money_ranges import MoneyRange
from tests.support.memory_store import MemoryStore
from tests.support.records import NOW, a_customer, a_payment, add_payment, later, usd

PAYROLL = Actor("payroll", frozenset({"payroll", "sub-1"}), frozenset({"payments:write"}))
LONG_AGO = NOW - timedelta(days=100)
USD = frozenset({"USD"})


def rule_for(
    setting: str,
    money: Money,
    customer: Customer | None = None,
    store: MemoryStore | None = None,
    method: str = "wire",
) -> str | None:
    """Return the rule that covers a payment of Ada's."""
    rules = ApprovalRules(store or MemoryStore(), read_approval_rules(setting))
    ada = customer or a_customer(created_at=LONG_AGO)
    required = rules.required(ada, money, method, NOW, PAYROLL)
    return required.rule if required else None


def test_rules_are_read_in_order() -> None:
    text = " USD 5000..: 1; USD,EUR ..20.50 :2;payee-changed  24h:1; first-payment: 3; all: 1;JPY:1"
    assert read_approval_rules(text) == [
        ApprovalRule("USD 5000..: 1", 1, MoneyRange(USD, Decimal(5000), None)),
        ApprovalRule("USD,EUR ..20.50: 2", 2, MoneyRange(USD | {"EUR"}, None, Decimal("20.5"))),
        ApprovalRule("payee-changed 24h: 1", 1, changed_within=timedelta(hours=24)),
        ApprovalRule("first-payment: 3", 3, first_payment=True),
        ApprovalRule("all: 1", 1),
        ApprovalRule("JPY: 1", 1, MoneyRange(frozenset({"JPY"}))),
    ]
    assert read_approval_rules("") == []


@pytest.mark.parametrize(
    "text",
    [
        *("USD 5000..", "USD 5000: 1", "usd 5000..: 1", "USD -1..: 1", ": 1", "USD 5..: 0"),
        *("USD 5..: 10", "payee-changed: 1", "payee-changed 1d: 1", "payee-changed 0h: 1"),
        *("first-payment 24h: 1", "first payment: 1", "all USD: 1", "USD 5..: 1 1"),
    ],
)
def test_a_rule_that_makes_no_sense_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="PAYMENTAPP_APPROVALS: rule 2 is not CONDITION"):
        read_approval_rules(f"all: 1; {text}")


def test_a_rule_that_covers_nothing_is_an_error() -> None:
    with pytest.raises(SettingsError, match="rule 1 covers nothing"):
        read_approval_rules("USD 10..5: 1")


@pytest.mark.parametrize(
    ("money", "rule"),
    [
        (usd("4999.99"), None),
        (usd("5000"), "USD 5000..: 1"),
        (usd("50000"), "USD 50000..: 2"),
        (Money(Decimal(50000), "EUR"), None),
    ],
)
def test_the_rule_with_the_most_approvers_decides(money: Money, rule: str | None) -> None:
    assert rule_for("USD 5000..: 1; USD 50000..: 2", money) == rule


def test_of_rules_with_as_many_approvers_the_first_decides() -> None:
    assert rule_for("USD 5..: 1; all: 1", usd("5")) == "USD 5..: 1"


def test_without_rules_nothing_is_read_and_nothing_needed() -> None:
    store = MemoryStore()
    assert rule_for("", usd("5"), store=store) is None
    assert store.calls == []


@pytest.mark.parametrize(("seconds", "covered"), [(-86399, True), (-86400, False)])
def test_details_that_were_set_within_the_hours(seconds: int, covered: bool) -> None:
    wire = {"wire": PaymentMethod("k.sealed", later(seconds)), "ach": PaymentMethod("k.x", NOW)}
    ada = a_customer(created_at=LONG_AGO, methods=wire)
    assert (rule_for("payee-changed 24h: 1", usd("5"), ada) is not None) is covered


def test_a_customer_without_details_is_known_since_the_registration() -> None:
    rule = "payee-changed 24h: 1"
    assert rule_for(rule, usd("5"), a_customer(created_at=later(-60))) == rule
    assert rule_for(rule, usd("5"), a_customer(created_at=LONG_AGO)) is None


@pytest.mark.parametrize("status", [None, *Status])
def test_a_payment_is_the_first_until_one_has_succeeded(status: Status | None) -> None:
    store = MemoryStore()
    if status is not None:
        add_payment(store, a_payment(status=status))
    add_payment(store, a_payment(customer_id="bob", status=Status.SUCCEEDED))
    covered = rule_for("first-payment: 1", usd("5"), store=store) is not None
    assert covered is (status is not Status.SUCCEEDED)


def test_one_that_succeeded_long_ago_is_found() -> None:
    store = MemoryStore()
    add_payment(store, a_payment(status=Status.SUCCEEDED))
    for number in range(1, 150):
        add_payment(store, a_payment(payment_id=f"2026-03-02T12:00:00.{number:06}Z"))
    assert rule_for("first-payment: 1", usd("5"), store=store) is None


def test_what_is_needed_names_the_rule_and_every_identity_of_the_maker() -> None:
    rules = ApprovalRules(MemoryStore(), read_approval_rules("all: 2"))
    required = rules.required(a_customer(), usd("5"), "wire", NOW, PAYROLL)
    assert required == ("all: 2", 2, digests(["payroll", "sub-1"]))
