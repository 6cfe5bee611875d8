"""Why a payment waits, failed or came back, in words, and what can be done about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from paymentapp.models.approvals import Approval, RequiredApproval
from paymentapp.models.batches import Batch, BatchState, StopOrder
from paymentapp.models.holds import HoldScope
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.services.dispatch.approved import APPROVALS_VOID, EXPIRED
from paymentapp.services.payment_advice import Advice, PaymentState, advice_on
from paymentapp.services.waiting import Wait, WaitingFor
from tests.support.records import NOW, a_batch, a_hold, a_payment, later, stamped

WAITS = {reason: Wait(reason, NOW) for reason in WaitingFor}


def advice(payment: Payment | None = None, **state: Any) -> Advice:
    found = advice_on(PaymentState(payment or a_payment(), **state), NOW)
    assert found is not None
    return found


def ended(status: Status, reason: str | None = None, **changes: Any) -> Payment:
    moved = stamped(a_payment()).moved(status, later(5), Cause.POLL, reason or "", reason=reason)
    return replace(moved, **changes)


def frozen(error: str | None = None, **changes: Any) -> Batch:
    return a_batch(
        state=BatchState.FROZEN, frozen_at=NOW, last_error=error, attention_at=later(60), **changes
    )


def text_of(found: Advice) -> str:
    return " ".join((found.meaning, *found.steps))


@pytest.mark.parametrize("reason", [*WaitingFor])
def test_each_reason_to_wait_has_words_and_a_next_step(reason: WaitingFor) -> None:
    found = advice(wait=WAITS[reason])
    assert found.title.startswith(("Waits", "Held"))
    assert found.meaning.endswith(".")
    assert found.steps
    assert found.since == NOW


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.SUCCEEDED])
def test_each_status_without_a_wait_has_words_and_a_next_step(status: Status) -> None:
    found = advice(a_payment(status=status))
    assert found.meaning
    assert found.steps


def test_what_was_paid_needs_no_advice() -> None:
    assert advice_on(PaymentState(ended(Status.SUCCEEDED)), NOW) is None


def test_a_wait_for_approval_says_how_many_are_missing_and_who_may_not_give_one() -> None:
    payment = a_payment(
        status=Status.AWAITING_APPROVAL,
        approval=RequiredApproval("USD 10..: 2", 2),
        approvals=(Approval(NOW, "Bea", frozenset({"b"}), "v1"),),
        history=(a_payment().history[0]._replace(by="payroll"),),
        due_at=later(3600),
    )
    found = advice(payment, wait=WAITS[WaitingFor.APPROVAL])
    assert "“USD 10..: 2” covers it: it has 1 of 2 approvals" in found.meaning
    assert "other than payroll" in found.steps[0]
    assert "2026-03-01 13:00, it is rejected" in found.steps[1]
    assert found.needs_person


def test_void_approvals_are_said_to_be() -> None:
    payment = a_payment().moved(Status.AWAITING_APPROVAL, NOW, Cause.DISPATCH, APPROVALS_VOID)
    assert "do not count" in advice(payment, wait=WAITS[WaitingFor.APPROVAL]).meaning


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (HoldScope.ALL, "All payments are held"),
        (HoldScope.PROVIDER, "All payments by paypal are held"),
        (HoldScope.CUSTOMER, "All payments to this customer are held"),
        (HoldScope.PAYMENT, "This payment is held"),
        (HoldScope.BULK, "Its bulk run is held, with all payments of it,"),
    ],
)
def test_a_hold_says_what_it_concerns_who_placed_it_and_why(scope: HoldScope, words: str) -> None:
    hold = a_hold(scope=scope, value="paypal", reason="a doubt", by="Eve")
    found = advice(wait=WAITS[WaitingFor.HOLD], hold=hold)
    assert found.meaning.startswith(words)
    assert found.meaning.endswith("by Eve: a doubt.")
    assert "payments:hold" in found.steps[0]


def test_a_hold_for_changed_details_asks_the_payee_by_an_older_way() -> None:
    found = advice(a_payment(due_at=later(7200)), wait=WAITS[WaitingFor.HOLD])
    assert "held until 2026-03-01 14:00" in found.meaning
    assert "that you knew before" in found.steps[0]


def test_a_lack_of_funds_says_where_to_add_them_and_when_it_is_tried_again() -> None:
    batch = frozen("InsufficientFunds: INSUFFICIENT_FUNDS")
    found = advice(stamped(a_payment()), wait=WAITS[WaitingFor.FUNDS], batch=batch)
    assert "Add funds in USD to our account at paypal." in found.steps
    assert "next at 2026-03-01 12:01" in found.steps[1]


def test_an_unknown_outcome_warns_not_to_pay_again() -> None:
    batch = frozen("OutcomeUnknown: TIMEOUT", attempts=1)
    found = advice(stamped(a_payment()), wait=WAITS[WaitingFor.PROVIDER], batch=batch)
    assert "not known whether paypal has it" in found.meaning
    assert "after 25 days a person is asked" in found.steps[0]
    assert "Do not pay it in another way" in found.steps[1]
    assert not found.needs_person


def test_a_call_that_certainly_did_nothing_is_said_to_have_paid_nothing() -> None:
    batch = frozen("NotSent: RATE_LIMIT_REACHED", attempts=1)
    found = advice(stamped(a_payment()), wait=WAITS[WaitingFor.PROVIDER], batch=batch)
    assert "Nothing has been paid" in found.meaning
    assert "Do not pay" not in text_of(found)


@pytest.mark.parametrize("kind", ["Misconfigured", "NotPermitted"])
def test_refused_calls_need_whoever_runs_the_service(kind: str) -> None:
    batch = frozen(f"{kind}: AUTHENTICATION_FAILURE", attempts=1)
    found = advice(stamped(a_payment()), wait=WAITS[WaitingFor.PROVIDER], batch=batch)
    assert "credentials" in found.steps[0]
    assert found.needs_person


def test_a_parked_batch_says_why_and_that_nothing_may_be_paid_before_a_decision() -> None:
    batch = a_batch(state=BatchState.PARKED, parked_at=NOW, last_error="OutcomeUnknown: TIMEOUT")
    found = advice(stamped(a_payment()), wait=WAITS[WaitingFor.PERSON], batch=batch)
    assert "OutcomeUnknown: TIMEOUT" in found.meaning
    assert "Do not pay it in another way before that." in found.steps
    stopped = batch.changed(stop_order=StopOrder(NOW, "Eve", "wrong month"))
    found = advice(stamped(a_payment()), wait=WAITS[WaitingFor.PERSON], batch=stopped)
    assert "Eve has stopped its batch: wrong month" in found.meaning


def test_a_failure_is_explained_by_its_provider() -> None:
    payment = ended(Status.FAILED, "RECEIVER_ACCOUNT_LOCKED: the recipient's account is locked")
    found = advice(payment)
    assert found.title == "Not paid"
    assert "locked" in found.meaning
    assert "only they can" in found.steps[0]
    assert found.needs_person


def test_a_return_is_explained_by_its_banks_code() -> None:
    payment = ended(Status.RETURNED, "R03 No account/unable to locate account")
    found = advice(replace(payment, payment_method="ach"))
    assert found.title == "Came back"
    assert "No such account of that person" in found.meaning


def test_a_reason_that_nobody_knows_is_quoted() -> None:
    found = advice(ended(Status.FAILED, "NEW_CODE: strange"))
    assert found.meaning == "It was not paid. The reason on record: NEW_CODE: strange."
    assert found.steps[-1] == "Then retry the payment, or pay by another method."


def test_what_was_retried_leads_to_its_retry_until_that_is_cancelled() -> None:
    payment = ended(Status.FAILED, "RISK_DECLINE: declined", retried_by="p2")
    retry = a_payment(payment_id="p2", retry_of=payment.payment_id)
    found = advice(payment, retry=retry)
    assert found.steps == ("It was retried: follow the payment that was made in its place.",)
    assert not found.needs_person
    cancelled = retry.moved(Status.CANCELLED, NOW, Cause.REQUEST)
    assert "retried:" not in text_of(advice(payment, retry=cancelled))


def test_a_rejection_says_who_and_why_or_that_nobody_answered() -> None:
    waiting = a_payment(status=Status.AWAITING_APPROVAL)
    rejected = waiting.moved(
        *(Status.REJECTED, NOW, Cause.PERSON, "twice", "Bea"), reason="twice", due_at=None
    )
    assert advice(rejected).meaning == "Bea did not approve it: twice. Nothing was paid."
    expired = waiting.moved(Status.REJECTED, NOW, Cause.DISPATCH, EXPIRED, reason=EXPIRED)
    assert advice(expired).meaning == "Nobody approved it in time. Nothing was paid."


def test_unclaimed_money_is_explained_and_its_recall_is_said_to_go_on() -> None:
    payment = ended(Status.UNCLAIMED, provider_status="UNCLAIMED")
    assert "within 30 days" in advice(payment).meaning
    recalled = advice(payment.changed(cancel_requested=True))
    assert "has been asked to take it back" in recalled.meaning


def test_a_recall_of_what_was_sent_is_said_to_go_on() -> None:
    recalled = advice(ended(Status.SUBMITTED).changed(cancel_requested=True))
    assert "has been asked to stop it" in recalled.meaning


def test_a_payment_that_is_due_and_does_not_leave_has_nobody_to_send_it() -> None:
    assert "within seconds" in advice(a_payment()).steps[0]
    overdue = advice(a_payment(due_at=NOW - timedelta(minutes=5)))
    assert "dispatches is running" in overdue.steps[0]


def test_a_method_that_did_nothing_is_named() -> None:
    found = advice(a_payment(payment_method="ach", tried_methods=("stripe",)))
    assert "stripe did not take it" in found.meaning
