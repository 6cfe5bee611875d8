"""Commands for parked batches: the evidence, and an operator's decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

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
from paymentapp.cli.payment_story import decision_record
from paymentapp.cli.tables import TableColumn, echo_fields, echo_table, echo_text
from paymentapp.clock import maybe_text, to_text
from paymentapp.models.batches import Batch, Resolution, StopOrder
from paymentapp.models.currencies import money_text
from paymentapp.providers.registry import every_provider
from paymentapp.services.backoffice.parked_batches import OperatorNote, OverduePayment, ParkedCase
from paymentapp.services.dispatch.parking import in_words, parking_rule
from paymentapp.services.payees import PayeeDisplays

_SHOWN = 10  # members of a batch; JSON has them all
_OVERDUE = (
    TableColumn("PAYMENT", 27, whole=True),
    TableColumn("CUSTOMER", 24),
    TableColumn("AMOUNT", 18, whole=True, right=True),
    TableColumn("PAYEE", 24, needs=120),
    TableColumn("STATUS", 17, needs=120),
    TableColumn("PROVIDER SAYS", 40),
    TableColumn("BATCH", needs=160),
)


class _ProviderRulesGroup(click.Group):
    """A group whose help has a line for each provider, from the providers' declarations."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        with formatter.indentation():
            for provider in every_provider().values():
                formatter.write_paragraph()
                formatter.write_text(parking_rule(provider))


@click.group(cls=_ProviderRulesGroup)
def parked() -> None:
    """List and resolve batches that need an operator's decision.

    A batch is parked at once where no call can determine whether its provider has it, where an
    operator says so (`add`), and where it has had no outcome for so long that it must not be sent
    again:
    """


@parked.command("list", short_help="Show parked batches with the evidence for each.")
@click.option("--ask", is_flag=True, help="Also search the provider's books for each, now.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also payments that the provider accepted long ago and that have no outcome yet, for "
    "example because it holds them. Reads every batch.",
)
@with_json
def list_parked(ask: bool, everything: bool, as_json: bool) -> None:
    """Show parked batches with the evidence for each, the longest waiting first."""
    from paymentapp.bootstrap_backoffice import build_backoffice

    with opened() as services:
        progress = ProgressReport("parked")
        service = build_backoffice(services, progress).parked
        found = []
        for case in service.cases():
            found.append((case, service.search_result(case) if ask else None))
            progress(f"{plural(len(found), 'batch')} searched for")
        overdue = list(service.overdue()) if everything else []
        names = dict.fromkeys(case.batch.provider for case, _ in found)
        known = [services.providers[name] for name in names if name in services.providers]
        rules = [parking_rule(provider) for provider in known]
        payees = services.payees
    if as_json:
        cases = [_case_record(case, answer, payees) for case, answer in found]
        others = [_overdue_record(each, payees) for each in overdue]
        echo_record({"parked": cases, "lingering": others})
        return
    for case, answer in found:
        echo_fields(_fields(case, answer, payees))
        click.echo()
    click.echo(f"{plural(len(found), 'batch')} parked." if found else "No batch is parked.")
    for rule in rules:
        echo_text(rule)
    if everything:
        _print_overdue(overdue, service.overdue_after, payees)


def _fields(
    case: ParkedCase, answer: str | None, payees: PayeeDisplays
) -> Iterator[tuple[str, str]]:
    batch, members = case
    yield "batch", batch.batch_id
    yield "", f"{batch.provider}, {money_text(case.total)}, {plural(len(members), 'payment')}"
    yield "frozen", short(batch.frozen_at)
    yield "attempts", f"{batch.attempts}, the last: {batch.last_error or 'not known'}"
    stop = batch.stop_order
    if stop is not None:
        yield "stopped", f"{short(stop.at)} by {stop.person}: {stop.note}"
    if answer is not None:
        yield "asked", answer
    for number, member in enumerate(members[:_SHOWN]):
        who = f"{member.customer_id} {member.payment_id}"
        payee = payees.of(member, batch.provider).words
        yield "" if number else "members", f"{who}  {money_text(member.money)}  {payee}"
    if len(members) > _SHOWN:
        yield "", f"and {plural(len(members) - _SHOWN, 'other')}"


def _print_overdue(overdue: list[OverduePayment], length: timedelta, payees: PayeeDisplays) -> None:
    what = plural(len(overdue), "payment")
    click.echo(f"\n{what} without an outcome for over {in_words(length)}.")
    echo_table(_OVERDUE, (_overdue_cells(each, payees) for each in overdue))


def _overdue_cells(found: OverduePayment, payees: PayeeDisplays) -> tuple[str, ...]:
    payment, batch = found
    said = ": ".join(filter(None, [payment.provider_status or "nothing", payment.reason]))
    return (
        payment.payment_id,
        payment.customer_id,
        money_text(payment.money),
        payees.of(payment, batch.provider).words,
        payment.status,
        f"{batch.provider}: {said}",
        f"batch {batch.batch_id} as {batch.reference}",
    )


def _case_record(case: ParkedCase, answer: str | None, payees: PayeeDisplays) -> dict[str, object]:
    batch = case.batch
    return {
        "batch_id": batch.batch_id,
        "provider": batch.provider,
        "currency": batch.currency,
        "total": str(case.total.amount),
        "frozen_at": maybe_text(batch.frozen_at),
        "attempts": batch.attempts,
        "last_error": batch.last_error,
        "stopped": _stop_record(batch.stop_order),
        "asked": answer,
        "members": [
            {
                "customer_id": member.customer_id,
                "payment_id": member.payment_id,
                "item_id": member.item_id,
                "amount": str(member.money.amount),
                "receiver": payee.display,
                "payee": payee._asdict(),
            }
            for member in case.members
            for payee in [payees.of(member, batch.provider)]
        ],
    }


def _stop_record(stop: StopOrder | None) -> dict[str, object] | None:
    return stop and {"at": to_text(stop.at), "by": stop.person, "note": stop.note}


def _overdue_record(found: OverduePayment, payees: PayeeDisplays) -> dict[str, object]:
    payment, batch = found
    return {
        "customer_id": payment.customer_id,
        "payment_id": payment.payment_id,
        "amount": str(payment.money.amount),
        "currency": payment.money.currency,
        "status": payment.status,
        "provider_status": payment.provider_status,
        "reason": payment.reason,
        "payee": payees.of(payment, batch.provider)._asdict(),
        "batch_id": batch.batch_id,
        "reference": batch.reference,
    }


@parked.command()
@click.argument("batch_id")
@click.option("--by", "person", type=OneLine(OPERATOR_MAX), required=True, help="Who decides.")
@click.option("--note", type=OneLine(500), required=True, help="Why; stored with the batch.")
@with_json
def add(batch_id: str, person: str, note: str, as_json: bool) -> None:
    """Park the batch BATCH_ID now: it is not sent again.

    For a batch that may have been sent, and has no outcome. A call that is under way is not
    stopped; `list` shows what became of it. `resolve` then records whether the provider has it.
    The payments of a batch that was certainly not sent can be cancelled or held instead.
    """
    from paymentapp.bootstrap_backoffice import build_backoffice

    with opened() as services:
        service = build_backoffice(services, ProgressReport("parked")).parked
        batch = service.park(batch_id, OperatorNote(person, note))
        statuses = service.statuses(batch)
    _print_resolved(batch, statuses, as_json)


@parked.command()
@click.argument("batch_id")
@click.option(
    "--as",
    "resolution",
    type=click.Choice([each.value for each in Resolution]),
    required=True,
    help="What became of it: the provider has it, or did nothing and never will.",
)
@click.option("--reference", help="With accepted: the provider's own id of the batch.")
@click.option("--by", "person", type=OneLine(OPERATOR_MAX), required=True, help="Who decides.")
@click.option("--note", type=OneLine(500), required=True, help="Why; stored with the batch.")
@click.option("--confirm", metavar="BATCH_ID", help="The batch id once more; needed for not-sent.")
@with_json
def resolve(
    batch_id: str,
    resolution: str,
    reference: str | None,
    person: str,
    note: str,
    confirm: str | None,
    as_json: bool,
) -> None:
    """Record what became of the parked batch BATCH_ID.

    accepted: the provider has it under --reference, which the provider must confirm; its payments
    are polled from now on. not-sent: the provider did nothing, which its books must not
    contradict; the payments go out again in a new batch. If that is wrong, people are paid twice.
    """
    from paymentapp.bootstrap_backoffice import build_backoffice

    if confirm is not None and confirm != batch_id:
        raise click.UsageError("--confirm names another batch")
    statement = OperatorNote(person, note)
    with opened() as services:
        service = build_backoffice(services, ProgressReport("parked")).parked
        if resolution == Resolution.ACCEPTED:
            if not reference or not reference.strip():
                raise click.UsageError("accepted needs --reference, the provider's id of the batch")
            confirmed = confirm is not None
            batch = service.accept(batch_id, reference.strip(), statement, confirmed=confirmed)
        else:
            if confirm is None:
                raise click.UsageError(f"not-sent needs --confirm {batch_id}")
            batch = service.not_sent(batch_id, statement)
        statuses = service.statuses(batch)
    _print_resolved(batch, statuses, as_json)


def _print_resolved(batch: Batch, statuses: Counter[str], as_json: bool) -> None:
    decision = batch.decision
    if as_json:
        body = {"batch_id": batch.batch_id, "state": batch.state, "statuses": statuses}
        echo_record({**body, "decision": decision_record(decision)})
        return
    counts = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    echo_text(f"batch {batch.batch_id} is {batch.state}; payments: {counts}")
    if decision is not None:
        echo_text(f"decided {decision.resolution} by {decision.person}; {decision.evidence}")
