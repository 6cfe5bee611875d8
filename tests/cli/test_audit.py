"""`paymentapp audit`: findings in a database that was tampered with, and histories."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from paymentapp.clock import to_text
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.services.payment_orders import PaymentOrder
from tests.cli.conftest import Desk
from tests.support.records import add_payment


def tamper(desk: Desk, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(desk.database)) as connection, connection:
        connection.execute(statement, values)


def set_field(desk: Desk, name: str, value: str) -> None:
    tamper(
        desk,
        "UPDATE Disbursements SET document = json_set(document, ?, json(?)), revision = 'x'",
        f"$.{name}",
        value,
    )


def test_what_is_well_is_exit_status_0(desk: Desk) -> None:
    desk.pay("ann", "fail", "unclaimed")
    result = desk.run("audit", "verify")
    assert result.stdout == "1 batch and 3 payments checked: no finding.\n"
    assert result.exit_code == 0


def test_a_finding_is_exit_status_1(desk: Desk) -> None:
    batch, (payment,) = desk.pay("ann")
    set_field(desk, "status", '"failed"')
    result = desk.run("audit", "verify")
    assert result.exit_code == 1
    head, *found, summary = result.stdout.splitlines()
    assert head.split() == ["CHECK", "PAYMENT", "BATCH", "FINDING"]
    assert [line.split()[0] for line in found] == ["end", "fields"]
    assert found[0].split()[1:4] == ["ann", payment.payment_id, batch.batch_id]
    assert found[0].endswith("the last line says succeeded, the status is failed")
    assert summary == "1 batch and 1 payment checked: 2 findings."


def test_a_history_that_was_shortened_is_found(desk: Desk) -> None:
    desk.pay("ann")
    statement = "UPDATE Disbursements SET document = json_remove(document, '$.history[1]')"
    tamper(desk, statement)
    (found,) = desk.json("audit", "verify")["findings"]
    assert (found["check"], found["warning"], found["customer_id"]) == ("fields", False, "ann")


def test_a_warning_is_exit_status_0(desk: Desk) -> None:
    desk.pay("ann")
    set_field(desk, "provider_status", f'"{"X" * 900}"')
    result = desk.run("audit", "verify")
    assert result.exit_code == 0
    assert "warning: 1" in result.stdout
    assert result.stdout.endswith("1 batch and 1 payment checked: no finding, 1 warning.\n")
    assert desk.json("audit", "verify")["warnings"] == 1


def test_a_span_is_kept_to(desk: Desk) -> None:
    desk.pay("ann")
    set_field(desk, "status", '"failed"')
    assert desk.run("audit", "verify", "--to", "2026-01-01").exit_code == 0


def test_a_record_that_cannot_be_read_is_exit_status_2(desk: Desk) -> None:
    desk.pay("ann")
    set_field(desk, "status", '"paid twice"')
    result = desk.run("audit", "verify")
    assert result.exit_code == 2
    assert "a stored payment cannot be read by this version" in result.stderr


def test_an_audit_needs_no_provider(desk: Desk) -> None:
    desk.pay("ann")
    none = {"PAYPAL_CLIENT_ID": "", "PAYPAL_CLIENT_SECRET": ""}
    assert desk.run("audit", "verify", **none).exit_code == 0


def test_a_history_is_shown_with_its_references(desk: Desk) -> None:
    batch, (payment,) = desk.pay("ann")
    result = desk.run("audit", "show", "ann", payment.payment_id)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"payment   ann {payment.payment_id}"
    assert lines[1] == "          12.50 USD by paypal to a***@example.com: succeeded"
    assert lines[2] == (
        f"provider  item {payment.provider_item_id}, transaction {payment.transaction_id}, "
        "last reported SUCCESS"
    )
    assert re.fullmatch(r"settled   [0-9TZ:-]{20}, fee 0.25 USD", lines[3])
    steps = [line.split()[1:] for line in lines[5:8]]
    assert steps == [
        ["pending", "request"],
        ["submitting", "dispatch", batch.batch_id],
        ["succeeded", "poll", payment.transaction_id],
    ]
    assert lines[9] == f"batch     {batch.batch_id}: closed"
    assert lines[10].endswith(f"paypal has it as {batch.reference}")


def test_the_payee_is_who_is_really_paid(desk: Desk) -> None:
    _, (payment,) = desk.pay("ann", to="other@example.org")
    shown = desk.run("audit", "show", "ann", payment.payment_id).stdout
    assert "          12.50 USD by paypal to o***@example.org: succeeded\n" in shown
    assert "a***@" not in shown


def test_a_payee_whose_details_cannot_be_opened_is_sealed(desk: Desk) -> None:
    _, (payment,) = desk.pay("ann")
    with desk.service() as services:
        other = replace(payment, payment_method="ach", destination="k.0123", customer_id="bob")
        add_payment(services.store, other)
    shown = desk.run("audit", "show", "bob", payment.payment_id).stdout
    assert "12.50 USD by ach to sealed: succeeded" in shown


def test_a_payment_that_is_held_says_why(desk: Desk) -> None:
    _, (payment,) = desk.pay("held")
    shown = desk.run("audit", "show", "held", payment.payment_id).stdout
    assert "reason    REGULATORY_PENDING: " in shown
    assert "last reported ONHOLD" in shown


def test_a_failure_is_shown_with_its_reason(desk: Desk) -> None:
    _, (payment,) = desk.pay("fail")
    shown = desk.run("audit", "show", "fail", payment.payment_id).stdout
    assert "reason    RECEIVER_ACCOUNT_LOCKED: " in shown


def test_a_payment_that_is_not_there_is_exit_status_2(desk: Desk) -> None:
    desk.pay("ann")
    result = desk.run("audit", "show", "ann", "never")
    assert result.exit_code == 2
    assert result.stderr == "paymentapp: customer 'ann' has no payment 'never'\n"


def test_a_payment_that_has_not_left_is_shown_without_a_batch(desk: Desk) -> None:
    with desk.service() as parts:
        parts.customers.register("ann", "ann@example.com", {})
        order = PaymentOrder("ann", "ann@example.com", Money(Decimal(5), "USD"), "paypal")
        payment = parts.payments.request(order).payment
    shown = desk.run("audit", "show", "ann", payment.payment_id)
    assert shown.exit_code == 0
    assert "5.00 USD by paypal to a***@example.com: pending" in shown.stdout
    assert not {"provider", "batch"} & {line.split(" ")[0] for line in shown.stdout.splitlines()}


def test_a_batch_that_is_not_on_record_is_said_to_be_missing(desk: Desk) -> None:
    """Report it: this happens after a restore of an older database."""
    batch, (payment,) = desk.pay("ann")
    tamper(desk, "DELETE FROM Operations WHERE pk LIKE ?", f"%{batch.batch_id}%")
    shown = desk.run("audit", "show", "ann", payment.payment_id)
    assert f"batch     {batch.batch_id}: not on record" in shown.stdout


def test_the_callers_texts_are_shown_with_what_is_not_printable_escaped(desk: Desk) -> None:
    _, (payment,) = desk.pay("ann")
    texts = CallerTexts("invoice-1007", "For \u202e June", (("team", "b"),))
    with desk.service() as parts:
        order = PaymentOrder("ann", "ann@example.com", payment.money, "paypal", texts=texts)
        payment = parts.payments.request(order).payment
    shown = desk.run("audit", "show", *payment.key).stdout.splitlines()[2:5]
    assert shown == [
        "reference invoice-1007",
        "for       For \\u202e June",
        "metadata  team: b",
    ]


def test_a_schedule_and_the_links_of_a_retry_are_shown(desk: Desk) -> None:
    _, (payment,) = desk.pay("fail")
    with desk.service() as parts:
        retry = parts.retries.retry(payment.key).payment
        order = PaymentOrder("fail", "fail@example.com", payment.money, "paypal")
        at = parts.clock() + timedelta(days=1)
        later = parts.payments.request(order._replace(scheduled_at=at)).payment
    shown = [
        desk.run("audit", "show", *each.key).stdout.splitlines()[2]
        for each in (payment, retry, later)
    ]
    assert shown == [
        f"retried   by {retry.payment_id}",
        f"retry of  {payment.payment_id}",
        f"scheduled {to_text(at)}",
    ]
    assert desk.run("audit", "verify").exit_code == 0


def test_what_was_taken_out_of_a_batch_is_in_order(desk: Desk) -> None:
    desk.set_simulator(balance={"USD": "13.00"})
    batch, (ann, bob) = desk.pay("ann", "bob", follow=False)
    with desk.service() as services:
        assert services.payments.cancel(ann.key).status is Status.CANCELLED
        again = services.dispatcher.submit([services.payments.get(bob.key)])
        assert again is not None
        services.poller.follow(again)
        services.dispatcher.resume(batch)
    shown = desk.run("audit", "show", "bob", bob.payment_id).stdout
    assert f"{batch.batch_id} taken apart: no funds" in shown
    assert desk.read(bob).status is Status.SUCCEEDED
    assert desk.run("audit", "verify").exit_code == 0
    assert desk.run("reconcile").exit_code == 0


def test_what_was_cancelled_in_a_batch_that_was_not_sent_is_in_order(desk: Desk) -> None:
    desk.set_simulator(balance={"USD": "1.00"})
    batch, (ann,) = desk.pay("ann", follow=False)
    shown = desk.run("audit", "show", "ann", ann.payment_id).stdout
    assert "funds" in shown
    with desk.service() as services:
        assert services.payments.cancel(ann.key).status is Status.CANCELLED
        assert services.dispatcher.resume(batch) == batch
    assert desk.run("audit", "verify").exit_code == 0
    assert desk.run("reconcile").exit_code == 0
    assert (desk.creates(), desk.ledger()) == (1, [])
