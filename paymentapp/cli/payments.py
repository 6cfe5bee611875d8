"""Commands that list the payments of the account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, cast

import click
from marshmallow import ValidationError

from paymentapp.bootstrap import Services
from paymentapp.cli.common import line, opened, plural
from paymentapp.masking import printable
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.payments import Payment
from paymentapp.schemas.account_payments import AccountQuerySchema

_CHUNK = 100  # payments of a page
_WIDTHS = (27, 24, 18, 10, 17, 20)
_HEADER = ("PAYMENT", "CUSTOMER", "AMOUNT", "METHOD", "STATUS", "BY", "REFERENCE")


@click.group()
def payments() -> None:
    """List the payments of all customers."""


@payments.command("list")
@click.option("--reference", help="Only those with this reference.")
@click.option("--status", help="Only those with this status now.")
@click.option("--method", "payment_method", help="Only those that are made by this method.")
@click.option("--currency", help="Only those in this currency.")
@click.option("--client", "created_by", help="Only those that this client requested.")
@click.option("--provider-id", help="Only those of this batch, item or transaction.")
@click.option("--bulk", "bulk_id", help="Only those of this bulk run.")
@click.option("--min", "min_amount", help="Only those of at least this amount.")
@click.option("--max", "max_amount", help="Only those of at most this amount.")
@click.option("--from", "from_", help="Only those requested at this date or time, or later.")
@click.option("--to", help="Only those requested at this date or time, or earlier.")
@click.option("--limit", type=click.IntRange(1), default=_CHUNK, show_default=True, help="At most.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(limit: int, as_json: bool, from_: str | None, **filters: str | None) -> None:
    """List payments, newest first."""
    given = {name: text for name, text in {**filters, "from": from_}.items() if text is not None}
    try:
        query: AccountQuery = AccountQuerySchema().load({**given, "limit": str(_CHUNK)})
    except ValidationError as error:
        raise click.UsageError(_problems(error)) from error
    with opened(paying=False) as services:
        found = list(islice(_every(services, query), limit))
    if as_json:
        click.echo(json.dumps({"payments": list(map(_record, found))}, indent=1))
        return
    if found:
        click.echo(line(_WIDTHS, _HEADER))
    for each in found:
        click.echo(line(_WIDTHS, _cells(each)))
    click.echo(f"{plural(len(found), 'payment')}.")


@payments.command()
def index() -> None:
    """Put payments in the list that version 0.2 or an earlier one has accepted.

    Run it once on DynamoDB, when no process of such a version runs any more.
    """
    with opened(paying=False) as services:
        added = services.store.index_payments()
    click.echo(f"{plural(added, 'payment')} added to the list.")


def _every(services: Services, query: AccountQuery) -> Iterator[Payment]:
    while True:
        page = services.payments.list_account(query)
        yield from page.payments
        if page.last_read is None:
            return
        query = replace(query, before=page.last_read)


def _problems(error: ValidationError) -> str:
    """Return what is wrong with the options, without their values."""
    messages = cast(dict[str, list[str]], error.messages)
    return "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in messages.items())


def _cells(payment: Payment) -> tuple[str, ...]:
    return (
        payment.payment_id,
        payment.customer_id,
        str(payment.money),
        payment.payment_method,
        payment.status.value,
        printable(payment.created_by or "-"),
        printable(payment.texts.reference or "-"),
    )


def _record(payment: Payment) -> dict[str, Any]:
    return {
        "customer_id": payment.customer_id,
        "payment_id": payment.payment_id,
        "amount": str(payment.money.amount),
        "currency": payment.money.currency,
        "payment_method": payment.payment_method,
        "status": payment.status.value,
        "created_by": payment.created_by,
        "reference": payment.texts.reference,
        "batch_id": payment.batch_id,
        "provider_item_id": payment.provider_item_id,
        "transaction_id": payment.transaction_id,
    }
