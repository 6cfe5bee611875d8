"""`paymentapp approvals`: what waits, and the decisions of operators."""

from __future__ import annotations

import pytest

from paymentapp.models.payments import Payment, Status
from tests.cli.conftest import Desk

RULES = {"PAYMENTAPP_APPROVALS": "USD 10..: 1"}


@pytest.fixture
def payment(desk: Desk) -> Payment:
    """Return a payment that awaits approval."""
    desk.environ |= RULES
    with desk.service() as services:
        services.customers.register("ann", "ann@example.com", {})
        return desk.request(services, "ann")


def name(payment: Payment) -> str:
    return f"{payment.customer_id}/{payment.payment_id}"


def test_what_awaits_approval_is_listed_with_rule_and_payee(desk: Desk, payment: Payment) -> None:
    listed = desk.run("approvals", "list").stdout
    assert name(payment) in listed
    assert "0 of 1" in listed
    assert "USD 10..: 1  paypal to a***@example.com" in listed
    assert "1 payment awaits approval." in listed
    (record,) = desk.json("approvals", "list")["payments"]
    assert (record["payment_id"], record["amount"]) == (payment.payment_id, "12.5")


def test_it_is_approved_by_an_operator(desk: Desk, payment: Payment) -> None:
    done = desk.run("approvals", "approve", name(payment), "--by", "Ada", "--note", "invoice 7")
    assert done.stdout == f"payment {name(payment)} is pending: 1 of 1 approvals\n"
    stored = desk.read(payment)
    assert (stored.status, stored.approvals[0].by) == (Status.PENDING, "Ada")
    assert desk.run("approvals", "list").stdout == "No payment awaits approval.\n"
    shown = desk.run("audit", "show", "ann", payment.payment_id).stdout
    assert "rule      USD 10..: 1" in shown
    assert "by Ada: invoice 7" in shown


def test_it_is_rejected_by_an_operator(desk: Desk, payment: Payment) -> None:
    assert desk.run("approvals", "reject", name(payment), "--by", "Ada").exit_code == 2
    done = desk.run("approvals", "reject", name(payment), "--by", "Ada", "--note", "not ours")
    assert done.stdout == f"payment {name(payment)} is rejected\n"
    assert desk.read(payment).reason == "not ours"


def test_what_cannot_be_approved_is_an_error(desk: Desk, payment: Payment) -> None:
    desk.run("approvals", "reject", name(payment), "--note", "not ours")
    for wrong in ("ann", "/", "ann/1", name(payment)):
        refused = desk.run("approvals", "approve", wrong)
        assert refused.exit_code == 2
        assert refused.stdout == ""


def test_a_rule_that_makes_no_sense_stops_the_service_with_its_number(desk: Desk) -> None:
    refused = desk.run("init", PAYMENTAPP_APPROVALS="USD 10..: 1; EUR 5")
    assert refused.exit_code == 2
    assert "PAYMENTAPP_APPROVALS: rule 2 is not CONDITION: APPROVERS" in refused.stderr
