"""Commands about batches: what went to a provider in one call, and how that goes."""

from __future__ import annotations

from typing import Any

import click
import simplejson

from paymentapp.cli.audit import print_decision
from paymentapp.cli.common import opened, plural, short
from paymentapp.cli.tables import TableColumn, echo_table
from paymentapp.clock import maybe_text, to_text
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


@batches.command()
@click.argument("batch_id")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
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
        body = {**_record(batch), "payments": rows}
        click.echo(simplejson.dumps(body, use_decimal=True, indent=1))
        return
    _print_batch(batch, members)
    click.echo()
    echo_table(_COLUMNS, map(_cells, rows))
    click.echo(f"{plural(len(rows), 'payment')}.")


def _print_batch(batch: Batch, members: list[Member]) -> None:
    total = f", {money_text(total_of(members))}" if members else ""
    click.echo(f"batch     {batch.batch_id}: {batch.state}")
    click.echo(f"          {batch.provider}, {plural(len(members), 'payment')}{total}")
    click.echo(f"created   {short(batch.created_at)}, frozen {short(batch.frozen_at)}")
    if batch.reference:
        click.echo(f"accepted  {short(batch.accepted_at)} as {batch.reference}")
    click.echo(f"attempts  {batch.attempts}")
    if batch.last_error:
        click.echo(f"error     {printable(batch.last_error)}")
    if batch.state is not BatchState.CLOSED:
        click.echo(f"next      {short(batch.attention_at)}")
    if batch.stop_order is not None:
        stop = batch.stop_order
        click.echo(f"stopped   {short(stop.at)} by {stop.person}: {printable(stop.note)}")
    print_decision(batch)


def _record(batch: Batch) -> dict[str, Any]:
    return {
        "batch_id": batch.batch_id,
        "state": batch.state,
        "payment_method": batch.provider,
        "currency": batch.currency,
        "created_at": to_text(batch.created_at),
        "frozen_at": maybe_text(batch.frozen_at),
        "accepted_at": maybe_text(batch.accepted_at),
        "parked_at": maybe_text(batch.parked_at),
        "reference": batch.reference,
        "attempts": batch.attempts,
        "last_error": batch.last_error,
        "next_attempt_at": maybe_text(batch.attention_at),
    }


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
