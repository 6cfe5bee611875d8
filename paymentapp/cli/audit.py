"""Commands that check and show the record of each disbursement."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import click

from paymentapp.cli.common import (
    ProgressReport,
    echo_json,
    echo_json_end,
    echo_record,
    opened,
    period_of,
    plural,
    with_json,
    with_period,
)
from paymentapp.cli.payment_story import known_payment, print_story, story_record
from paymentapp.cli.tables import PrintedTable, TableColumn, echo_table, echo_text
from paymentapp.clock import to_text
from paymentapp.masking import masked, printable

if TYPE_CHECKING:
    from paymentapp.services.backoffice.audit import Audit, AuditFinding
    from paymentapp.services.backoffice.period import Period
    from paymentapp.services.customer_history import ShownEntry

_FINDINGS = (
    TableColumn("CHECK", 7, whole=True),
    TableColumn("PAYMENT", 46),
    TableColumn("BATCH", 44, needs=120),
    TableColumn("FINDING"),
)
_CHANGES = (
    TableColumn("VERSION", 7, whole=True, right=True),
    TableColumn("AT", 27, whole=True),
    TableColumn("WHAT", 16),
    TableColumn("CAUSE", 8, needs=100),
    TableColumn("BY", 20),
    TableColumn("METHOD", 10),
    TableColumn("DETAILS"),
)


@click.group(short_help="Check histories; show one payment's or customer's.")
def audit() -> None:
    """Check every disbursement's history, or show one payment's or customer's."""


@audit.command()
@with_period
def verify(start: datetime | None, end: datetime | None, as_json: bool) -> None:
    """Check that every history is legal.

    For each disbursement requested between --from and --to: its history begins with the request,
    proceeds in time (with 5 minutes' tolerance between two machines' clocks) by legal transitions
    and ends with the payment's status; the other fields agree with that; its batch exists and
    lists it once; no other batch that was sent lists it. A record over a kilobyte is only a
    warning.

    Exit status: 0 no findings; 1 findings; 2 not everything could be read.
    """
    from paymentapp.bootstrap_backoffice import build_backoffice

    with opened(paying=False) as services:
        period = period_of(start, end, services.clock())
        run = build_backoffice(services, ProgressReport("audit")).audit
        found = _counted(run.verify(period), counts := [0, 0])
        if as_json:
            _print_json(period, found, run, counts)
        else:
            _print_table(found, run, counts)
    sys.exit(1 if counts[False] else 0)


def _counted(found: Iterable[AuditFinding], counts: list[int]) -> Iterator[AuditFinding]:
    """Count findings in the first place and warnings in the second."""
    for each in found:
        counts[each.warning] += 1
        yield each


def _print_table(found: Iterable[AuditFinding], run: Audit, counts: list[int]) -> None:
    with PrintedTable(_FINDINGS) as table:
        for each in found:
            text = f"warning: {each.text}" if each.warning else each.text
            table.add((each.check, " ".join(each.payment), each.batch_id or "-", text))
    findings, warnings = counts
    warned = f", {plural(warnings, 'warning')}" if warnings else ""
    checked = f"{plural(run.batches, 'batch')} and {plural(run.payments, 'payment')}"
    result = plural(findings, "finding") if findings else "no finding"
    echo_text(f"{checked} checked: {result}{warned}.")


def _print_json(
    period: Period, found: Iterable[AuditFinding], run: Audit, counts: list[int]
) -> None:
    head: dict[str, object] = {"from": to_text(period.start), "to": to_text(period.end)}
    echo_json(head, "findings", map(_record, found))
    echo_json_end({"batches": run.batches, "payments": run.payments, "warnings": counts[True]})


def _record(found: AuditFinding) -> dict[str, object]:
    return {
        "check": found.check,
        "warning": found.warning,
        "customer_id": found.payment.customer_id,
        "payment_id": found.payment.payment_id,
        "batch_id": found.batch_id,
        "text": found.text,
    }


@audit.command()
@click.argument("customer_id")
@click.argument("payment_id")
@with_json
def show(customer_id: str, payment_id: str, as_json: bool) -> None:
    """Show the history of payment PAYMENT_ID of customer CUSTOMER_ID.

    Includes each batch that it was in, the provider's references, and an operator's decision where
    one was made.
    """
    with opened() as services:  # with its providers, which alone can open a payee's details
        payment = known_payment(services, customer_id, payment_id)
        if as_json:
            echo_record(story_record(payment, services))
        else:
            print_story(payment, services)


@audit.command(short_help="Show what has changed in the record of CUSTOMER_ID.")
@click.argument("customer_id")
@with_json
def customer(customer_id: str, as_json: bool) -> None:
    """Show what has changed in the record of customer CUSTOMER_ID, newest first.

    Each change with its time, who made it, and the details, masked; `sealed` where no key opens
    them.
    """
    with opened() as services:
        found = list(services.history.every(customer_id))
    if as_json:
        changes = [_change(shown) for shown in found]
        echo_record({"customer_id": customer_id, "history": changes})
        return
    echo_table(_CHANGES, map(_cells, found))
    if not found:
        click.echo("No change is on record.")


def _cells(shown: ShownEntry) -> tuple[str, ...]:
    entry = shown.entry
    told = (shown.display, masked(entry.email) if entry.email else None, entry.note)
    return (
        str(entry.version),
        to_text(entry.at),
        entry.action,
        entry.cause,
        entry.by or "-",
        entry.method or "-",
        "  ".join(printable(text) for text in told if text) or "-",
    )


def _change(shown: ShownEntry) -> dict[str, object]:
    entry = shown.entry
    return {
        "version": entry.version,
        "at": to_text(entry.at),
        "what": entry.action.value,
        "cause": entry.cause.value,
        "by": entry.by or None,
        "email": masked(entry.email) if entry.email else None,
        "payment_method": entry.method,
        "payee": shown.display,
        "note": entry.note,
    }
