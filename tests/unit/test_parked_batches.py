"""Parked batches: what is shown of them, and resolutions, including interrupted ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from paymentapp.errors import (
    Conflict,
    Misconfigured,
    NotFound,
    NotPermitted,
    NotSent,
    OutcomeUnknown,
    StoreUnavailable,
)
from paymentapp.models.batches import Batch, BatchState, Resolution
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.providers.base import Transaction
from paymentapp.services.backoffice.parked_batches import OperatorNote, ParkedBatches
from paymentapp.storage.changes import PaymentChange
from tests.support.ledger_books import START, Ledgered
from tests.support.memory_store import MemoryStore

GRACE = OperatorNote("Grace H.", "support case 4711")


@pytest.fixture
def service() -> Ledgered:
    return Ledgered(MemoryStore())


def parked_of(service: Ledgered) -> ParkedBatches:
    return service.office().parked


@pytest.fixture
def parked(service: Ledgered) -> ParkedBatches:
    return parked_of(service)


def silence(service: Ledgered, *, acted: bool) -> None:
    """Give no answers from now on, whether or not the provider acts."""

    def fail(_: Batch) -> None:
        raise OutcomeUnknown("HTTP_503")

    service.provider.before, service.provider.after = (
        (lambda _: None, fail) if acted else (fail, lambda _: None)
    )


def speak(service: Ledgered) -> None:
    service.provider.before = service.provider.after = lambda _: None


def park(service: Ledgered, *names: str, acted: bool) -> tuple[Batch, list[Payment]]:
    """Park a batch, let its provider answer again, and stop all processes."""
    silence(service, acted=acted)
    batch, payments = service.park(*names)
    assert batch.state is BatchState.PARKED
    speak(service)
    service.now += timedelta(hours=4)
    return batch, payments


def moves(service: Ledgered, payment: Payment) -> list[tuple[Status, Cause]]:
    return [(move.status, move.cause) for move in service.read(payment).history]


# --- what is shown


def test_nothing_is_parked(parked: ParkedBatches) -> None:
    assert parked.cases() == []
    assert list(parked.overdue()) == []


def test_cases_come_with_their_members_longest_waiting_first(
    service: Ledgered, parked: ParkedBatches
) -> None:
    silence(service, acted=False)
    first, _ = service.park("ann", "bob")
    second, _ = service.park("cy")
    cases = parked.cases()
    assert [case.batch.batch_id for case in cases] == [first.batch_id, second.batch_id]
    assert [member.customer_id for member in cases[0].members] == ["ann", "bob"]
    assert cases[0].total == Money(Decimal(25), "USD")
    assert cases[0].batch.last_error == "OutcomeUnknown: HTTP_503"
    assert cases[0].batch.attempts == 1


@pytest.mark.parametrize(
    ("acted", "words"),
    [(False, "none of 0 transactions"), (True, "1 of 1 transactions since 2026-03-01T12:00")],
)
def test_the_providers_books_are_asked(
    service: Ledgered, parked: ParkedBatches, acted: bool, words: str
) -> None:
    park(service, "ann", acted=acted)
    (case,) = parked.cases()
    assert words in parked.search_result(case)


def test_books_that_cannot_be_asked_say_so(service: Ledgered, parked: ParkedBatches) -> None:
    park(service, "ann", acted=False)
    (case,) = parked.cases()
    service.provider.search_fails = [
        NotPermitted("NOT_AUTHORIZED"),
        Misconfigured("NO_CREDENTIALS"),
    ]
    assert parked.search_result(case) == "the account may not search: NOT_AUTHORIZED"
    assert parked.search_result(case) == "no answer: NO_CREDENTIALS"
    service.provider.transaction_search = None
    assert parked.search_result(case) == "paypal offers no search"


def test_payments_that_linger_are_shown(service: Ledgered, parked: ParkedBatches) -> None:
    service.provider.status["ann@example.com"] = Status.SUBMITTED
    ann, _ = service.settled("ann", "bob")
    service.now += timedelta(days=29)
    assert list(parked.overdue()) == []
    service.now += timedelta(days=2)
    ((payment, batch),) = parked.overdue()
    assert (payment.key, batch.batch_id) == (ann.key, ann.batch_id)


# --- accepted


def test_a_batch_that_the_provider_has_is_followed(
    service: Ledgered, parked: ParkedBatches
) -> None:
    batch, (payment,) = park(service, "ann", acted=True)
    after = parked.accept(batch.batch_id, f"ref-{batch.batch_id}", GRACE, confirmed=False)
    assert (after.state, after.reference) == (BatchState.CLOSED, f"ref-{batch.batch_id}")
    assert moves(service, payment)[2:] == [
        (Status.SUBMITTED, Cause.PERSON),
        (Status.SUCCEEDED, Cause.POLL),
    ]
    assert [move.by for move in service.read(payment).history[2:]] == [GRACE.person, ""]
    decision = after.decision
    assert decision is not None
    assert (decision.resolution, decision.person, decision.note) == (Resolution.ACCEPTED, *GRACE)
    assert decision.at > START + timedelta(days=25)
    assert decision.evidence == (
        f"paypal has this batch as ref-{batch.batch_id}; attempts: 1, the last: "
        "OutcomeUnknown: HTTP_503"
    )
    assert parked.statuses(after) == {"succeeded": 1}
    assert len(service.provider.calls) == 1


def test_a_reference_of_another_batch_is_refused(service: Ledgered, parked: ParkedBatches) -> None:
    other = service.send(service.pay("bob"))
    batch, _ = park(service, "ann", acted=True)
    with pytest.raises(Conflict, match="is another batch"):
        parked.accept(batch.batch_id, other.reference or "", GRACE, confirmed=True)
    service.provider.batch_id_of = lambda reference: ""  # noqa: ARG005
    with pytest.raises(Conflict, match="one without an id of ours"):
        parked.accept(batch.batch_id, "X", GRACE, confirmed=True)
    assert service.store.get_batch(batch.batch_id) == batch


def test_a_reference_that_is_forgotten_takes_a_confirmation(
    service: Ledgered, parked: ParkedBatches
) -> None:
    batch, (payment,) = park(service, "ann", acted=True)
    service.provider.forgotten = True
    with pytest.raises(Conflict, match=r"does not know R1, or no longer.*--confirm"):
        parked.accept(batch.batch_id, "R1", GRACE, confirmed=False)
    after = parked.accept(batch.batch_id, "R1", GRACE, confirmed=True)
    assert (after.state, after.reference) == (BatchState.ACCEPTED, "R1")
    assert moves(service, payment)[-1] == (Status.SUBMITTED, Cause.PERSON)
    assert after.decision is not None
    assert "confirmed by the operator" in after.decision.evidence


def test_a_provider_that_cannot_be_asked_takes_a_confirmation(
    service: Ledgered, parked: ParkedBatches
) -> None:
    batch, _ = park(service, "ann", acted=True)
    service.provider.transaction_search = None
    with pytest.raises(Conflict, match="offers no search for"):
        parked.accept(batch.batch_id, "R1", GRACE, confirmed=False)
    after = parked.accept(batch.batch_id, "R1", GRACE, confirmed=True)
    assert after.state is BatchState.CLOSED


def test_a_provider_that_does_not_answer_decides_nothing(
    service: Ledgered, parked: ParkedBatches
) -> None:
    batch, _ = park(service, "ann", acted=True)

    def down(reference: str) -> str | None:
        raise NotSent("NO_ANSWER", reference)

    service.provider.batch_id_of = down
    with pytest.raises(NotSent):
        parked.accept(batch.batch_id, "R1", GRACE, confirmed=True)
    assert service.store.get_batch(batch.batch_id) == batch


# --- not sent


def test_a_batch_that_was_not_sent_is_paid_by_a_new_one(
    service: Ledgered, parked: ParkedBatches
) -> None:
    batch, payments = park(service, "ann", "bob", acted=False)
    after = parked.not_sent(batch.batch_id, GRACE)
    assert after.decision is not None
    assert after.decision.resolution is Resolution.NOT_SENT
    assert "none of 0 transactions since 2026-03-01T12:00 pays a member" in after.decision.evidence
    for payment in payments:
        assert moves(service, payment)[2:] == [(Status.PENDING, Cause.PERSON)]
        freed = service.read(payment).history[-1]
        assert (freed.reference, freed.by) == (batch.batch_id, GRACE.person)
        assert not service.read(payment).isolated
    service.sweep(seconds=2)
    service.sweep(seconds=2)
    assert {service.status(payment) for payment in payments} == {Status.SUCCEEDED}
    again = {service.batch_of(payment).batch_id for payment in payments}
    assert len(again) == 1
    assert again.isdisjoint({batch.batch_id})
    assert sorted(member.customer_id for member in service.provider.paid()) == ["ann", "bob"]
    assert service.provider.calls == [batch.batch_id, *again]


def test_a_lone_payment_that_was_not_sent_does_not_fail(
    service: Ledgered, parked: ParkedBatches
) -> None:
    batch, (payment,) = park(service, "ann", acted=False)
    parked.not_sent(batch.batch_id, GRACE)
    assert service.status(payment) is Status.PENDING
    stored = service.store.get_batch(batch.batch_id)
    assert stored is not None
    assert stored.decision is not None


def test_what_the_books_show_was_sent(service: Ledgered, parked: ParkedBatches) -> None:
    batch, (payment,) = park(service, "ann", acted=True)
    with pytest.raises(Conflict, match="books contradict that: 1 of 1 transactions"):
        parked.not_sent(batch.batch_id, GRACE)
    assert service.status(payment) is Status.SUBMITTING
    assert service.store.get_batch(batch.batch_id) == batch


def test_a_member_that_has_moved_on_was_sent(service: Ledgered, parked: ParkedBatches) -> None:
    """Refuse: a webhook has moved one of them, though the search does not show it."""
    batch, (ann, _) = park(service, "ann", "bob", acted=True)
    service.provider.hidden = {f"tx-{p.payment_id}" for p in (ann, _)}
    report = service.provider._report(service.provider.batches[batch.batch_id][0])
    service.settlement.apply_report(service.read(ann), report, Cause.WEBHOOK)
    with pytest.raises(Conflict, match="a member is succeeded, so the batch was sent"):
        parked.not_sent(batch.batch_id, GRACE)


def test_a_member_that_another_batch_has_is_not_let_go(
    service: Ledgered, parked: ParkedBatches
) -> None:
    """As after a restore of an older database: the other batch may pay it."""
    batch, (ann, _) = park(service, "ann", "bob", acted=False)
    held = service.read(ann)
    other = held.changed(batch_id="another")
    assert service.store.change_payments([PaymentChange(held, other)]) == [True]
    with pytest.raises(Conflict, match="a member is submitting, so the batch was sent: ann"):
        parked.not_sent(batch.batch_id, GRACE)
    assert service.read(ann) == other
    assert service.store.get_batch(batch.batch_id) == batch


def test_the_books_are_not_believed_before_they_can_be_full(
    service: Ledgered, parked: ParkedBatches
) -> None:
    silence(service, acted=False)
    batch, _ = service.park("ann")
    with pytest.raises(Conflict, match="2026-03-26T15:05"):
        parked.not_sent(batch.batch_id, GRACE)
    service.now += timedelta(hours=3)
    parked.not_sent(batch.batch_id, GRACE)


def test_where_the_account_may_not_search_the_person_is_believed(
    service: Ledgered, parked: ParkedBatches
) -> None:
    batch, _ = park(service, "ann", acted=False)
    service.provider.search_fails = [NotPermitted("NOT_AUTHORIZED")]
    after = parked.not_sent(batch.batch_id, GRACE)
    assert after.decision is not None
    assert "the account may not search: NOT_AUTHORIZED" in after.decision.evidence


@pytest.mark.parametrize("error", [NotSent("NO_ANSWER"), Misconfigured("AUTHENTICATION_FAILURE")])
def test_a_search_that_failed_can_be_done_later(
    service: Ledgered, parked: ParkedBatches, error: Exception
) -> None:
    batch, _ = park(service, "ann", acted=False)
    service.provider.search_fails = [error] * 9  # type: ignore[list-item]
    with pytest.raises(type(error)):
        parked.not_sent(batch.batch_id, GRACE)
    assert service.store.get_batch(batch.batch_id) == batch


def test_somebody_elses_transactions_say_nothing(service: Ledgered, parked: ParkedBatches) -> None:
    batch, _ = park(service, "ann", acted=False)
    money = Money(Decimal("12.5"), "USD")
    service.provider.more = [
        Transaction("TX8", START, money, "zzz.eve", "S"),
        Transaction("TX9", START, money, None, "S"),
    ]
    after = parked.not_sent(batch.batch_id, GRACE)
    assert after.decision is not None
    assert "none of 2 transactions" in after.decision.evidence


# --- what is refused, cut short, or done by two at once


def decisions(parked: ParkedBatches) -> list[Callable[[str], Batch]]:
    return [
        lambda batch_id: parked.accept(batch_id, f"ref-{batch_id}", GRACE, confirmed=True),
        lambda batch_id: parked.not_sent(batch_id, GRACE),
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_only_a_parked_batch_is_decided_about(
    service: Ledgered, parked: ParkedBatches, which: int
) -> None:
    decide = decisions(parked)[which]
    with pytest.raises(NotFound):
        decide("no such batch")
    accepted = service.send(service.pay("ann"))
    with pytest.raises(Conflict, match="is accepted, not parked"):
        decide(accepted.batch_id)
    silence(service, acted=False)
    frozen = service.send(service.pay("bob"))
    with pytest.raises(Conflict, match="is frozen, not parked"):
        decide(frozen.batch_id)


@pytest.mark.parametrize("which", [0, 1])
def test_a_decision_is_made_once(service: Ledgered, parked: ParkedBatches, which: int) -> None:
    batch, _ = park(service, "ann", acted=which == 0)
    decisions(parked)[which](batch.batch_id)
    for decide in decisions(parked):
        with pytest.raises(Conflict, match=r"is \w+, not parked: Grace H\. decided"):
            decide(batch.batch_id)


@pytest.mark.parametrize("which", [0, 1])
def test_of_two_who_decide_at_once_one_is_heard(
    service: Ledgered, parked: ParkedBatches, which: int
) -> None:
    batch, (payment,) = park(service, "ann", acted=which == 0)
    service.provider.hidden = {f"tx-{payment.payment_id}"}
    change = service.store.change_batch

    def other_first(old: Batch, new: Batch) -> bool:
        service.store.change_batch = change
        decisions(parked)[1 - which](batch.batch_id)
        return change(old, new)

    service.store.change_batch = other_first
    with pytest.raises(Conflict, match="was decided meanwhile"):
        decisions(parked)[which](batch.batch_id)
    stored = service.store.get_batch(batch.batch_id)
    assert stored is not None
    assert stored.decision is not None
    assert stored.decision.resolution is list(Resolution)[1 - which]


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("which", [0, 1])
def test_a_decision_that_is_cut_short_is_carried_out_by_a_sweep(
    service: Ledgered, parked: ParkedBatches, which: int, after: int
) -> None:
    """Interrupt it before the first payment is changed, and after one of two was."""
    batch, payments = park(service, "ann", "bob", acted=which == 0)
    change = service.store.change_payments

    def die(changes: list[object]) -> list[bool]:
        service.store.change_payments = change
        change(changes[:after])  # type: ignore[arg-type]
        raise StoreUnavailable("gone")

    service.store.change_payments = die  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable):
        decisions(parked)[which](batch.batch_id)
    service.sweep(seconds=60)
    for payment in payments:
        persons = [m for m in service.read(payment).history if m.cause is Cause.PERSON]
        assert len(persons) == 1
    for _ in range(3):
        service.sweep(seconds=60)
    assert {service.status(payment) for payment in payments} == {Status.SUCCEEDED}
    assert len(service.provider.paid()) == 2
    assert {member.item_id for member in service.provider.paid()} == {
        payment.key.item_id for payment in payments
    }
