"""The story of a payment: what happened, when, and by whom, in words."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from paymentapp.models.approvals import Approval, RequiredApproval
from paymentapp.models.batches import BatchState, Decision, Resolution, StopOrder
from paymentapp.models.holds import HoldScope
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.settled import Settled
from paymentapp.services.dispatch.approved import EXPIRED
from paymentapp.services.payment_story import StoryLine, story_of
from tests.support.records import NOW, a_batch, a_hold, a_payment, later, stamped


def by(payment: Payment, name: str) -> Payment:
    first = payment.history[0]._replace(by=name)
    return replace(payment, history=(first, *payment.history[1:]))


def texts(lines: list[StoryLine]) -> list[str]:
    return [f"{line.by}: {line.text}" for line in lines]


def test_a_payment_that_was_paid_is_told_from_its_request_on() -> None:
    batch = a_batch(
        batch_id="b1",
        state=BatchState.CLOSED,
        frozen_at=later(1.5),
        accepted_at=later(2),
        reference="PB7",
    )
    sent = by(stamped(a_payment()), "payroll").moved(
        Status.SUBMITTED, later(2), Cause.DISPATCH, "PB7"
    )
    paid = sent.moved(Status.SUCCEEDED, later(60), Cause.WEBHOOK, "T1")
    fee = Money(Decimal("0.25"), "USD")
    paid = paid.changed(settled=Settled(later(59), fee))
    assert texts(story_of(paid, [batch])) == [
        "payroll: 12.50 USD requested.",
        "the service: Put in a batch for paypal.",
        "the service: Its batch is sent to paypal.",
        "the service: paypal has it.",
        "paypal: The payee has the money, as paypal says. It cost 0.25 USD.",
        "paypal, by a message: Paid.",
    ]
    assert [line.code for line in story_of(paid, [batch])][-1] == "T1"


def test_a_batch_that_was_taken_is_told_where_the_payment_does_not_say_so() -> None:
    batch = a_batch(batch_id="b1", accepted_at=later(2), reference="PB7")
    lines = story_of(stamped(a_payment()), [batch])
    assert texts(lines)[-1] == "paypal: paypal has taken the batch."


def test_approvals_and_their_notes_are_told() -> None:
    payment = a_payment(
        status=Status.AWAITING_APPROVAL,
        approval=RequiredApproval("USD 10..: 1", 1),
        history=(Transition(NOW, Status.AWAITING_APPROVAL, Cause.REQUEST, "USD 10..: 1", "shop"),),
    )
    given = Approval(later(5), "Bea", frozenset({"b"}), "v1", "seen the invoice")
    approved = payment.moved(
        *(Status.PENDING, later(5), Cause.PERSON, "approved", "Bea"), approvals=(given,)
    )
    lines = story_of(approved)
    assert texts(lines) == [
        "shop: 12.50 USD requested; it needs approval by a rule.",
        "Bea: It has the approvals that it needs.",
        "Bea: Approved.",
    ]
    assert lines[2].code == "seen the invoice"
    void = story_of(approved.changed(approvals=(given._replace(void=True),)))[2]
    assert "does not count any more" in void.text


def test_a_payment_that_goes_by_another_method_says_which_did_not_take_it() -> None:
    batch = a_batch(batch_id="b1", provider="stripe")
    other = stamped(a_payment()).moved(
        *(Status.PENDING, later(3), Cause.DISPATCH, "account_invalid: no such account"),
        payment_method="paypal",
    )
    last = story_of(other, [batch])[-1]
    assert last.text.startswith("stripe did not take it")
    assert last.code == "account_invalid: no such account"


def test_a_batch_that_was_taken_apart_says_why() -> None:
    freed = stamped(a_payment()).moved(
        Status.PENDING, later(3), Cause.DISPATCH, "b1 taken apart: no funds"
    )
    last = story_of(freed)[-1]
    assert last.text == "Taken out of its batch, which was not sent; it goes in another one."
    assert last.code == "taken apart: no funds"


def test_what_operators_decide_about_a_batch_is_told_with_their_words() -> None:
    batch = a_batch(
        batch_id="b1",
        state=BatchState.PARKED,
        parked_at=later(4),
        stop_order=StopOrder(later(4), "Eve", "wrong month"),
        decision=Decision(later(9), Resolution.NOT_SENT, "Bea", "not in the books", "none"),
    )
    lines = story_of(stamped(a_payment()), [batch])
    assert texts(lines)[-2:] == [
        "Eve: Its batch is not to be sent again.",
        "Bea: Its batch is recorded as not sent.",
    ]
    assert [line.code for line in lines[-2:]] == ["wrong month", "not in the books"]
    parked = replace(batch, stop_order=None, decision=None, last_error="OutcomeUnknown: TIMEOUT")
    last = story_of(stamped(a_payment()), [parked])[-1]
    assert last.text.startswith("Its batch is parked")
    assert last.code == "OutcomeUnknown: TIMEOUT"


def test_ends_without_a_payment_have_their_words() -> None:
    waiting = a_payment(status=Status.AWAITING_APPROVAL)
    expired = waiting.moved(Status.REJECTED, later(1), Cause.DISPATCH, EXPIRED)
    assert story_of(expired)[-1].text == "Rejected: nobody approved it in time."
    rejected = waiting.moved(Status.REJECTED, later(1), Cause.PERSON, "twice", "Bea")
    assert story_of(rejected)[-1][1:] == ("Rejected.", "Bea", "twice")
    cancelled = a_payment().moved(Status.CANCELLED, later(1), Cause.REQUEST, by="shop")
    assert texts(story_of(cancelled))[-1] == "shop: Cancelled."
    failed = stamped(a_payment()).moved(Status.FAILED, later(2), Cause.POLL, "RISK_DECLINE: x")
    assert texts(story_of(failed))[-1] == "paypal, when asked: paypal did not pay it."


def test_holds_in_force_are_told_where_they_came_after_the_request() -> None:
    own = a_hold(scope=HoldScope.PAYMENT, created_at=later(2), reason="a doubt", by="Eve")
    older = a_hold(scope=HoldScope.ALL, created_at=later(-100))
    lines = story_of(a_payment(), holds=[own, older])
    assert texts(lines)[1:] == ["Eve: Held."]
    assert lines[1].code == "a doubt"


def test_a_schedule_a_retry_and_an_erasure_are_told() -> None:
    payment = a_payment(scheduled_at=later(86400), retry_of="p1", erased_at=later(9))
    lines = story_of(payment)
    assert "for 2026-03-02 12:00 or later, in place of an earlier payment" in lines[0].text
    assert "was erased" in lines[-1].text
