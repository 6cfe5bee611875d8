"""Commands that list, find and show the payments of the account."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import click

from paymentapp.bootstrap import Services
from paymentapp.cli.advice import print_advice
from paymentapp.cli.common import echo_record, opened, plural, with_json
from paymentapp.cli.payment_filters import loaded, with_filters
from paymentapp.cli.payment_story import known_payment, print_story, story_record
from paymentapp.cli.tables import TableColumn, echo_table
from paymentapp.masking import printable
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.currencies import money_text
from paymentapp.models.payments import Payment
from paymentapp.schemas.account_payments import AccountQuerySchema

_CHUNK = 100  # payments of a page
_COLUMNS = (
    TableColumn("PAYMENT", 27, whole=True),
    TableColumn("CUSTOMER", 24),
    TableColumn("AMOUNT", 18, whole=True, right=True),
    TableColumn("METHOD", 10, whole=True),
    TableColumn("STATUS", 17, whole=True),
    TableColumn("BY", 20, needs=110),
    TableColumn("REFERENCE", needs=110),
)


@click.group()
def payments() -> None:
    """List, find and show the payments of all customers."""


@payments.command("list")
@with_filters
@click.option("--limit", type=click.IntRange(1), default=_CHUNK, show_default=True, help="At most.")
@with_json
@click.option("--ndjson", is_flag=True, help="Print one JSON object a line, as they are read.")
def list_(limit: int, as_json: bool, ndjson: bool, **filters: str | None) -> None:
    """List payments, newest first."""
    query: AccountQuery = loaded(AccountQuerySchema, {**filters, "limit": str(_CHUNK)})
    with opened(paying=False) as services:
        found = islice(_every(services, query), limit)
        if ndjson:
            for each in found:
                click.echo(json.dumps(_record(each)))
            return
        rows = list(found)
    _print(rows, as_json)


@payments.command()
@click.argument("text")
@click.option("--limit", type=click.IntRange(1), default=25, show_default=True, help="At most.")
@with_json
def find(text: str, limit: int, as_json: bool) -> None:
    """Find payments by TEXT: whatever you have of them.

    An id of the payment, its batch, item or transaction, ours or the provider's; a reference; a
    customer's id or whole e-mail address. The surest finds are first.
    """
    with opened(paying=False) as services:
        _print(services.payment_search.find(text, limit), as_json)


@payments.command(short_help="Show a payment: state, history and batches.")
@click.argument("customer_id")
@click.argument("payment_id")
@with_json
def show(customer_id: str, payment_id: str, as_json: bool) -> None:
    """Show payment PAYMENT_ID of customer CUSTOMER_ID: its state, history and batches."""
    with opened() as services:  # with its providers, which alone can open a payee's details
        payment = known_payment(services, customer_id, payment_id)
        if as_json:
            echo_record(story_record(payment, services))
        else:
            print_story(payment, services)
            print_advice(payment, services)


@payments.command(short_help="List the payments of version 0.2 or earlier too.")
@with_json
def index(as_json: bool) -> None:
    """Put payments in the list that version 0.2 or an earlier one has accepted.

    Run it once on DynamoDB, when no process of such a version runs any more.
    """
    with opened(paying=False) as services:
        added = services.store.index_payments()
    if as_json:
        echo_record({"added": added})
        return
    click.echo(f"{plural(added, 'payment')} added to the list.")


def _print(found: Sequence[Payment], as_json: bool) -> None:
    if as_json:
        echo_record({"payments": list(map(_record, found))})
        return
    echo_table(_COLUMNS, map(_cells, found))
    click.echo(f"{plural(len(found), 'payment')}.")


def _every(services: Services, query: AccountQuery) -> Iterator[Payment]:
    while True:
        page = services.payments.list_account(query)
        yield from page.payments
        if page.last_read is None:
            return
        query = replace(query, before=page.last_read)


def _cells(payment: Payment) -> tuple[str, ...]:
    return (
        payment.payment_id,
        payment.customer_id,
        money_text(payment.money),
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
