"""Commands for reversals: an operator has payments taken back that were a mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from paymentapp.cli.common import (
    OPERATOR_MAX,
    OneLine,
    ProgressReport,
    echo_record,
    opened,
    plural,
    short,
    with_json,
)
from paymentapp.clock import to_text
from paymentapp.models.payments import PaymentKey
from paymentapp.models.reversals import Reversal, ReversalOrder, ReversalReason, ReversalStep

if TYPE_CHECKING:
    from paymentapp.services.backoffice.reversals import PaymentReversals


@click.group(short_help="Take payments back that were sent by mistake.")
def reversals() -> None:
    """Take payments back that were sent by mistake, where a provider can.

    A reversal debits the recipient by what they were paid. The banks' rules allow that within five
    banking days after the payment has settled, for the reasons of `send --reason` alone, and the
    recipient has to be told by the day on which it settles. An order may be repeated: nothing is
    taken back twice.
    """


@contextmanager
def _opened() -> Iterator[PaymentReversals]:
    """Yield the service; it is imported when a command needs it."""
    from paymentapp.bootstrap_backoffice import build_backoffice

    with opened() as services:
        yield build_backoffice(services, ProgressReport("reversals")).reversals


def _with_order(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--note", type=OneLine(500), required=True, help="Why; kept for good."),
        click.option(
            "--by", "person", type=OneLine(OPERATOR_MAX), required=True, help="Who decides."
        ),
        click.option(
            "--reason",
            type=click.Choice([each.value for each in ReversalReason]),
            required=True,
            help="What the mistake was. paid-otherwise: wages at the end of an employment that "
            "were paid by check as well.",
        ),
    ):
        command = option(command)
    return command


@reversals.command("list", short_help="Show the reversals that are not settled.")
@with_json
def list_reversals(as_json: bool) -> None:
    """Show the reversals that are not settled, and the debits that came back."""
    with _opened() as service:
        found = service.pending()
    if as_json:
        records = [{"provider": each.provider} | _record(each.reversal) for each in found]
        echo_record({"reversals": records})
        return
    for each in found:
        _print(each.reversal)
    click.echo(f"{plural(len(found), 'reversal')} not settled.")


@reversals.command()
@click.argument("customer_id", required=False)
@click.argument("payment_id", required=False)
@click.option("--batch", "batch_id", help="Take back every payment of this batch.")
@_with_order
@with_json
def send(
    customer_id: str | None,
    payment_id: str | None,
    batch_id: str | None,
    reason: str,
    person: str,
    note: str,
    as_json: bool,
) -> None:
    """Take back the payment CUSTOMER_ID PAYMENT_ID, or a whole batch."""
    if (batch_id is None) is not (customer_id is not None and payment_id is not None):
        raise click.UsageError("name a payment (CUSTOMER_ID PAYMENT_ID), or a batch (--batch)")
    order = ReversalOrder(ReversalReason(reason), person, note)
    with _opened() as service:
        if batch_id is not None:
            done = service.send_batch(batch_id, order)
        else:
            done = service.send(PaymentKey(customer_id or "", payment_id or ""), order)
    _show(done, as_json)


@reversals.command(short_help="Debit once more, after a debit came back for lack of funds.")
@click.argument("customer_id")
@click.argument("payment_id")
@_with_order
@with_json
def retry(
    customer_id: str, payment_id: str, reason: str, person: str, note: str, as_json: bool
) -> None:
    """Debit once more for CUSTOMER_ID PAYMENT_ID, after a debit came back for lack of funds.

    Twice at most, and within 180 days.
    """
    order = ReversalOrder(ReversalReason(reason), person, note)
    with _opened() as service:
        done = service.retry(PaymentKey(customer_id, payment_id), order)
    _show(done, as_json)


@reversals.command(short_help="Show every order to take a payment back.")
@click.argument("customer_id")
@click.argument("payment_id")
@with_json
def show(customer_id: str, payment_id: str, as_json: bool) -> None:
    """Show every order to take back the payment CUSTOMER_ID PAYMENT_ID, settled or not."""
    with _opened() as service:
        found = service.of(PaymentKey(customer_id, payment_id))
    if as_json:
        echo_record({"reversals": [_record(each) for each in found]})
        return
    for each in found:
        _print(each)
    click.echo(f"{plural(len(found), 'reversal')} of this payment.")


@reversals.command(short_help="Record that the bank has a reversal that was in doubt.")
@click.argument("reversal_id")
@click.option("--by", "person", type=OneLine(OPERATOR_MAX), required=True, help="Who decides.")
@click.option("--note", type=OneLine(500), required=True, help="Why; kept in the log.")
@with_json
def confirm(reversal_id: str, person: str, note: str, as_json: bool) -> None:
    """Record that the bank has the file of REVERSAL_ID, where that was in doubt."""
    with _opened() as service:
        done = service.confirm(reversal_id, person, note)
    _show(done, as_json)


def _show(reversal: Reversal, as_json: bool) -> None:
    if as_json:
        echo_record(_record(reversal))
    else:
        _print(reversal)


def _print(reversal: Reversal) -> None:
    order = reversal.order
    click.echo(f"reversal  {reversal.reversal_id}")
    click.echo(f"          {plural(len(reversal.item_ids), 'payment')}, {reversal.step}")
    click.echo(f"ordered   {short(reversal.ordered_at)} by {order.person}: {order.note}")
    click.echo(f"reason    {order.reason}")
    for code in reversal.returned:
        click.echo(f"returned  {code}")
    if reversal.effective is not None and reversal.step is ReversalStep.SENT:
        click.echo(f"tell      the recipients of it and of the reason by {reversal.effective}")
    click.echo()


def _record(reversal: Reversal) -> dict[str, object]:
    keys = [PaymentKey.of(each) for each in reversal.item_ids]
    return {
        "id": reversal.reversal_id,
        "batch_id": reversal.batch_id,
        "step": reversal.step.value,
        "reason": reversal.order.reason.value,
        "by": reversal.order.person,
        "note": reversal.order.note,
        "ordered_at": to_text(reversal.ordered_at),
        "effective": reversal.effective.isoformat() if reversal.effective else None,
        "returned": list(reversal.returned),
        "payments": [key._asdict() for key in keys],
    }
