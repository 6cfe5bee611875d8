"""Commands about batches: what went to a provider in one call, and how that goes."""

from __future__ import annotations

from typing import Any

import click

from paymentapp.cli.common import echo_record, opened, plural, short, with_json
from paymentapp.cli.payment_story import Fields, batch_record, decision_fields
from paymentapp.cli.tables import TableColumn, echo_fields, echo_table
from paymentapp.errors import NotFound
from paymentapp.masking import printable
from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.currencies import money_text
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.services.dispatch.batching import chunks, members_of
from paymentapp.services.dispatch.funds import total_of
from paymentapp.services.payees import PayeeDisplays

_CHUNK = 500
_COLUMNS = (
    TableColumn("PAYMENT", 27, whole=True),
    TableColumn("CUSTOMER", 24),
    TableColumn("AMOUNT", 18, whole=True, right=True),
    TableColumn("STATUS", 17, whole=True),
    TableColumn("PAYEE", needs=100),
)


@click.group()
def batches() -> None:
    """Show batches: the payments that go to a provider in one call."""


@batches.command(short_help="Show BATCH_ID: attempts, last error, next try, payments.")
@click.argument("batch_id")
@with_json
def show(batch_id: str, as_json: bool) -> None:
    """Show BATCH_ID: its state, attempts, last error, next try, and its payments."""
    with opened() as services:
        batch = services.store.get_batch(batch_id)
        if batch is None:
            raise NotFound(f"there is no batch {batch_id!r}")
        members = members_of(services.store, batch)
        payments: dict[PaymentKey, Payment] = {}
        for chunk in chunks(members, _CHUNK):
            payments |= services.store.get_payments([member.key for member in chunk])
        rows = [_member(each, payments.get(each.key), batch, services.payees) for each in members]
    if as_json:
        echo_record({**batch_record(batch), "payments": rows})
        return
    echo_fields(_fields(batch, members))
    click.echo()
    echo_table(_COLUMNS, map(_cells, rows))
    click.echo(f"{plural(len(rows), 'payment')}.")


def _fields(batch: Batch, members: list[Member]) -> Fields:
    total = f", {money_text(total_of(members))}" if members else ""
    yield "batch", f"{batch.batch_id}: {batch.state}"
    yield "", f"{batch.provider}, {plural(len(members), 'payment')}{total}"
    yield "created", f"{short(batch.created_at)}, frozen {short(batch.frozen_at)}"
    if batch.reference:
        yield "accepted", f"{short(batch.accepted_at)} as {batch.reference}"
    yield "attempts", f"{batch.attempts} without an outcome"
    if batch.last_error:
        yield "error", printable(batch.last_error)
    if batch.state is not BatchState.CLOSED:
        yield "next", short(batch.attention_at)
    if batch.stop_order is not None:
        stop = batch.stop_order
        yield "stopped", f"{short(stop.at)} by {stop.person}: {printable(stop.note)}"
    yield from decision_fields(batch)


def _member(
    member: Member, payment: Payment | None, batch: Batch, payees: PayeeDisplays
) -> dict[str, Any]:
    """Return what is shown of a member; the status is that of a payment in another batch too."""
    return {
        "customer_id": member.customer_id,
        "payment_id": member.payment_id,
        "amount": member.money.amount,
        "currency": member.money.currency,
        "payee": payees.of(member, batch.provider).words,
        "status": payment.status if payment else None,
        "in_batch": payment is not None and payment.batch_id == batch.batch_id,
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    status = row["status"] or "not on record"
    return (
        row["payment_id"],
        row["customer_id"],
        money_text(Money(row["amount"], row["currency"])),
        status if row["in_batch"] or not row["status"] else f"elsewhere: {status}",
        row["payee"],
    )
