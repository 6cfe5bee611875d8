"""The command that compares every disbursement with what the provider says."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from paymentapp.cli.common import (
    ProgressReport,
    echo_json,
    echo_json_end,
    line,
    opened,
    period_of,
    plural,
    with_period,
)
from paymentapp.clock import to_text
from paymentapp.services.backoffice.discrepancies import ADVICE, Discrepancy, DiscrepancyKind

if TYPE_CHECKING:
    from paymentapp.services.backoffice.period import Period
    from paymentapp.services.backoffice.reconciliation import Tally

_WIDTHS = (13, 46, 22, 30)


@click.command()
@with_period
@click.option(
    "--repair",
    is_flag=True,
    help="Move payments that are merely behind forward, by the provider's own report. Nothing is "
    "ever sent.",
)
@click.option(
    "--search/--no-search",
    default=True,
    help="Search the provider's books for payments that are not ours. Without the permission to, "
    "leave it out knowingly: the exit status is 2 otherwise.",
)
def reconcile(
    start: datetime | None, end: datetime | None, as_json: bool, repair: bool, search: bool
) -> None:
    """Compare every disbursement with the provider, both ways.

    What was made between --from and --to: status, amount, currency, recipient; ours that the
    provider does not have, and theirs that we do not. Prints the differences, and what to do
    about each kind.

    Exit status: 0 all agrees, or was repaired; 1 differences are left, or something waits in the
    inbox for an operator; 2 not everything could be
    compared.
    """
    from paymentapp.bootstrap_backoffice import build_backoffice

    with opened() as services:
        period = period_of(start, end, services.clock())
        run = build_backoffice(services, ProgressReport("reconcile")).reconciliation
        found = run.run(period, repair=repair, search=search)
        if as_json:
            _print_json(period, found, run.tally)
        else:
            _print_table(found, run.tally)
    sys.exit(2 if run.tally.not_done else 1 if run.tally.left else 0)


def _print_table(found: Iterable[Discrepancy], tally: Tally) -> None:
    kinds: dict[DiscrepancyKind, None] = {}
    for number, each in enumerate(found):
        if not number:
            click.echo(line(_WIDTHS, ("KIND", "PAYMENT OR ITEM", "OURS", "THEIRS", "BATCH")))
        subject = " ".join(each.payment) if each.payment else each.item_id or "-"
        theirs = f"{each.theirs}, repaired" if each.repaired else each.theirs
        cells = (each.kind, subject, each.ours or "-", theirs or "-", each.batch_id or "-")
        click.echo(line(_WIDTHS, cells))
        if not each.repaired:
            kinds[each.kind] = None
    for kind in kinds:
        click.echo(f"\n{kind}: {ADVICE[kind]}")
    if tally.differences:
        click.echo()
    click.echo(_summary(tally))
    if tally.open_items:
        click.echo(f"inbox: {tally.open_items} waiting for an operator: `paymentapp inbox list`")
    for what in tally.not_done:
        click.echo(f"not done: {what}")


def _summary(tally: Tally) -> str:
    looked_at = [
        plural(tally.batches, "batch"),
        plural(tally.payments, "payment"),
        plural(tally.transactions, "transaction"),
    ]
    found = plural(tally.differences, "difference") if tally.differences else "no difference"
    repaired = f", {tally.repaired} repaired" if tally.repaired else ""
    return f"{', '.join(looked_at)} compared: {found}{repaired}."


def _print_json(period: Period, found: Iterable[Discrepancy], tally: Tally) -> None:
    head: dict[str, object] = {"from": to_text(period.start), "to": to_text(period.end)}
    echo_json(head, "differences", map(_record, found))
    echo_json_end(
        {
            "batches": tally.batches,
            "payments": tally.payments,
            "transactions": tally.transactions,
            "repaired": tally.repaired,
            "inbox": tally.open_items,
            "not_done": tally.not_done,
        }
    )


def _record(found: Discrepancy) -> dict[str, object]:
    key = found.payment
    return {
        "kind": found.kind,
        "customer_id": key.customer_id if key else None,
        "payment_id": key.payment_id if key else None,
        "item_id": found.item_id,
        "batch_id": found.batch_id,
        "ours": found.ours or None,
        "theirs": found.theirs or None,
        "repaired": found.repaired,
        "advice": ADVICE[found.kind],
    }
