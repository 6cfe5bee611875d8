"""Payments as records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from paymentapp.clock import from_text, maybe_time, to_text
from paymentapp.models.approvals import Approval, RequiredApproval
from paymentapp.models.caller_texts import NO_TEXTS, CallerTexts, sorted_metadata
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.settled import NOT_SETTLED
from paymentapp.storage.codec.records import Record, reads, without_none
from paymentapp.storage.codec.settled import read_settled, settled_text

_OPTIONAL = (
    "batch_id",
    "provider_item_id",
    "provider_status",
    "transaction_id",
    "reason",
    "destination",
    "route",
    "retry_of",
    "retried_by",
    "bulk_id",
)


def payment_record(payment: Payment) -> Record:
    """Return a payment as a record.

    It is in the `due` index while it has both `due_shard` and `due_at`.
    """
    record: Record = {
        "customer_id": payment.customer_id,
        "payment_id": payment.payment_id,
        "amount": payment.money.amount,
        "currency": payment.money.currency,
        "payment_method": payment.payment_method,
        "email": payment.email,
        "status": payment.status.value,
        "history": [_transition_text(transition) for transition in payment.history],
        "request_id": payment.request_id,
        "revision": payment.revision,
        "due_shard": str(payment.due_shard),
    }
    if payment.due_at is not None:
        record["due_at"] = to_text(payment.due_at)
    if payment.scheduled_at is not None:
        record["scheduled_at"] = to_text(payment.scheduled_at)
    for name in _OPTIONAL:
        value = getattr(payment, name)
        if value is not None:
            record[name] = value
    if payment.isolated:
        record["alone"] = True
    if payment.cancel_requested:
        record["cancel_requested"] = True
    makers = [f"{n} {line.by}" for n, line in enumerate(payment.history) if line.by]
    if makers:
        record["by"] = makers
    if payment.charges:
        record["charges"] = list(payment.charges)
    if payment.tried_methods:
        record["tried"] = " ".join(payment.tried_methods)
    if payment.approval is not None:
        record["approval"] = _required_text(payment.approval)
    if payment.approvals:
        record["approvals"] = [_approval_text(each) for each in payment.approvals]
    if payment.settled is not NOT_SETTLED:
        record |= without_none({"cost": settled_text(payment.settled, payment.money)})
    if payment.erased_at is not None:
        record["erased_at"] = to_text(payment.erased_at)
    if payment.traceparent is not None:
        record["trace"] = payment.traceparent
    return record if payment.texts is NO_TEXTS else record | _texts_record(payment.texts)


@reads
def read_payment(record: Record) -> Payment:
    """Return the payment of a record."""
    money = Money(Decimal(record["amount"]), record["currency"])
    return Payment(
        customer_id=record["customer_id"],
        payment_id=record["payment_id"],
        money=money,
        payment_method=record["payment_method"],
        email=record["email"],
        status=Status(record["status"]),
        history=_read_history(record["history"], record.get("by", ())),
        request_id=record["request_id"],
        revision=record["revision"],
        due_at=maybe_time(record.get("due_at")),
        due_shard=int(record["due_shard"]),
        batch_id=record.get("batch_id"),
        provider_item_id=record.get("provider_item_id"),
        provider_status=record.get("provider_status"),
        transaction_id=record.get("transaction_id"),
        reason=record.get("reason"),
        isolated=record.get("alone", False),
        cancel_requested=record.get("cancel_requested", False),
        destination=record.get("destination"),
        route=record.get("route"),
        tried_methods=tuple(record.get("tried", "").split()),
        scheduled_at=maybe_time(record.get("scheduled_at")),
        retry_of=record.get("retry_of"),
        retried_by=record.get("retried_by"),
        bulk_id=record.get("bulk_id"),
        approval=_read_required(record.get("approval")),
        approvals=tuple(map(_read_approval, record.get("approvals", ()))),
        charges=tuple(record.get("charges", ())),
        texts=CallerTexts(
            record.get("reference"),
            record.get("description"),
            sorted_metadata(record.get("metadata", {})),
            sorted_metadata(record.get("options", {})),
        ),
        settled=read_settled(record.get("cost"), money),
        erased_at=maybe_time(record.get("erased_at")),
        traceparent=record.get("trace"),
    )


def _texts_record(texts: CallerTexts) -> Record:
    """Return the caller's texts as attributes of their own, without those that are not set."""
    record = {"reference": texts.reference, "description": texts.description}
    pairs = {"metadata": dict(texts.metadata) or None, "options": dict(texts.options) or None}
    return without_none({**record, **pairs})


def _transition_text(transition: Transition) -> str:
    """Return a line of history as one text; a list of maps would make items exceed 1 KB."""
    line = f"{to_text(transition.at)} {transition.status.value} {transition.cause.value}"
    return f"{line} {transition.reference}" if transition.reference else line


def _read_history(lines: Sequence[str], makers: Sequence[str]) -> tuple[Transition, ...]:
    """Return a history; `by` has the makers of its lines, each with the number of the line.

    They are not part of the lines, so that a version that does not know them reads the rest.
    """
    by = dict(maker.split(" ", 1) for maker in makers)
    return tuple(_read_transition(line, by.get(str(n), "")) for n, line in enumerate(lines))


def _read_transition(line: str, by: str) -> Transition:
    at, status, rest = line.split(" ", 2)
    cause, _, reference = rest.partition(" ")
    return Transition(from_text(at), Status(status), Cause(cause), reference, by)


def _required_text(required: RequiredApproval) -> str:
    return f"{required.approvers} {','.join(sorted(required.maker))} {required.rule}"


def _read_required(text: str | None) -> RequiredApproval | None:
    if text is None:
        return None
    count, maker, rule = text.split(" ", 2)
    return RequiredApproval(rule, int(count), frozenset(maker.split(",")) - {""})


def _approval_text(approval: Approval) -> str:
    """Return an approval as one text, as in `_transition_text`; names and notes have spaces."""
    at, by, identities, payee_version, note, void = approval
    parts = [to_text(at), by, sorted(identities), payee_version, note, *([True] if void else [])]
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _read_approval(text: str) -> Approval:
    at, by, identities, payee_version, note, *void = json.loads(text)
    return Approval(from_text(at), by, frozenset(identities), payee_version, note, bool(void))
