"""Commands for what providers have said and what could not be applied: an operator records it."""

from __future__ import annotations

from collections.abc import Iterator

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
from paymentapp.cli.tables import TableColumn, echo_fields, echo_table
from paymentapp.clock import to_text
from paymentapp.masking import printable
from paymentapp.models.payments import PaymentKey
from paymentapp.models.provider_events import EventDecision, EventResolution
from paymentapp.services.backoffice.open_cases import CaseResolution, OpenCase

_COLUMNS = (
    TableColumn("ID", 39),
    TableColumn("PROVIDER", 8, whole=True),
    TableColumn("KIND", 16),
    TableColumn("SINCE", 20, needs=100),
    TableColumn("WHY"),
)


@click.group()
def inbox() -> None:
    """List, show and record what could not be applied to any payment.

    Files of a bank that cannot be read, or not wholly; entries that match no payment of ours;
    events that contradict what is on record. While a file of a bank lies unread, no payment of that
    bank succeeds by waiting.
    """


@inbox.command("list", short_help="Show what waits for an operator.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Read every event, to find also those that version 0.2 or an earlier one has set aside.",
)
@with_json
def list_inbox(everything: bool, as_json: bool) -> None:
    """Show what waits for an operator: unread files, then events, longest waiting first."""
    from paymentapp.bootstrap_backoffice import build_backoffice

    with opened() as services:
        service = build_backoffice(services, ProgressReport("inbox")).open_cases
        found = service.cases(everything=everything)
    if as_json:
        echo_record({"inbox": [_record(case) for case in found]})
        return
    echo_table(_COLUMNS, map(_cells, found))
    if found:
        click.echo(f"{plural(len(found), 'item')} waiting: `paymentapp inbox show ID` says more.")
    else:
        click.echo("Nothing waits for an operator.")


@inbox.command(short_help="Show what a file or an event says.")
@click.argument("case_id", metavar="ID")
@with_json
def show(case_id: str, as_json: bool) -> None:
    """Show what a file or an event says, as far as it could be read; no account is in it."""
    from paymentapp.bootstrap_backoffice import build_backoffice

    with opened() as services:
        case = build_backoffice(services, ProgressReport("inbox")).open_cases.find(case_id)
    if as_json:
        echo_record(_record(case))
    else:
        echo_fields(_fields(case), indent=18)


def _cells(case: OpenCase) -> tuple[str, ...]:
    return case.case_id, case.provider, case.kind, short(case.since), printable(case.reason)


def _fields(case: OpenCase) -> Iterator[tuple[str, str]]:
    yield from (("id", case.case_id), ("provider", case.provider), ("kind", case.kind))
    yield from (("since", short(case.since)), ("why", printable(case.reason)))
    if case.payment is not None:
        yield "payment", printable(" ".join(case.payment))
    for name, text in case.details.items():
        yield name, printable(text)
    if case.decision is not None:
        yield "recorded", _in_words(case.decision)


@inbox.command(short_help="Record what one means, or what is known of a payment.")
@click.argument("case_id", metavar="[ID]", default="", required=False)
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
@with_json
def record(
    case_id: str,
    resolution: str,
    payment: tuple[str, str] | None,
    code: str | None,
    person: str,
    note: str,
    as_json: bool,
) -> None:
    """Record what the file or event ID means; without ID, what is known of a payment elsewhere.

    The payment moves by it as by a report of its provider; nothing is ever sent. A file stays
    listed until it is recorded as ignored: record each payment in it before. Without ID it is for
    providers that tell no return: a bank's statement does.
    """
    from paymentapp.bootstrap_backoffice import build_backoffice

    meaning = EventResolution(resolution)
    if (payment is None) is not (meaning is EventResolution.IGNORED):
        raise click.UsageError("every resolution but ignored needs --payment, and ignored has none")
    if not case_id and payment is None:
        raise click.UsageError("name the file or event, or --payment")
    key = PaymentKey(*payment) if payment else None
    resolved = CaseResolution(meaning, person, note, key, code)
    with opened() as services:
        service = build_backoffice(services, ProgressReport("inbox")).open_cases
        moved = service.record(case_id, resolved) if case_id else service.record_payment(resolved)
    if as_json:
        status = moved.status if moved else None
        echo_record({"id": case_id or None, "recorded": meaning, "payment_status": status})
    elif moved is None:
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
