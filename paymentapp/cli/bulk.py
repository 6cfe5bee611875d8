"""The commands of `bulk`: list, show, hold, approve and cancel bulk runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice

import click

from paymentapp.bootstrap import Services
from paymentapp.cli.common import (
    OneLine,
    echo_record,
    opened,
    plural,
    short,
    with_json,
    with_operator,
)
from paymentapp.cli.tables import TableColumn, echo_table
from paymentapp.masking import printable
from paymentapp.models.actors import Actor
from paymentapp.models.approvals import NOTE_MAX
from paymentapp.models.bulk import BulkRun
from paymentapp.models.currencies import money_text
from paymentapp.models.holds import REASON_MAX
from paymentapp.models.money import Money
from paymentapp.schemas.bulk import BulkRowSchema, BulkRunSchema
from paymentapp.services.bulk.runs import ShownOutcome

_PAGE = 100
_RUN_COLUMNS = (
    TableColumn("RUN", 29, whole=True),
    TableColumn("STATUS", 10, whole=True),
    TableColumn("ROWS", 7, whole=True, right=True),
    TableColumn("REJECTED", 8, whole=True, right=True),
    TableColumn("BY", 16, needs=100),
    TableColumn("SUMS"),
)
_ROW_COLUMNS = (
    TableColumn("LINE", 7, whole=True, right=True),
    TableColumn("CUSTOMER", 24),
    TableColumn("PAYMENT", 27, whole=True),
    TableColumn("STATUS", 17, whole=True),
    TableColumn("PROBLEM"),
)
_run = click.argument("bulk_id")


@click.group(short_help="Show, hold, approve and cancel bulk runs.")
def bulk() -> None:
    """List and show bulk runs, and hold, approve or cancel the payments of one together.

    `paymentapp pay FILE` makes one. A running service works off rows and carries out orders.
    """


@bulk.command("list")
@click.option("--limit", type=click.IntRange(1), default=_PAGE, show_default=True, help="At most.")
@with_json
def list_(limit: int, as_json: bool) -> None:
    """List runs, newest first."""
    with opened(paying=False) as services:
        runs = list(islice(_every(services), limit))
    if as_json:
        echo_record({"runs": BulkRunSchema(many=True).dump(runs)})
        return
    echo_table(_RUN_COLUMNS, map(_run_cells, runs))
    click.echo(f"{plural(len(runs), 'run')}.")


@bulk.command(short_help="Show BULK_ID: how far it has got, and its sums.")
@_run
@with_json
def show(bulk_id: str, as_json: bool) -> None:
    """Show BULK_ID: how far it has got, its sums, and its payments by status."""
    with opened(paying=False) as services:
        _print_run(services.bulk_runs.get(bulk_id), as_json)


@bulk.command()
@_run
@click.option("--status", type=click.Choice(["accepted", "rejected"]), help="Only such rows.")
@click.option("--limit", type=click.IntRange(1), default=_PAGE, show_default=True, help="At most.")
@with_json
@click.option("--ndjson", is_flag=True, help="Print one JSON object a line, as they are read.")
def rows(bulk_id: str, status: str | None, limit: int, as_json: bool, ndjson: bool) -> None:
    """List what became of the rows of BULK_ID, as far as it has got."""
    rejected = {"accepted": False, "rejected": True}.get(status or "")
    with opened(paying=False) as services:
        found = islice(_rows(services, services.bulk_runs.get(bulk_id), rejected), limit)
        if ndjson:
            for each in found:
                click.echo(json.dumps(BulkRowSchema().dump(each)))
            return
        shown = list(found)
    if as_json:
        echo_record({"rows": BulkRowSchema(many=True).dump(shown)})
        return
    echo_table(_ROW_COLUMNS, map(_row_cells, shown))
    click.echo(f"{plural(len(shown), 'row')}.")


@bulk.command(short_help="Hold BULK_ID, with its payments, until its release.")
@_run
@click.option("--note", type=OneLine(REASON_MAX), required=True, help="Why; kept with the hold.")
@with_json
@with_operator
def hold(bulk_id: str, note: str, as_json: bool, by: Actor) -> None:
    """Hold BULK_ID until its release: none of its payments is sent, and no row becomes one."""
    _do(lambda services: services.bulk_runs.hold(bulk_id, note, by), as_json)


@bulk.command()
@_run
@with_json
@with_operator
def release(bulk_id: str, as_json: bool, by: Actor) -> None:
    """Release BULK_ID: it goes on where it was."""
    _do(lambda services: services.bulk_runs.release(bulk_id, by), as_json)


@bulk.command()
@_run
@click.option("--note", type=OneLine(NOTE_MAX), default=None, help="What was checked; kept.")
@with_json
@with_operator
def approve(bulk_id: str, note: str | None, as_json: bool, by: Actor) -> None:
    """Approve the payments of BULK_ID that await approval.

    Whoever asked for the run cannot approve it, and each approver counts once.
    """
    _do(lambda services: services.bulk_runs.approve(bulk_id, by, note or ""), as_json)


@bulk.command(short_help="Reject the payments of BULK_ID that await approval.")
@_run
@click.option("--note", type=OneLine(NOTE_MAX), required=True, help="Why; kept with the payments.")
@with_json
@with_operator
def reject(bulk_id: str, note: str, as_json: bool, by: Actor) -> None:
    """Reject the payments of BULK_ID that await approval: they never leave."""
    _do(lambda services: services.bulk_runs.reject(bulk_id, by, note), as_json)


@bulk.command(short_help="Cancel BULK_ID, and its payments that can be.")
@_run
@with_json
@with_operator
def cancel(bulk_id: str, as_json: bool, by: Actor) -> None:
    """Cancel BULK_ID: no row becomes a payment any more, and what has not left is cancelled."""
    _do(lambda services: services.bulk_runs.cancel(bulk_id, by), as_json)


def _do(change: Callable[[Services], BulkRun], as_json: bool) -> None:
    with opened(paying=False) as services:
        _print_run(change(services), as_json)


def _every(services: Services) -> Iterator[BulkRun]:
    before: str | None = None
    while True:
        page = services.bulk_runs.page(_PAGE, before)
        yield from page.runs
        before = page.last_read
        if before is None:
            return


def _rows(services: Services, run: BulkRun, rejected: bool | None) -> Iterator[ShownOutcome]:
    after: int | None = 0
    while after is not None:
        outcomes, after = services.bulk_runs.outcomes(run, _PAGE, rejected=rejected, after=after)
        yield from services.bulk_runs.shown(outcomes)


def _run_cells(run: BulkRun) -> tuple[str, ...]:
    status = "held" if run.held_by and run.is_open else run.status.value
    counts = f"{run.total:,}", f"{run.rejected:,}"
    return run.bulk_id, status, *counts, printable(run.created_by or "-"), _sums(run) or "-"


def _row_cells(row: ShownOutcome) -> tuple[str, ...]:
    status = row.payment_status or ("rejected" if row.problems else "fine")
    problems = "; ".join(f"{column} {message}".strip() for column, message in row.problems)
    return str(row.line), printable(row.customer_id), row.payment_id or "-", str(status), problems


def _sums(run: BulkRun) -> str:
    sums = sorted(run.sums.items())
    return ", ".join(money_text(Money(amount, currency)) for currency, amount in sums)


def _print_run(run: BulkRun, as_json: bool) -> None:
    if as_json:
        echo_record(BulkRunSchema().dump(run))
        return
    dry = ", a dry run" if run.is_dry else ""
    click.echo(f"run       {run.bulk_id}: {run.status}, mode {run.mode}{dry}")
    done = f"{run.accepted:,} fine, {run.rejected:,} not"
    click.echo(f"rows      {done}, of {run.total:,}")
    if run.sums:
        click.echo(f"sums      {_sums(run)}")
    if run.tally is not None:
        counts = ", ".join(f"{count:,} {name}" for name, count in sorted(run.tally.counts.items()))
        click.echo(f"payments  {counts or 'none'}, as of {short(run.tally.as_of)}")
    asked = f"{short(run.created_at)} by {printable(run.created_by or '-')}"
    click.echo(f"asked     {asked}, ended {short(run.completed_at)}")
    if run.held_by:
        click.echo(f"held      by {printable(run.held_by)}: {printable(run.reason)}")
    if run.order is not None:
        state = "a running service carries it out" if run.has_open_order else "done"
        by = printable(run.order.by or "-")
        click.echo(f"order     {run.order.action} by {by}, {short(run.order.at)}: {state}")
