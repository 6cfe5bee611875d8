"""Commands for batches whose outcome stayed unknown: the evidence, and a person's decision."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import click

from paymentapp.cli.common import OperatorText, ProgressReport, opened, plural, short
from paymentapp.clock import to_text
from paymentapp.masking import masked
from paymentapp.models.batches import Batch, Resolution
from paymentapp.providers.registry import every_provider
from paymentapp.services.backoffice.parked_batches import OperatorNote, OverduePayment, ParkedCase
from paymentapp.services.dispatch.parking import in_words, parking_rule

_SHOWN = 10  # members of a batch; JSON has them all


class _Explained(click.Group):
    """Its help has a line for each provider, from what the providers declare."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        with formatter.indentation():
            for provider in every_provider().values():
                formatter.write_paragraph()
                formatter.write_text(parking_rule(provider))


@click.group(cls=_Explained)
def parked() -> None:
    """List and resolve batches that only a person can decide.

    A batch is parked at once where nobody but a person can find out whether its provider has it,
    and where it has had no outcome for so long that it must not be sent again:
    """


@parked.command("list")
@click.option("--ask", is_flag=True, help="Also ask the provider's books about each, now.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also payments that the provider took long ago and that have no outcome yet, held by it, "
    "for example. Reads every batch.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_parked(ask: bool, everything: bool, as_json: bool) -> None:
    """Show parked batches, longest waiting first, with the evidence for each."""
    from paymentapp.bootstrap_backoffice import build_backoffice

    with opened() as services:
        progress = ProgressReport("parked")
        service = build_backoffice(services, progress).parked
        found = []
        for case in service.cases():
            found.append((case, service.asked(case) if ask else None))
            progress(f"{plural(len(found), 'batch')} asked about")
        lingering = list(service.lingering()) if everything else []
        names = dict.fromkeys(case.batch.provider for case, _ in found)
        known = [services.providers[name] for name in names if name in services.providers]
        rules = [parking_rule(provider) for provider in known]
    if as_json:
        cases = [_case_record(case, answer) for case, answer in found]
        others = [_lingering_record(each) for each in lingering]
        click.echo(json.dumps({"parked": cases, "lingering": others}, indent=1))
        return
    for case, answer in found:
        _print_case(case, answer)
    click.echo(f"{plural(len(found), 'batch')} parked." if found else "No batch is parked.")
    for rule in rules:
        click.echo(rule)
    if everything:
        _print_lingering(lingering, service.long)


def _print_case(case: ParkedCase, answer: str | None) -> None:
    batch, members = case
    click.echo(f"batch     {batch.batch_id}")
    click.echo(f"          {batch.provider}, {case.total}, {plural(len(members), 'payment')}")
    click.echo(f"frozen    {short(batch.frozen_at)}")
    click.echo(f"attempts  {batch.attempts}, the last: {batch.last_error or 'not known'}")
    if answer is not None:
        click.echo(f"asked     {answer}")
    for number, member in enumerate(members[:_SHOWN]):
        label = "" if number else "members"
        who = f"{member.customer_id} {member.payment_id}"
        click.echo(f"{label:<8}  {who}  {member.money}  {masked(member.email)}")
    if len(members) > _SHOWN:
        click.echo(f"{'':<8}  and {plural(len(members) - _SHOWN, 'other')}")
    click.echo()


def _print_lingering(lingering: list[OverduePayment], length: timedelta) -> None:
    what = plural(len(lingering), "payment")
    click.echo(f"\n{what} without an outcome for over {in_words(length)}.")
    for payment, batch in lingering:
        said = payment.provider_status or "nothing"
        click.echo(
            f"  {payment.customer_id} {payment.payment_id}  {payment.money}  {payment.status}, "
            f"{batch.provider} says {said}  batch {batch.batch_id} as {batch.reference}"
        )


def _case_record(case: ParkedCase, answer: str | None) -> dict[str, object]:
    batch = case.batch
    return {
        "batch_id": batch.batch_id,
        "provider": batch.provider,
        "currency": batch.currency,
        "total": str(case.total.amount),
        "frozen_at": to_text(batch.frozen_at) if batch.frozen_at else None,
        "attempts": batch.attempts,
        "last_error": batch.last_error,
        "asked": answer,
        "members": [
            {
                "customer_id": member.customer_id,
                "payment_id": member.payment_id,
                "item_id": member.item_id,
                "amount": str(member.money.amount),
                "receiver": masked(member.email),
            }
            for member in case.members
        ],
    }


def _lingering_record(found: OverduePayment) -> dict[str, object]:
    payment, batch = found
    return {
        "customer_id": payment.customer_id,
        "payment_id": payment.payment_id,
        "amount": str(payment.money.amount),
        "currency": payment.money.currency,
        "status": payment.status,
        "provider_status": payment.provider_status,
        "batch_id": batch.batch_id,
        "reference": batch.reference,
    }


@parked.command()
@click.argument("batch_id")
@click.option(
    "--as",
    "verdict",
    type=click.Choice([each.value for each in Resolution]),
    required=True,
    help="What became of it: the provider has it, or did nothing and never will.",
)
@click.option("--reference", help="With accepted: the provider's own id of the batch.")
@click.option("--by", "person", type=OperatorText(80), required=True, help="Who decides.")
@click.option(
    "--note", type=OperatorText(500), required=True, help="Why; kept with the batch for good."
)
@click.option("--confirm", metavar="BATCH_ID", help="The batch id once more; needed for not-sent.")
def resolve(
    batch_id: str,
    verdict: str,
    reference: str | None,
    person: str,
    note: str,
    confirm: str | None,
) -> None:
    """Say what became of the parked batch BATCH_ID.

    accepted: the provider has it under --reference, which it is asked to confirm; its payments
    are followed from now on. not-sent: it did nothing, which its books must not contradict; the
    payments go out again in a new batch. Wrongly said, that pays people twice.
    """
    from paymentapp.bootstrap_backoffice import build_backoffice

    if confirm is not None and confirm != batch_id:
        raise click.UsageError("--confirm names another batch")
    word = OperatorNote(person, note)
    with opened() as services:
        service = build_backoffice(services, ProgressReport("parked")).parked
        if verdict == Resolution.ACCEPTED:
            if not reference or not reference.strip():
                raise click.UsageError("accepted needs --reference, the provider's id of the batch")
            batch = service.accept(batch_id, reference.strip(), word, confirmed=confirm is not None)
        else:
            if confirm is None:
                raise click.UsageError(f"not-sent needs --confirm {batch_id}")
            batch = service.not_sent(batch_id, word)
        statuses = service.statuses(batch)
    _print_resolved(batch, statuses)


def _print_resolved(batch: Batch, statuses: Counter[str]) -> None:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    click.echo(f"batch {batch.batch_id} is {batch.state}; payments: {counts}")
    decision = batch.decision
    if decision is not None:
        click.echo(f"decided {decision.verdict} by {decision.person}; {decision.evidence}")
