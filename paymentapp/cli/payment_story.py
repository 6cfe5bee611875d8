"""The story of a payment: all that is on record of it, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from paymentapp.cli.common import short
from paymentapp.cli.tables import TableColumn, echo_fields, echo_table
from paymentapp.clock import maybe_text, to_text
from paymentapp.errors import NotFound
from paymentapp.masking import masked, printable
from paymentapp.models.batches import Batch, Decision
from paymentapp.models.currencies import money_text
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.schemas.payments import PaymentSchema

if TYPE_CHECKING:
    from paymentapp.bootstrap import Services
    from paymentapp.models.caller_texts import CallerTexts
    from paymentapp.models.settled import Settled
    from paymentapp.services.payees import PayeeDisplay
    from paymentapp.services.waiting import Wait

Fields = Iterator[tuple[str, str]]  # labels with their texts

_HISTORY = (
    TableColumn("AT", 27, whole=True),
    TableColumn("STATUS", 17, whole=True),
    TableColumn("CAUSE", 8),
    TableColumn("REFERENCE"),
)


def known_payment(services: Services, customer_id: str, payment_id: str) -> Payment:
    """Return the payment that a command's arguments name. Raises NotFound."""
    payment = services.store.get_payment(PaymentKey(customer_id, payment_id))
    if payment is None:
        raise NotFound(f"customer {customer_id!r} has no payment {payment_id!r}")
    return payment


def print_story(payment: Payment, services: Services) -> None:
    """Print all that is on record of a payment."""
    payee = services.payees.of(payment, payment.payment_method)
    echo_fields(_payment_fields(payment, payee))
    echo_fields(_wait_fields(services.waiting.of(payment)))
    echo_fields(_approval_fields(payment))
    click.echo()
    echo_table(_HISTORY, _history_cells(payment), plain_head=False)
    for batch_id in payment.batch_ids:
        click.echo()
        echo_fields(_batch_fields(batch_id, services.store.get_batch(batch_id)))


def story_record(payment: Payment, services: Services) -> dict[str, Any]:
    """Return what the API shows of a payment, with its batches; addresses are masked."""
    shown = services.payees.shown(payment, services.waiting.of(payment))
    batches = [services.store.get_batch(batch_id) for batch_id in payment.batch_ids]
    return {
        **PaymentSchema().dump(shown),
        "email": masked(payment.email),
        "batches": [batch_record(batch) for batch in batches if batch],
    }


def batch_record(batch: Batch) -> dict[str, Any]:
    """Return what is shown of a batch, without its payments."""
    return {
        "batch_id": batch.batch_id,
        "state": batch.state,
        "payment_method": batch.provider,
        "currency": batch.currency,
        "created_at": to_text(batch.created_at),
        "frozen_at": maybe_text(batch.frozen_at),
        "accepted_at": maybe_text(batch.accepted_at),
        "parked_at": maybe_text(batch.parked_at),
        "reference": batch.reference,
        "attempts": batch.attempts,
        "last_error": batch.last_error,
        "next_attempt_at": maybe_text(batch.attention_at),
        "decision": decision_record(batch.decision),
    }


def decision_record(decision: Decision | None) -> dict[str, str] | None:
    """Return what is shown of an operator's decision about a batch."""
    if decision is None:
        return None
    return {
        "at": to_text(decision.at),
        "resolution": decision.resolution,
        "by": decision.person,
        "note": decision.note,
        "evidence": decision.evidence,
    }


def decision_fields(batch: Batch) -> Fields:
    """Yield the operator's decision about a batch, where there is one."""
    decision = batch.decision
    if decision is not None:
        yield "decided", f"{short(decision.at)} {decision.resolution} by {decision.person}"
        yield "", f"because: {decision.note}"
        yield "", f"evidence: {decision.evidence}"


def _payment_fields(payment: Payment, payee: PayeeDisplay) -> Fields:
    yield "payment", f"{payment.customer_id} {payment.payment_id}"
    paid = f"{money_text(payment.money)} by {payee.method} to {payee.words}"
    yield "", f"{paid}: {payment.status}"
    if payment.scheduled_at is not None:
        yield "scheduled", to_text(payment.scheduled_at)
    yield from _text_fields(payment.texts)
    if payment.bulk_id:
        yield "bulk run", payment.bulk_id
    if payment.retry_of:
        yield "retry of", payment.retry_of
    if payment.retried_by:
        yield "retried", f"by {payment.retried_by}"
    if payment.reason:
        yield "reason", payment.reason
    if payment.provider_item_id:
        ids = f"item {payment.provider_item_id}, transaction {payment.transaction_id or '-'}"
        yield "provider", f"{ids}, last reported {payment.provider_status}"
    yield from _settled_fields(payment.settled)


def _settled_fields(settled: Settled) -> Fields:
    if settled.at is not None or settled.fee is not None:
        fee = money_text(settled.fee) if settled.fee else "-"
        yield "settled", f"{short(settled.at)}, fee {fee}"
    if settled.exchange is not None:
        source, target, rate = settled.exchange
        exchanged = f"{money_text(source)} to {money_text(target)}"
        yield "exchanged", f"{exchanged}{f', rate {rate}' if rate else ''}"


def _text_fields(texts: CallerTexts) -> Fields:
    named = (("reference", texts.reference), ("for", texts.description))
    for name, text in named:
        if text is not None:
            yield name, printable(text)
    for key, text in texts.metadata:
        yield "metadata", f"{key}: {printable(text)}"
    for name, text in texts.shown_options.items():
        yield "option", f"{name}: {printable(text)}"


def _approval_fields(payment: Payment) -> Fields:
    if payment.approval is not None:
        yield "rule", payment.approval_rule or "-"
    for each in payment.approvals:
        void = ", void since: the details have changed" if each.void else ""
        note = f": {printable(each.note)}" if each.note else ""
        yield "approved", f"{short(each.at)} by {each.by or '-'}{void}{note}"


def _wait_fields(wait: Wait | None) -> Fields:
    if wait is not None:
        yield "waits", f"for {wait.reason} since {short(wait.since)}"


def _history_cells(payment: Payment) -> Iterator[tuple[str, ...]]:
    for move in payment.history:
        by = f"by {move.by}" if move.by else ""
        rest = "  ".join(filter(None, (move.reference, by)))
        yield to_text(move.at), move.status, move.cause, rest


def _batch_fields(batch_id: str, batch: Batch | None) -> Fields:
    yield "batch", f"{batch_id}: {batch.state if batch else 'not on record'}"
    if batch is not None:
        frozen, accepted = short(batch.frozen_at), short(batch.accepted_at)
        yield "", f"frozen {frozen}, accepted {accepted}, {_reference(batch)}"
        yield from decision_fields(batch)


def _reference(batch: Batch) -> str:
    return f"{batch.provider} has it as {batch.reference}" if batch.reference else "no reference"
