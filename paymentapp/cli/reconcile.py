"""Command that compares every disbursement with the provider's records."""

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
    opened,
    period_of,
    plural,
    with_period,
)
from paymentapp.cli.tables import PrintedTable, TableColumn, echo_text
from paymentapp.clock import to_text
from paymentapp.models.report_totals import GroupTotal
from paymentapp.services.backoffice.discrepancies import ADVICE, Discrepancy, DiscrepancyKind

if TYPE_CHECKING:
    from paymentapp.services.backoffice.period import Period
    from paymentapp.services.backoffice.reconciliation import Tally

_COLUMNS = (
    TableColumn("KIND", 13, whole=True),
    TableColumn("PAYMENT OR ITEM", 46),
    TableColumn("OURS", 22),
    TableColumn("THEIRS", 30),
    TableColumn("PAYEE", 20, needs=110),
    TableColumn("BATCH", needs=140),
)


@click.command(short_help="Compare disbursements with the provider's records.")
@with_period
@click.option(
    "--repair",
    is_flag=True,
    help="Move payments that are merely behind forward, by the provider's own report. Sends "
    "nothing.",
)
@click.option(
    "--search/--no-search",
    default=True,
    help="Search the provider's books for payments that are not ours. Where the account may not "
    "search, --no-search leaves it out knowingly: the exit status is 2 otherwise.",
)
def reconcile(
    start: datetime | None, end: datetime | None, as_json: bool, repair: bool, search: bool
) -> None:
    """Compare every disbursement with the provider's records, both ways.

    Covers what was requested between --from and --to: status, amount, currency and recipient; ours
    that the provider does not have, and theirs that we do not. Prints the differences, and what to
    do about each kind.

    Exit status: 0 everything agrees or was repaired; 1 differences are left, or something waits in
    the inbox for an operator; 2 not everything could be compared; 130 interrupted by Ctrl-C, after
    printing what was done until then.
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
    sys.exit(_exit_status(run.tally))


def _exit_status(tally: Tally) -> int:
    if tally.interrupted:
        return 130
    return 2 if tally.not_done else 1 if tally.left else 0


def _print_table(found: Iterable[Discrepancy], tally: Tally) -> None:
    kinds: dict[DiscrepancyKind, None] = {}
    with PrintedTable(_COLUMNS) as table:
        try:
            for each in found:
                table.add(_cells(each))
                if not each.repaired:
                    kinds[each.kind] = None
        except KeyboardInterrupt:
            tally.interrupt()
    for kind in kinds:
        click.echo()
        echo_text(f"{kind}: {ADVICE[kind]}")
    if tally.differences:
        click.echo()
    echo_text(_summary(tally))
    if tally.open_items:
        click.echo(f"inbox: {tally.open_items} waiting for an operator: `paymentapp inbox list`")
    for name in tally.without_search:
        echo_text(f"not searched: {name} offers no list of its transactions")
    for what in tally.not_done:
        echo_text(f"not done: {what}")


def _cells(found: Discrepancy) -> tuple[str, ...]:
    subject = " ".join(found.payment) if found.payment else found.item_id or "-"
    theirs = f"{found.theirs}, repaired" if found.repaired else found.theirs
    payee = found.payee.words if found.payee else "-"
    return (found.kind, subject, found.ours or "-", theirs or "-", payee, found.batch_id or "-")


def _summary(tally: Tally) -> str:
    batches = plural(tally.batches, "batch")
    compared = [
        batches if tally.compared == tally.batches else f"{tally.compared} of {batches}",
        plural(tally.payments, "payment"),
        plural(tally.transactions, "transaction"),
    ]
    found = plural(tally.differences, "difference") if tally.differences else "no difference"
    repaired = f", {tally.repaired} repaired" if tally.repaired else ""
    return f"{', '.join(compared)} compared: {found}{repaired}."


def _print_json(period: Period, found: Iterable[Discrepancy], tally: Tally) -> None:
    head: dict[str, object] = {"from": to_text(period.start), "to": to_text(period.end)}
    try:
        echo_json(head, "differences", map(_record, found))
    except KeyboardInterrupt:
        tally.interrupt()
    echo_json_end(
        {
            "batches": tally.batches,
            "batches_compared": tally.compared,
            "payments": tally.payments,
            "totals": list(map(_total_record, tally.totals.groups())),
            "transactions": tally.transactions,
            "repaired": tally.repaired,
            "inbox": tally.open_items,
            "not_done": tally.not_done,
            "without_search": tally.without_search,
        }
    )


def _total_record(total: GroupTotal) -> dict[str, object]:
    currency, amount = total.key.currency, str(total.amount)
    return {"currency": currency, "payments": total.payments, "amount": amount}


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
        "payee": found.payee._asdict() if found.payee else None,
        "repaired": found.repaired,
        "advice": ADVICE[found.kind],
    }
