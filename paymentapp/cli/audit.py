"""Commands that check and show the record of each disbursement."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
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
    short,
    with_period,
)
from paymentapp.clock import to_text
from paymentapp.errors import NotFound
from paymentapp.masking import masked, printable
from paymentapp.models.batches import Batch
from paymentapp.models.currencies import money_text
from paymentapp.models.payments import Payment, PaymentKey, Status

if TYPE_CHECKING:
    from paymentapp.bootstrap import Services
    from paymentapp.models.caller_texts import CallerTexts
    from paymentapp.models.settled import Settled
    from paymentapp.services.backoffice.audit import Audit, AuditFinding
    from paymentapp.services.backoffice.period import Period
    from paymentapp.services.customer_history import ShownEntry
    from paymentapp.services.payees import PayeeDisplay
    from paymentapp.services.waiting import Wait
    from paymentapp.storage.base import Store

_WIDTHS = (7, 46, 44)
_HISTORY = (27, 17, 8)
_CHANGES = (7, 27, 16, 8, 20, 10)


@click.group()
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
    for number, each in enumerate(found):
        if not number:
            click.echo(line(_WIDTHS, ("CHECK", "PAYMENT", "BATCH", "FINDING")))
        text = f"warning: {each.text}" if each.warning else each.text
        cells = (each.check, " ".join(each.payment), each.batch_id or "-", text)
        click.echo(line(_WIDTHS, cells))
    findings, warnings = counts
    warned = f", {plural(warnings, 'warning')}" if warnings else ""
    checked = f"{plural(run.batches, 'batch')} and {plural(run.payments, 'payment')}"
    result = plural(findings, "finding") if findings else "no finding"
    click.echo(f"{checked} checked: {result}{warned}.")


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
def show(customer_id: str, payment_id: str) -> None:
    """Show the history of payment PAYMENT_ID of customer CUSTOMER_ID.

    Includes each batch that it was in, the provider's references, and an operator's decision where
    one was made.
    """
    with opened() as services:  # with its providers, which alone can open a payee's details
        print_story(known_payment(services, customer_id, payment_id), services)


def known_payment(services: Services, customer_id: str, payment_id: str) -> Payment:
    """Return the payment that a command's arguments name. Raises NotFound."""
    payment = services.store.get_payment(PaymentKey(customer_id, payment_id))
    if payment is None:
        raise NotFound(f"customer {customer_id!r} has no payment {payment_id!r}")
    return payment


def print_story(payment: Payment, services: Services) -> None:
    """Print all that is on record of a payment, in the order in which it happened."""
    _print_payment(payment, services.payees.of(payment, payment.payment_method))
    _print_wait(services.waiting.of(payment))
    _print_approvals(payment)
    _print_history(payment)
    for batch_id in dict.fromkeys(_batches_of(payment)):
        _print_batch(batch_id, services.store)


def _print_payment(payment: Payment, payee: PayeeDisplay) -> None:
    click.echo(f"payment   {payment.customer_id} {payment.payment_id}")
    paid = f"{money_text(payment.money)} by {payee.method} to {payee.words}"
    click.echo(f"          {paid}: {payment.status}")
    if payment.scheduled_at is not None:
        click.echo(f"scheduled {to_text(payment.scheduled_at)}")
    _print_texts(payment.texts)
    if payment.retry_of:
        click.echo(f"retry of  {payment.retry_of}")
    if payment.retried_by:
        click.echo(f"retried   by {payment.retried_by}")
    if payment.reason:
        click.echo(f"reason    {payment.reason}")
    if payment.provider_item_id:
        ids = f"item {payment.provider_item_id}, transaction {payment.transaction_id or '-'}"
        click.echo(f"provider  {ids}, last reported {payment.provider_status}")
    _print_settled(payment.settled)


def _print_settled(settled: Settled) -> None:
    if settled.at is not None or settled.fee is not None:
        click.echo(
            f"settled   {short(settled.at)}, fee {money_text(settled.fee) if settled.fee else '-'}"
        )
    if settled.exchange is not None:
        source, target, rate = settled.exchange
        click.echo(f"exchanged {source} to {target}{f', rate {rate}' if rate else ''}")


def _print_texts(texts: CallerTexts) -> None:
    named = (("reference", texts.reference), ("for", texts.description))
    for name, text in named:
        if text is not None:
            click.echo(f"{name:9} {printable(text)}")
    for key, text in texts.metadata:
        click.echo(f"metadata  {key}: {printable(text)}")
    for name, text in texts.shown_options.items():
        click.echo(f"option    {name}: {printable(text)}")


def _print_approvals(payment: Payment) -> None:
    if payment.approval is not None:
        click.echo(f"rule      {payment.approval_rule}")
    for each in payment.approvals:
        void = ", void since: the details have changed" if each.void else ""
        note = f": {printable(each.note)}" if each.note else ""
        click.echo(f"approved  {short(each.at)} by {each.by or '-'}{void}{note}")


def _print_wait(wait: Wait | None) -> None:
    if wait is not None:
        click.echo(f"waits     for {wait.reason} since {short(wait.since)}")


def _print_history(payment: Payment) -> None:
    click.echo()
    for move in payment.history:
        by = f"by {move.by}" if move.by else ""
        rest = "  ".join(filter(None, (move.reference, by)))
        cells = (to_text(move.at), move.status, move.cause, rest)
        click.echo(line(_HISTORY, cells))


def _batches_of(payment: Payment) -> Iterator[str]:
    yield from (m.reference for m in payment.history if m.status is Status.SUBMITTING)
    if payment.batch_id:
        yield payment.batch_id


def _print_batch(batch_id: str, store: Store) -> None:
    batch = store.get_batch(batch_id)
    click.echo(f"\nbatch     {batch_id}: {batch.state if batch else 'not on record'}")
    if batch is not None:
        frozen, accepted = short(batch.frozen_at), short(batch.accepted_at)
        click.echo(f"          frozen {frozen}, accepted {accepted}, {_reference(batch)}")
        print_decision(batch)


def _reference(batch: Batch) -> str:
    return f"{batch.provider} has it as {batch.reference}" if batch.reference else "no reference"


def print_decision(batch: Batch) -> None:
    """Print the operator's decision about a batch, where there is one."""
    decision = batch.decision
    if decision is not None:
        click.echo(f"decided   {short(decision.at)} {decision.resolution} by {decision.person}")
        click.echo(f"          because: {decision.note}")
        click.echo(f"          evidence: {decision.evidence}")


@audit.command()
@click.argument("customer_id")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def customer(customer_id: str, as_json: bool) -> None:
    """Show what has changed in the record of customer CUSTOMER_ID, newest first.

    Each change with its time, who made it, and the details, masked; `sealed` where no key opens
    them.
    """
    with opened() as services:
        found = services.history.every(customer_id)
        if as_json:
            changes = [_change(shown) for shown in found]
            click.echo(json.dumps({"customer_id": customer_id, "history": changes}, indent=1))
            return
        lines = [line(_CHANGES, _cells(shown)) for shown in found]
    if lines:
        click.echo(line(_CHANGES, ("VERSION", "AT", "WHAT", "CAUSE", "BY", "METHOD", "DETAILS")))
    for text in lines or ["No change is on record."]:
        click.echo(text)


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
