"""Check of a payment's history: every transition legal, and every field consistent with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from paymentapp.models.idempotency import KEY_RETENTION
from paymentapp.models.payments import FINAL, UNSENT, Cause, Payment, Status, can_transition

SKEW = timedelta(minutes=5)  # clock difference between two machines


class AuditCheck(StrEnum):
    """The checks of an audit."""

    BEGIN = "begin"  # the first line: pending or awaiting approval, by request, at the creation
    TIMES = "times"  # each line no earlier than the one before
    MOVE = "move"  # each transition is legal
    END = "end"  # the last line has the payment's status
    FIELDS = "fields"  # the other fields agree with the status
    BATCH = "batch"  # its batch is there and lists it, once
    TWICE = "twice"  # in no second batch that was sent
    SIZE = "size"  # a warning: over a kilobyte, each write costs double


class Fault(NamedTuple):
    """One inconsistency, and the check that found it."""

    check: AuditCheck
    text: str


def faults(payment: Payment) -> Iterator[Fault]:
    """Yield every inconsistency within a payment's record."""
    if not payment.history:
        yield Fault(AuditCheck.BEGIN, "the history is empty")
        return
    yield from _beginning(payment)
    for before, after in pairwise(payment.history):
        if after.at < before.at - SKEW:
            yield Fault(AuditCheck.TIMES, f"{after.status} at {after.at}, after {before.at}")
        if not can_transition(before.status, after.status):
            yield Fault(AuditCheck.MOVE, f"from {before.status} to {after.status}")
    last = payment.history[-1].status
    if last is not payment.status:
        yield Fault(AuditCheck.END, f"the last line says {last}, the status is {payment.status}")
    yield from (Fault(AuditCheck.FIELDS, text) for text in _fields(payment))


def _beginning(payment: Payment) -> Iterator[Fault]:
    """Check the first line of the history.

    A payment's id is the time of the request. After a crash between writing an idempotency key and
    its payment, the id is the time of the first attempt, and the history begins with the last.
    """
    first = payment.history[0]
    if first.status not in UNSENT or first.cause is not Cause.REQUEST:
        yield Fault(AuditCheck.BEGIN, f"the first line is {first.status} by {first.cause}")
    earliest = payment.created_at - SKEW
    if not earliest <= first.at <= payment.created_at + KEY_RETENTION + SKEW:
        yield Fault(AuditCheck.BEGIN, f"the first line is of {first.at}")


def _fields(payment: Payment) -> Iterator[str]:
    status, batch_id = payment.status, payment.batch_id
    if status is Status.FAILED and not payment.reason and not payment.is_erased:
        yield "failed without a reason"
    if status in UNSENT and (batch_id or payment.due_at is None):
        yield f"{status}, but in a batch" if batch_id else f"{status}, but not due"
    stamps = [move for move in payment.history if move.status is Status.SUBMITTING]
    in_time = status is Status.CANCELLED and payment.history[-2:][0].status in UNSENT
    never_left = status in UNSENT or status is Status.REJECTED or in_time
    if not never_left and not batch_id:
        yield f"{status} without a batch"
    if batch_id and stamps and stamps[-1].reference != batch_id:
        yield f"in batch {batch_id}, but the history says {stamps[-1].reference}"
    if batch_id and not stamps:
        yield f"in batch {batch_id}, but the history knows of none"
    if status in FINAL and payment.due_at is not None:
        yield f"{status}, but still due"
    if not (never_left or payment.is_approved):
        yield f"{status}, but not approved"
