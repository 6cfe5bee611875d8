"""Commands for what providers have said and what could not be applied: an operator records it."""

from __future__ import annotations

import json

import click

from paymentapp.cli.common import OPERATOR_MAX, OneLine, ProgressReport, opened, plural, short
from paymentapp.clock import to_text
from paymentapp.masking import printable
from paymentapp.models.payments import PaymentKey
from paymentapp.models.provider_events import EventDecision, EventResolution
from paymentapp.services.backoffice.open_cases import CaseResolution, OpenCase


@click.group()
def inbox() -> None:
    """List, show and record what could not be applied to any payment.

    Files of a bank that cannot be read, or not wholly; entries that match no payment of ours;
    events that contradict what is on record. While a file of a bank lies unread, no payment of that
    bank succeeds by waiting.
    """


@inbox.command("list")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Read every event, to find also those that version 0.2 or an earlier one has set aside.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_inbox(everything: bool, as_json: bool) -> None:
    """Show what waits for an operator: unread files, then events, longest waiting first."""
    from paymentapp.bootstrap_backoffice import build_backoffice

    with opened() as services:
        service = build_backoffice(services, ProgressReport("inbox")).open_cases
        found = service.cases(everything=everything)
    if as_json:
        click.echo(json.dumps({"inbox": [_record(case) for case in found]}, indent=1))
        return
    for case in found:
        click.echo(f"{case.case_id}  {case.provider}  {case.kind}  {short(case.since)}")
        click.echo(f"    {printable(case.reason)}")
    if found:
        click.echo(f"{plural(len(found), 'item')} waiting: `paymentapp inbox show ID` says more.")
    else:
        click.echo("Nothing waits for an operator.")


@inbox.command()
@click.argument("case_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(case_id: str, as_json: bool) -> None:
    """Show what a file or an event says, as far as it could be read; no account is in it."""
    from paymentapp.bootstrap_backoffice import build_backoffice

    with opened() as services:
        case = build_backoffice(services, ProgressReport("inbox")).open_cases.find(case_id)
    if as_json:
        click.echo(json.dumps(_record(case), indent=1))
        return
    rows = {"id": case.case_id, "provider": case.provider, "kind": case.kind}
    rows |= {"since": short(case.since), "why": case.reason}
    if case.payment is not None:
        rows["payment"] = " ".join(case.payment)
    for name, text in [*rows.items(), *case.details.items()]:
        click.echo(f"{name:<17} {printable(text)}")
    if case.decision is not None:
        click.echo(f"{'recorded':<17} {_in_words(case.decision)}")


@inbox.command()
@click.argument("case_id", metavar="ID")
@click.option(
    "--as",
    "resolution",
    type=click.Choice([each.value for each in EventResolution]),
    required=True,
    help="What became of the payment; ignored: it is about no payment of ours, or a file whose "
    "payments are all recorded.",
)
@click.option(
    "--payment", nargs=2, metavar="CUSTOMER_ID PAYMENT_ID", help="The payment that it is about."
)
@click.option(
    "--reason", "code", type=OneLine(20), help="The provider's reason code: R03, for example."
)
@click.option("--by", "person", type=OneLine(OPERATOR_MAX), required=True, help="Who decides.")
@click.option("--note", type=OneLine(500), required=True, help="Why; kept for good.")
def record(
    case_id: str,
    resolution: str,
    payment: tuple[str, str] | None,
    code: str | None,
    person: str,
    note: str,
) -> None:
    """Record what the file or event ID means.

    The payment moves by it as by a report of its provider; nothing is ever sent. A file stays
    listed until it is recorded as ignored: record each payment in it before.
    """
    from paymentapp.bootstrap_backoffice import build_backoffice

    meaning = EventResolution(resolution)
    if (payment is None) is not (meaning is EventResolution.IGNORED):
        raise click.UsageError("every resolution but ignored needs --payment, and ignored has none")
    key = PaymentKey(*payment) if payment else None
    with opened() as services:
        service = build_backoffice(services, ProgressReport("inbox")).open_cases
        moved = service.record(case_id, CaseResolution(meaning, person, note, key, code))
    if moved is None:
        click.echo(f"{case_id} is recorded as ignored.")
    else:
        click.echo(f"payment {' '.join(moved.key)} is {moved.status}.")


def _record(case: OpenCase) -> dict[str, object]:
    decision = case.decision
    return {
        "id": case.case_id,
        "provider": case.provider,
        "kind": case.kind,
        "since": to_text(case.since),
        "reason": case.reason,
        "customer_id": case.payment.customer_id if case.payment else None,
        "payment_id": case.payment.payment_id if case.payment else None,
        "details": dict(case.details),
        "recorded": _in_words(decision) if decision else None,
    }


def _in_words(decision: EventDecision) -> str:
    payment = f" of {' '.join(decision.payment)}" if decision.payment else ""
    when = short(decision.at)
    return f"{decision.resolution}{payment} by {decision.person} at {when}: {decision.note}"
