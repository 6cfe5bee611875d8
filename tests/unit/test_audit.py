"""The audit: a legal history passes, and every kind of damage is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Unpack

import pytest

from paymentapp.models.approvals import Approval, RequiredApproval
from paymentapp.models.batches import Batch, BatchChanges, BatchState
from paymentapp.models.idempotency import KEY_RETENTION
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.revisions import new_revision
from paymentapp.services.backoffice.audit import AuditFinding
from paymentapp.services.backoffice.payment_history import SKEW, AuditCheck, Fault, faults
from paymentapp.services.backoffice.period import Period
from tests.support.ledger_books import START, Ledgered
from tests.support.memory_store import MemoryStore
from tests.support.records import NOW, a_payment

SECOND = timedelta(seconds=1)


@pytest.fixture
def service() -> Ledgered:
    return Ledgered(MemoryStore())


def verify(service: Ledgered) -> list[AuditFinding]:
    return list(service.office().audit.verify(Period(START, service.now + timedelta(days=1))))


def damage(service: Ledgered, payment: Payment, **changes: object) -> None:
    """Change a record as only somebody with access to the database could."""
    store = service.store
    assert isinstance(store, MemoryStore)
    damaged = replace(payment, revision=new_revision(), **changes)  # type: ignore[arg-type]
    store._payments[payment.key] = damaged


def damage_batch(service: Ledgered, batch: Batch, **changes: Unpack[BatchChanges]) -> None:
    store = service.store
    assert isinstance(store, MemoryStore)
    store._batches[batch.batch_id] = batch.changed(**changes)


# --- the walk


def walked(*steps: tuple[Status, Cause, str], **fields: object) -> Payment:
    """Make a payment with a history, a second a step, and its status."""
    history = tuple(Transition(NOW + n * SECOND, *step) for n, step in enumerate(steps))
    made = {"status": history[-1].status, "due_at": None, "history": history}
    return a_payment(**made | fields)


REQUEST = (Status.PENDING, Cause.REQUEST, "")
STAMP = (Status.SUBMITTING, Cause.DISPATCH, "b1")
TAKEN = (Status.SUBMITTED, Cause.POLL, "P1")
PAID = (Status.SUCCEEDED, Cause.WEBHOOK, "T1")
RELEASE = (Status.PENDING, Cause.PERSON, "b1")
ASKED = (Status.AWAITING_APPROVAL, Cause.REQUEST, "rule 1")
APPROVED = (Status.PENDING, Cause.PERSON, "approved")
ASKED_AGAIN = (Status.AWAITING_APPROVAL, Cause.DISPATCH, "details have changed")
REJECTED = (Status.REJECTED, Cause.PERSON, "no")
ONE = RequiredApproval("USD 5..: 1", 1)
APPROVAL = Approval(NOW, "ann", frozenset({"ann"}), "v1")
STAMP_AGAIN = (Status.SUBMITTING, Cause.DISPATCH, "b2")


@pytest.mark.parametrize(
    "payment",
    [
        walked(REQUEST, due_at=NOW),
        walked(REQUEST, STAMP, batch_id="b1"),
        walked(ASKED, due_at=NOW, approval=ONE),
        walked(ASKED, REJECTED, approval=ONE),
        walked(ASKED, (Status.CANCELLED, Cause.REQUEST, ""), approval=ONE),
        walked(ASKED, APPROVED, ASKED_AGAIN, due_at=NOW, approval=ONE),
        walked(ASKED, APPROVED, STAMP, batch_id="b1", approval=ONE, approvals=(APPROVAL,)),
        walked(REQUEST, STAMP, TAKEN, PAID, batch_id="b1"),
        walked(REQUEST, STAMP, PAID, (Status.RETURNED, Cause.POLL, ""), batch_id="b1"),
        walked(REQUEST, STAMP, RELEASE, STAMP_AGAIN, TAKEN, batch_id="b2"),
        walked(REQUEST, STAMP, RELEASE, due_at=NOW),
        walked(REQUEST, (Status.CANCELLED, Cause.REQUEST, "")),
        walked(REQUEST, STAMP, (Status.FAILED, Cause.DISPATCH, "no"), batch_id="b1", reason="no"),
        walked(
            REQUEST, STAMP, (Status.UNCLAIMED, Cause.POLL, ""),
            batch_id="b1", due_at=NOW, cancel_requested=True,
        ),
    ],
)  # fmt: skip
def test_a_legal_walk_has_no_fault(payment: Payment) -> None:
    assert list(faults(payment)) == []


def at(payment: Payment, place: int, moment: datetime) -> Payment:
    history = list(payment.history)
    history[place] = history[place]._replace(at=moment)
    return replace(payment, history=tuple(history))


SETTLED = walked(REQUEST, STAMP, TAKEN, PAID, batch_id="b1")


@pytest.mark.parametrize(
    ("payment", "check", "text"),
    [
        (replace(SETTLED, history=()), AuditCheck.BEGIN, "the history is empty"),
        (
            walked(TAKEN, PAID, batch_id="b1"),
            AuditCheck.BEGIN,
            "the first line is submitted by poll",
        ),
        (
            at(SETTLED, 0, NOW - SKEW - SECOND),
            AuditCheck.BEGIN,
            "the first line is of 2026-03-01 11",
        ),
        (at(SETTLED, 1, NOW - SKEW - SECOND), AuditCheck.TIMES, "submitting at 2026-03-01 11:54"),
        (
            walked(REQUEST, STAMP, PAID, TAKEN, batch_id="b1"),
            AuditCheck.MOVE,
            "succeeded to submitted",
        ),
        (walked(REQUEST, STAMP, STAMP, batch_id="b1"), AuditCheck.MOVE, "submitting to submitting"),
        (
            replace(SETTLED, status=Status.FAILED, reason="x"),
            AuditCheck.END,
            "the last line says succ",
        ),
        (
            walked(REQUEST, STAMP, (Status.FAILED, Cause.POLL, ""), batch_id="b1"),
            AuditCheck.FIELDS,
            "failed without a reason",
        ),
        (walked(REQUEST, due_at=NOW, batch_id="b1"), AuditCheck.FIELDS, "pending, but in a batch"),
        (walked(REQUEST), AuditCheck.FIELDS, "pending, but not due"),
        (walked(ASKED), AuditCheck.FIELDS, "awaiting_approval, but not due"),
        (walked(ASKED, REJECTED, due_at=NOW), AuditCheck.FIELDS, "rejected, but still due"),
        (
            walked(ASKED, APPROVED, STAMP, batch_id="b1", approval=ONE),
            AuditCheck.FIELDS,
            "submitting, but not approved",
        ),
        (walked(ASKED, STAMP, batch_id="b1"), AuditCheck.MOVE, "from awaiting_approval to submit"),
        (replace(SETTLED, batch_id=None), AuditCheck.FIELDS, "succeeded without a batch"),
        (walked(REQUEST, STAMP), AuditCheck.FIELDS, "submitting without a batch"),
        (
            replace(SETTLED, batch_id="b9"),
            AuditCheck.FIELDS,
            "in batch b9, but the history says b1",
        ),
        (walked(REQUEST, PAID, batch_id="b1"), AuditCheck.FIELDS, "the history knows of none"),
        (replace(SETTLED, due_at=NOW), AuditCheck.FIELDS, "succeeded, but still due"),
    ],
)
def test_every_fault_of_a_walk_is_found(payment: Payment, check: AuditCheck, text: str) -> None:
    found = list(faults(payment))
    assert any(each.check is check and text in each.text for each in found), found


def test_clocks_may_be_a_little_apart() -> None:
    assert list(faults(at(SETTLED, 1, NOW - SKEW + SECOND))) == []
    assert list(faults(at(SETTLED, 0, NOW - SKEW + SECOND))) == []


def test_a_payment_may_be_made_by_a_later_try_of_its_request() -> None:
    """Accept a later first line: after a crash the caller retried within the key's life."""
    first = SETTLED.history[0]
    late = tuple(move._replace(at=move.at + KEY_RETENTION) for move in SETTLED.history)
    assert list(faults(replace(SETTLED, history=late))) == []
    too_late = tuple(move._replace(at=move.at + 2 * KEY_RETENTION) for move in SETTLED.history)
    assert list(faults(replace(SETTLED, history=too_late))) == [
        Fault(AuditCheck.BEGIN, f"the first line is of {first.at + 2 * KEY_RETENTION}")
    ]


# --- the whole


def test_every_way_of_ending_passes(service: Ledgered) -> None:
    service.provider.status["bad@example.com"] = Status.FAILED
    service.provider.status["away@example.com"] = Status.UNCLAIMED
    service.settled("ann", "bad", "away")
    service.payments.cancel(service.pay("cy")[0].key)
    service.pay("dan")
    service.send(service.pay("eve"))
    service.dispatcher._prepare(service.pay("fay"))
    prepared = service.dispatcher._prepare(service.pay("gus"))
    assert prepared is not None
    service.dispatcher.resume(prepared[0])
    run = service.office().audit
    assert list(run.verify(Period(START, service.now))) == []
    assert (run.payments, run.batches) == (8, 4)


def test_a_fault_is_found_with_its_payment_and_batch(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    damage(service, payment, history=payment.history[:-1])
    (found,) = verify(service)
    assert (found.check, found.payment, found.batch_id) == (
        AuditCheck.END,
        payment.key,
        payment.batch_id,
    )
    assert not found.warning


def test_a_payment_outside_the_span_is_not_looked_at(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    damage(service, payment, history=())
    late = Period(service.now, service.now + timedelta(days=1))
    assert list(service.office().audit.verify(late)) == []


def test_a_batch_that_is_gone(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    store = service.store
    assert isinstance(store, MemoryStore)
    del store._batches[payment.batch_id or ""]
    (found,) = verify(service)
    assert (found.check, found.text) == (AuditCheck.BATCH, "its batch is not on record")


def test_a_batch_that_does_not_list_its_payment(service: Ledgered) -> None:
    ann, bob = service.settled("ann", "bob")
    damage_batch(service, service.batch_of(ann), excluded=(0,))
    (found,) = verify(service)
    assert (found.check, found.payment) == (AuditCheck.BATCH, ann.key)
    assert found.text == "its batch does not list it"
    assert bob.batch_id == ann.batch_id


def test_a_batch_that_lists_a_payment_twice(service: Ledgered) -> None:
    ann, bob = service.settled("ann", "bob")
    store = service.store
    assert isinstance(store, MemoryStore)
    members = store._members[ann.batch_id or ""]
    members[1] = members[0]
    found = {(each.check, each.payment): each.text for each in verify(service)}
    assert found == {
        (AuditCheck.BATCH, ann.key): "listed 2 times",
        (AuditCheck.BATCH, bob.key): "its batch does not list it",
    }


def test_a_payment_in_two_batches_that_were_sent(service: Ledgered) -> None:
    ann, bob = service.settled("ann")[0], service.settled("bob")[0]
    store = service.store
    assert isinstance(store, MemoryStore)
    store._members[bob.batch_id or ""].append(store._members[ann.batch_id or ""][0])
    (found,) = verify(service)
    assert (found.check, found.payment, found.batch_id) == (AuditCheck.TWICE, ann.key, bob.batch_id)
    assert found.text == f"in batch {ann.batch_id}"


@pytest.mark.parametrize("state", [BatchState.ABORTED, BatchState.REFUSED, BatchState.CLOSED])
def test_a_batch_that_was_not_sent_holds_nobody(service: Ledgered, state: BatchState) -> None:
    ann, bob = service.settled("ann")[0], service.settled("bob")[0]
    store = service.store
    assert isinstance(store, MemoryStore)
    early = replace(service.batch_of(bob), batch_id="early", state=state, reference=None)
    store.add_batch(early, store._members[ann.batch_id or ""])
    assert verify(service) == []


def test_a_member_that_is_not_on_record(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    store = service.store
    assert isinstance(store, MemoryStore)
    del store._payments[payment.key]
    (found,) = verify(service)
    assert (found.check, found.text) == (AuditCheck.BATCH, "no record of 12.5 USD")


def test_a_large_item_is_a_warning(service: Ledgered) -> None:
    (payment,) = service.settled("ann")
    damage(service, payment, provider_status="X" * 900)
    (found,) = verify(service)
    assert found.check is AuditCheck.SIZE
    assert found.warning
    assert "bytes" in found.text


def test_what_moves_while_it_is_read_is_no_fault(service: Ledgered) -> None:
    """Stamp a payment between the reading of batches and that of payments."""
    payments = service.pay("ann", "bob")
    scan = service.store.scan_payments
    sent: list[Batch] = []

    def send_first(earliest: datetime, latest: datetime) -> object:
        if not sent:
            sent.append(service.send(payments))
        return scan(earliest, latest)

    service.store.scan_payments = send_first  # type: ignore[assignment]
    assert verify(service) == []
    assert sent
