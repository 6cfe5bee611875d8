"""`paymentapp reversals`: what an operator types, sees, and is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from paymentapp.models.payments import Payment
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.vault.sealing import new_key
from simulators.bank import BankSimulator
from tests.cli.conftest import Desk
from tests.support.ach_backend import ach_environ, bank_account
from tests.support.records import usd

WHY = ("--reason", "duplicate", "--by", "Grace  Hopper", "--note", "case 4711")


@pytest.fixture
def paid(desk: Desk, tmp_path: Path) -> Payment:
    """Return a payment that a bank has got, under the desk's settings from then on."""
    desk.environ |= ach_environ(tmp_path) | {"PAYMENTAPP_VAULT_KEYS": new_key()}
    bank = BankSimulator(tmp_path / "outgoing", tmp_path / "incoming", tmp_path / "bank")
    with desk.service() as services:
        services.customers.register("ann", "ann@example.com", {})
        services.methods.put("ann", "ach", bank_account("1111222233"), None)
        order = PaymentOrder("ann", "ann@example.com", usd("12.50"), "ach")
        payment = services.payments.request(order).payment
        batch = services.dispatcher.submit([payment])
        assert batch is not None
        services.poller.follow(batch)
        bank.work()
        payment = services.payments.get(payment.key)
    bank.close()
    return payment


def debits(tmp_path: Path) -> int:
    return len(list((tmp_path / "outgoing").glob("[!.]*")))


def test_nothing_is_taken_back(desk: Desk) -> None:
    desk.run("init")
    result = desk.run("reversals", "list")
    assert (result.exit_code, result.stdout) == (0, "0 reversals not settled.\n")
    assert desk.json("reversals", "list") == {"reversals": []}


def test_a_payment_is_taken_back_once(desk: Desk, paid: Payment, tmp_path: Path) -> None:
    result = desk.run("reversals", "send", *paid.key, *WHY)
    assert result.exit_code == 0, result.output
    assert "1 payment, sent\n" in result.stdout
    assert "by Grace Hopper: case 4711\n" in result.stdout
    assert "tell      the recipients of it and of the reason by 20" in result.stdout
    assert desk.run("reversals", "send", *paid.key, *WHY).exit_code == 0
    assert debits(tmp_path) == 1
    [listed] = desk.json("reversals", "list")["reversals"]
    assert (listed["provider"], listed["by"], listed["reason"], listed["step"]) == (
        *("ach", "Grace Hopper", "duplicate", "sent"),
    )
    assert listed["payments"] == [paid.key._asdict()]
    assert desk.read(paid).provider_status == "REVERSAL_ORDERED"


def test_every_order_about_a_payment_is_shown(desk: Desk, paid: Payment) -> None:
    assert desk.run("reversals", "show", *paid.key).stdout == "0 reversals of this payment.\n"
    desk.run("reversals", "send", *paid.key, *WHY)
    shown = desk.run("reversals", "show", *paid.key).stdout
    assert "by Grace Hopper: case 4711\n" in shown
    assert shown.endswith("1 reversal of this payment.\n")
    refused = desk.run("reversals", "confirm", "b.0.rev", "--by", "Grace", "--note", "why")
    assert refused.stderr == "paymentapp: no reversal b.0.rev is pending\n"


def test_orders_are_printed_as_json_too(desk: Desk, paid: Payment) -> None:
    assert desk.json("reversals", "show", *paid.key) == {"reversals": []}
    sent = desk.json("reversals", "send", *paid.key, *WHY)
    assert (sent["step"], sent["batch_id"], sent["note"]) == ("sent", paid.batch_id, "case 4711")
    assert desk.json("reversals", "retry", *paid.key, *WHY) == sent  # it has not come back
    assert desk.json("reversals", "show", *paid.key) == {"reversals": [sent]}
    [listed] = desk.json("reversals", "list")["reversals"]
    assert listed == sent | {"provider": "ach"}


def test_a_batch_is_taken_back(desk: Desk, paid: Payment, tmp_path: Path) -> None:
    result = desk.run("reversals", "send", "--batch", paid.batch_id or "", *WHY)
    assert result.exit_code == 0, result.output
    assert debits(tmp_path) == 1


@pytest.mark.parametrize(
    "arguments", [[], ["ann"], ["ann", "2026-03-01T09:29:00.000000Z", "--batch", "b"]]
)
def test_one_payment_or_one_batch_is_named(desk: Desk, arguments: list[str]) -> None:
    result = desk.run("reversals", "send", *arguments, *WHY)
    assert result.exit_code == 2
    assert "name a payment (CUSTOMER_ID PAYMENT_ID), or a batch (--batch)" in result.output


def test_what_may_not_be_is_refused_in_one_line(desk: Desk, paid: Payment, tmp_path: Path) -> None:
    refused = desk.run("reversals", "retry", *paid.key, *WHY)
    assert refused.exit_code == 2
    assert refused.stderr == "paymentapp: nothing was taken back: send a reversal\n"
    unknown = desk.run("reversals", "send", "--batch", "b", *WHY)
    assert (unknown.exit_code, unknown.stderr) == (2, "paymentapp: there is no batch b\n")
    other = desk.run("reversals", "send", *paid.key, "--reason", "regret", *WHY[2:])
    assert other.exit_code == 2
    assert debits(tmp_path) == 0
