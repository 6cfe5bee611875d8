"""The commands of `approvals`: list, approve and reject payments that await approval."""

from __future__ import annotations

import click

from paymentapp.cli.common import (
    OneLine,
    ProgressReport,
    echo_record,
    opened,
    plural,
    short,
    with_json,
    with_operator,
)
from paymentapp.cli.tables import TableColumn, echo_table
from paymentapp.clock import to_text
from paymentapp.models.actors import Actor
from paymentapp.models.approvals import NOTE_MAX, valid
from paymentapp.models.currencies import money_text
from paymentapp.models.holds import payment_value
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.services.payees import PayeeDisplay

_COLUMNS = (
    TableColumn("PAYMENT", 42),
    TableColumn("SINCE", 20, needs=120),
    TableColumn("AMOUNT", 24, whole=True, right=True),
    TableColumn("REQUESTED BY", 16),
    TableColumn("APPROVALS", 9, whole=True),
    TableColumn("RULE AND PAYEE"),
)


@click.group()
def approvals() -> None:
    """List, approve and reject payments that await approval.

    A rule of PAYMENTAPP_APPROVALS covers them, or one of PAYMENTAPP_LIMITS that asks.
    """


class _Payment(click.ParamType[PaymentKey]):
    name = "payment"

    def convert(self, value: object, param: object, ctx: object) -> PaymentKey:  # noqa: ARG002
        customer_id, _, payment_id = str(value).partition("/")
        if not (customer_id and payment_id):
            self.fail("give CUSTOMER_ID/PAYMENT_ID")
        return PaymentKey(customer_id, payment_id)


_payment = click.argument("payment", type=_Payment(), metavar="CUSTOMER_ID/PAYMENT_ID")


@approvals.command("list")
@with_json
def list_waiting(as_json: bool) -> None:
    """List the payments that await approval, oldest first. Reads every payment."""
    from paymentapp.bootstrap_backoffice import build_backoffice

    with opened() as services:  # with its providers, which alone can open a payee's details
        found = build_backoffice(services, ProgressReport("approvals")).unapproved.list()
        payees = [services.payees.of(each, each.payment_method) for each in found]
    shown = list(zip(found, payees, strict=True))
    if as_json:
        echo_record({"payments": [_record(payment, payee) for payment, payee in shown]})
        return
    echo_table(_COLUMNS, [_cells(payment, payee) for payment, payee in shown])
    count = plural(len(shown), "payment") if shown else "No payment"
    click.echo(f"{count} {'awaits' if len(shown) < 2 else 'await'} approval.")


@approvals.command(short_help="Approve a payment.")
@_payment
@click.option("--note", type=OneLine(NOTE_MAX), default=None, help="What was checked; kept.")
@with_json
@with_operator
def approve(payment: PaymentKey, note: str | None, as_json: bool, by: Actor) -> None:
    """Approve a payment; with the last approval that it needs it leaves as soon as it can.

    Whoever requested the payment cannot approve it, and each approver counts once.
    """
    with opened() as services:
        approved = services.approvals.approve(payment, by, note or "")
        payee = services.payees.of(approved, approved.payment_method)
    if as_json:
        echo_record(_record(approved, payee))
        return
    count = f"{len(valid(approved.approvals))} of {approved.approvals_needed} approvals"
    click.echo(f"payment {payment_value(payment)} is {approved.status}: {count}")


@approvals.command()
@_payment
@click.option("--note", type=OneLine(NOTE_MAX), required=True, help="Why; kept with the payment.")
@with_json
@with_operator
def reject(payment: PaymentKey, note: str, as_json: bool, by: Actor) -> None:
    """Reject a payment that awaits approval: it never leaves."""
    with opened() as services:
        rejected = services.approvals.reject(payment, by, note)
        payee = services.payees.of(rejected, rejected.payment_method)
    if as_json:
        echo_record(_record(rejected, payee))
        return
    click.echo(f"payment {payment_value(payment)} is {rejected.status}")


def _cells(payment: Payment, payee: PayeeDisplay) -> tuple[str, ...]:
    return (
        payment_value(payment.key),
        short(payment.updated_at),
        money_text(payment.money),
        payment.created_by or "-",
        f"{len(valid(payment.approvals))} of {payment.approvals_needed}",
        f"{payment.approval_rule}  {payee.method} to {payee.words}",
    )


def _record(payment: Payment, payee: PayeeDisplay) -> dict[str, object]:
    return {
        "customer_id": payment.customer_id,
        "payment_id": payment.payment_id,
        "status": payment.status,
        "amount": str(payment.money.amount),
        "currency": payment.money.currency,
        "payee": payee._asdict(),
        "created_by": payment.created_by,
        "since": to_text(payment.updated_at),
        "approval_rule": payment.approval_rule,
        "approvals_needed": payment.approvals_needed,
        "approvals": [
            {"at": to_text(each.at), "by": each.by, "note": each.note, "void": each.void}
            for each in payment.approvals
        ],
    }
