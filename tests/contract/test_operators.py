"""Every engine: operators' commands, from a parked batch to a clean audit."""

from __future__ import annotations

from datetime import timedelta

from paymentapp.errors import OutcomeUnknown
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.payments import Status
from paymentapp.services.backoffice.discrepancies import DiscrepancyKind
from paymentapp.services.backoffice.parked_batches import OperatorNote
from paymentapp.services.backoffice.period import Period
from paymentapp.storage.base import Store
from tests.support.ledger_books import START, Ledgered

WORD = OperatorNote("Grace", "case 4711")


def reconciled(service: Ledgered, *, repair: bool = False) -> list[DiscrepancyKind]:
    run = service.office().reconciliation
    found = list(run.run(span(service), repair=repair))
    assert run.tally.not_done == []
    return [each.kind for each in found if not each.repaired]


def span(service: Ledgered) -> Period:
    return Period(START, service.now + timedelta(days=1))


def parked(service: Ledgered, name: str, *, acted: bool) -> Batch:
    def fail(_: Batch) -> None:
        raise OutcomeUnknown("HTTP_503")

    service.provider.after = fail if acted else lambda _: None
    service.provider.before = (lambda _: None) if acted else fail
    batch, _ = service.park(name)
    service.provider.before = service.provider.after = lambda _: None
    service.now += timedelta(hours=4)
    assert batch.state is BatchState.PARKED
    return batch


def test_what_is_behind_is_repaired(engine: Store) -> None:
    service = Ledgered(engine)
    payments = service.pay("ann", "bob")
    service.send(payments)
    assert reconciled(service) == [DiscrepancyKind.BEHIND, DiscrepancyKind.BEHIND]
    assert reconciled(service, repair=True) == []
    assert {service.status(payment) for payment in payments} == {Status.SUCCEEDED}
    assert list(service.office().audit.verify(span(service))) == []


def test_parked_batches_are_decided_about_and_end(engine: Store) -> None:
    service = Ledgered(engine)
    desk = service.office().parked
    taken, lost = parked(service, "ann", acted=True), parked(service, "bob", acted=False)
    assert reconciled(service) == [DiscrepancyKind.PARKED, DiscrepancyKind.PARKED]
    assert [case.batch.batch_id for case in desk.cases()] == [taken.batch_id, lost.batch_id]
    assert desk.accept(taken.batch_id, f"ref-{taken.batch_id}", WORD, confirmed=False).decision
    assert desk.not_sent(lost.batch_id, WORD).decision
    assert desk.cases() == []
    for _ in range(2):
        service.sweep(seconds=2)
    assert sorted(member.customer_id for member in service.provider.paid()) == ["ann", "bob"]
    assert reconciled(service) == []
    assert list(service.office().audit.verify(span(service))) == []
