"""Legal transitions of records, written independently of the code under test."""

from __future__ import annotations

from collections.abc import Sequence

from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer
from paymentapp.models.payments import Payment, Status

_OUTCOMES = (Status.SUCCEEDED, Status.FAILED, Status.RETURNED, Status.CANCELLED)
_FIRST = (Status.PENDING, Status.AWAITING_APPROVAL)
_NEXT: dict[Status, tuple[Status, ...]] = {
    Status.AWAITING_APPROVAL: (Status.PENDING, Status.CANCELLED, Status.REJECTED),
    Status.PENDING: (Status.SUBMITTING, Status.CANCELLED, Status.AWAITING_APPROVAL),
    Status.SUBMITTING: (Status.PENDING, Status.SUBMITTED, Status.UNCLAIMED, *_OUTCOMES),
    Status.SUBMITTED: (Status.UNCLAIMED, *_OUTCOMES),
    Status.UNCLAIMED: _OUTCOMES,
    Status.SUCCEEDED: (Status.RETURNED,),
    Status.FAILED: (),
    Status.RETURNED: (),
    Status.CANCELLED: (),
    Status.REJECTED: (),
}
_WITHDRAWN = "DETAILS_CORRECTED"  # the bank has corrected an account of it before it was sent
_TAKEN_APART = "taken apart: "  # for a member that is held or cancelled, or for lack of funds
_NEXT_STATE: dict[BatchState, tuple[BatchState, ...]] = {
    BatchState.PREPARED: (BatchState.FROZEN, BatchState.ABORTED, BatchState.CLOSED),
    BatchState.FROZEN: (BatchState.ACCEPTED, BatchState.REFUSED, BatchState.PARKED),
    BatchState.ACCEPTED: (BatchState.CLOSED,),
    BatchState.REFUSED: (BatchState.CLOSED,),
    BatchState.ABORTED: (BatchState.CLOSED,),
    BatchState.CLOSED: (),
    BatchState.PARKED: (BatchState.ACCEPTED, BatchState.ABORTED),
}


def is_stillborn(new: Payment) -> bool:
    """Return whether a new payment is one of a bulk run's row that was refused with its key bound.

    It is stored as cancelled, in the place of the one that a stalled process may still add.
    """
    moves = [line.status for line in new.history]
    never_due = new.due_at is None and new.bulk_id is not None and not new.charges
    return never_due and moves == [Status.PENDING, Status.CANCELLED]


def history_fault(old: Payment | None, new: Payment) -> str | None:
    """Return what is wrong with replacing one version of a payment by the next, or None."""
    if old is None:
        legal = len(new.history) == 1 and new.status in _FIRST
        legal = legal or is_stillborn(new)
        return None if legal else f"a new payment is {new.status}, with {len(new.history)} moves"
    if new.history is not old.history:
        known = len(old.history)
        if len(new.history) != known + 1 or new.history[:known] != old.history:
            return f"the history does not go on from what it was: {_walk(old)}, then {_walk(new)}"
        if new.status not in _NEXT[old.status]:
            return f"a step from {old.status} to {new.status}"
    if new.scheduled_at != old.scheduled_at:
        return f"scheduled at {old.scheduled_at}, then at {new.scheduled_at}"
    if new.status is Status.SUBMITTING and new.scheduled_at and old.status is Status.PENDING:
        left = new.history[-1].at
        if left < new.scheduled_at:
            return f"left at {left}, and was scheduled at {new.scheduled_at}"
    if new.status is not new.history[-1].status:
        return f"the status is {new.status}, the history ends with {new.history[-1].status}"
    if (new.money, new.email, new.request_id) != (old.money, old.email, old.request_id):
        return "the order itself was changed"
    way, before = _way(new), _way(old)
    corrected = old.status is new.status is Status.PENDING and way[0] == before[0] == "ach"
    if (
        way != before
        and not corrected
        and (
            new.tried_methods != (*old.tried_methods, old.payment_method)
            or new.payment_method in new.tried_methods
            or (old.status, new.status) != (Status.SUBMITTING, Status.PENDING)
        )
    ):
        return f"it went by {before} and goes by {way}, after {new.tried_methods}"
    if new.batch_id != old.batch_id and {old.status, new.status} != {
        Status.PENDING,
        Status.SUBMITTING,
    }:
        return f"a {old.status} payment went from batch {old.batch_id} to {new.batch_id}"
    return None


def batch_fault(old: Batch | None, new: Batch, begun: bool) -> str | None:
    """Return what is wrong with replacing one version of a batch by the next, or None.

    `begun` says whether a call of its provider has begun for it that may have had an effect.
    """
    if old is None or old.state is BatchState.PREPARED is new.state:
        return None
    withdrawn = (old.state, new.state) == (BatchState.FROZEN, BatchState.ABORTED)
    if withdrawn and new.last_error == _WITHDRAWN:
        return None if new.reference is None else "it was withdrawn, and the provider has it"
    if withdrawn and (new.last_error or "").startswith(_TAKEN_APART):
        return "it was taken apart, and may have been sent" if begun else None
    if new.state is not old.state and new.state not in _NEXT_STATE[old.state]:
        return f"a step from {old.state} to {new.state}"
    if old.state is BatchState.PARKED is not new.state and new.decision is None:
        return "it is not parked any more, and nobody has decided so"
    if old.frozen_at is not None:
        if (old.frozen_at, old.excluded) != (new.frozen_at, new.excluded):
            return "its members changed after the freeze"
        if old.reference not in (None, new.reference):
            return "its reference changed"
    return None


def _way(payment: Payment) -> tuple[str, str | None]:
    return payment.payment_method, payment.destination


def _walk(payment: Payment) -> str:
    return " > ".join(move.status for move in payment.history)


def customer_fault(
    old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry]
) -> str | None:
    """Return what is wrong with a change of a customer and its lines of history, or None."""
    versions = [line.version for line in history]
    if versions != list(range(old.changes + 1, new.changes + 1)):
        return f"lines {versions} of history for version {new.changes} after {old.changes}"
    told = {(line.method, line.destination) for line in history}
    for method, known in new.methods.items():
        if known != old.methods.get(method) and (method, known.destination) not in told:
            return f"the history does not say that {method} has changed"
    return None
