"""The story of a payment in words: what happened, when, and by whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from paymentapp.models.batches import Batch
from paymentapp.models.currencies import money_text
from paymentapp.models.holds import Hold
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.services.approvals import APPROVED
from paymentapp.services.dispatch.approved import EXPIRED

_SERVICE = "the service"


class StoryLine(NamedTuple):
    """Something that happened to a payment; `code` is an id or a provider's own words."""

    at: datetime
    text: str
    by: str
    code: str = ""


def story_of(
    payment: Payment, batches: Sequence[Batch] = (), holds: Sequence[Hold] = ()
) -> list[StoryLine]:
    """Return what happened to a payment, oldest first.

    `batches` are those that its history names, as far as they are on record; `holds` those in force
    that concern it.
    """
    known = {batch.batch_id: batch for batch in batches}
    lines = [
        *_moves(payment, known),
        *_approvals(payment),
        *(line for batch in batches for line in _of_batch(batch, payment)),
        *(_of_hold(hold) for hold in holds if hold.created_at >= payment.created_at),
        *_settled(payment),
    ]
    if payment.erased_at is not None:
        text = "What was personal in it was erased, with its customer."
        lines.append(StoryLine(payment.erased_at, text, _SERVICE))
    return sorted(lines, key=lambda line: line.at)


def _moves(payment: Payment, batches: Mapping[str, Batch]) -> Iterator[StoryLine]:
    method, batch_id = payment.payment_method, ""
    for number, move in enumerate(payment.history):
        if move.status is Status.SUBMITTING:
            batch_id = move.reference
            batch = batches.get(batch_id)
            method = batch.provider if batch else payment.payment_method
        text, code = _words(move, method, batch_id) if number else _request(payment, move)
        yield StoryLine(move.at, text, move.by or _who(move.cause, method), code)


def _request(payment: Payment, move: Transition) -> tuple[str, str]:
    what = f"{money_text(payment.money)} requested"
    if payment.scheduled_at is not None:
        what += f" for {payment.scheduled_at:%Y-%m-%d %H:%M} or later"
    if payment.retry_of:
        what += ", in place of an earlier payment"
    if move.status is Status.AWAITING_APPROVAL:
        return f"{what}; it needs approval by a rule.", move.reference
    return f"{what}; {move.reference}." if move.reference else f"{what}.", ""


def _words(move: Transition, method: str, batch_id: str) -> tuple[str, str]:
    """Return what a transition is in words, and the code that stands beside."""
    if move.status is Status.PENDING:
        return _back(move, method, batch_id)
    if move.status is Status.REJECTED and move.reference == EXPIRED:
        return "Rejected: nobody approved it in time.", ""
    words = _WORDS[move.status].format(method=method)
    return words, move.reference


_WORDS = {
    Status.AWAITING_APPROVAL: "It needs approval again.",
    Status.SUBMITTING: "Put in a batch for {method}.",
    Status.SUBMITTED: "{method} has it.",
    Status.UNCLAIMED: "{method} holds it until the payee claims it.",
    Status.SUCCEEDED: "Paid.",
    Status.FAILED: "{method} did not pay it.",
    Status.RETURNED: "The money came back.",
    Status.CANCELLED: "Cancelled.",
    Status.REJECTED: "Rejected.",
}


def _back(move: Transition, method: str, batch_id: str) -> tuple[str, str]:
    """Return the words for a payment that is pending again, or at last."""
    if move.cause is Cause.PERSON and move.reference.startswith(APPROVED):
        held = move.reference.removeprefix(APPROVED).lstrip("; ")
        return f"It has the approvals that it needs{f'; {held}' if held else ''}.", ""
    if batch_id and move.reference.startswith(batch_id):
        why = move.reference.removeprefix(batch_id).strip()
        return "Taken out of its batch, which was not sent; it goes in another one.", why
    return f"{method} did not take it, and did nothing; it goes by another method.", move.reference


def _who(cause: Cause, method: str) -> str:
    """Return who caused what no client and no operator has."""
    known = {Cause.POLL: f"{method}, when asked", Cause.WEBHOOK: f"{method}, by a message"}
    return known.get(cause, _SERVICE)


def _approvals(payment: Payment) -> Iterator[StoryLine]:
    for each in payment.approvals:
        void = "; it does not count any more, since the details have changed" if each.void else ""
        yield StoryLine(each.at, f"Approved{void}.", each.by or "somebody", each.note)


def _of_batch(batch: Batch, payment: Payment) -> Iterator[StoryLine]:
    name = batch.provider
    if batch.frozen_at is not None:
        yield StoryLine(batch.frozen_at, f"Its batch is sent to {name}.", _SERVICE, batch.batch_id)
    told = {line.reference for line in payment.history if line.status is Status.SUBMITTED}
    if batch.accepted_at is not None and batch.reference not in told:
        reference = batch.reference or ""
        yield StoryLine(batch.accepted_at, f"{name} has taken the batch.", name, reference)
    if batch.stop_order is not None:
        stop = batch.stop_order
        yield StoryLine(stop.at, "Its batch is not to be sent again.", stop.person, stop.note)
    elif batch.parked_at is not None:
        text = "Its batch is parked: a person has to find out whether it was paid."
        yield StoryLine(batch.parked_at, text, _SERVICE, batch.last_error or "")
    if batch.decision is not None:
        decision = batch.decision
        what = str(decision.resolution).replace("-", " ")
        yield StoryLine(
            decision.at, f"Its batch is recorded as {what}.", decision.person, decision.note
        )


def _of_hold(hold: Hold) -> StoryLine:
    what = {"payment": "Held", "customer": "All payments to this customer are held"}
    text = what.get(hold.scope, "Held, with others")
    return StoryLine(hold.created_at, f"{text}.", hold.by or _SERVICE, hold.reason)


def _settled(payment: Payment) -> Iterator[StoryLine]:
    at, fee, *_ = payment.settled
    if at is not None:
        cost = f" It cost {money_text(fee)}." if fee else ""
        text = f"The payee has the money, as {payment.payment_method} says.{cost}"
        yield StoryLine(at, text, payment.payment_method)
