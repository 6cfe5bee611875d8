"""What somebody may do with a payment, and which right the rest takes."""

from __future__ import annotations

from typing import Any

import pytest

from paymentapp.models.actors import APPROVE, HOLD, PAYMENTS_WRITE, Actor
from paymentapp.models.batches import NO_ATTEMPT, BatchState
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.services.payment_actions import PaymentAction, possible_actions
from tests.support.records import NOW, a_batch, a_hold, a_payment, stamped

A = PaymentAction


def actor(*scopes: str, name: str = "shop") -> Actor:
    return Actor(name, frozenset({name}), frozenset(scopes))


def of_client(name: str, **fields: Any) -> Payment:
    payment = a_payment(**fields)
    return a_payment(**{"history": (payment.history[0]._replace(by=name),), **fields})


def possible(payment: Payment, *scopes: str, **facts: Any) -> dict[A, str | None]:
    """Return what a payment allows to `shop`, each with the right that is missing."""
    found = possible_actions(payment, actor(*scopes), **facts)
    return {each.action: each.scope for each in found}


def test_a_pending_payment_is_cancelled_by_its_client_and_held_by_who_may() -> None:
    assert possible(of_client("shop"), PAYMENTS_WRITE) == {A.HOLD: HOLD, A.CANCEL: None}
    assert possible(of_client("other"), PAYMENTS_WRITE) == {A.HOLD: HOLD, A.CANCEL: HOLD}
    assert possible(of_client("other"), HOLD) == {A.HOLD: None, A.CANCEL: None}
    assert possible(of_client("shop")) == {A.HOLD: HOLD, A.CANCEL: PAYMENTS_WRITE}


def test_the_hold_of_a_payment_is_released_instead() -> None:
    assert A.RELEASE in possible(a_payment(), HOLD, own_hold=a_hold())
    assert A.HOLD not in possible(a_payment(), HOLD, own_hold=a_hold())


def test_whoever_requested_a_payment_does_not_decide() -> None:
    payment = of_client("shop", status=Status.AWAITING_APPROVAL)
    by_maker = possible_actions(payment, actor(APPROVE))
    assert {each.why_not for each in by_maker[:2]} == {"You have requested it."}
    assert not any(each.allowed for each in by_maker[:2])
    by_other = possible_actions(payment, actor(APPROVE, name="bea"))
    assert [each.action for each in by_other if each.allowed] == [A.APPROVE, A.REJECT]
    assert possible(payment, PAYMENTS_WRITE)[A.APPROVE] == APPROVE


def test_what_a_provider_may_have_is_not_cancelled() -> None:
    payment = stamped(a_payment())
    sent = a_batch(state=BatchState.FROZEN, open_attempt="a1")
    unsent = a_batch(state=BatchState.FROZEN, open_attempt=NO_ATTEMPT)
    assert A.CANCEL not in possible(payment, PAYMENTS_WRITE, batch=sent)
    assert A.CANCEL in possible(payment, PAYMENTS_WRITE, batch=unsent)
    submitted = payment.moved(Status.SUBMITTED, NOW, Cause.POLL)
    assert possible(submitted, PAYMENTS_WRITE, HOLD) == {}


def test_what_a_provider_may_still_stop_is_recalled_once() -> None:
    sent = stamped(a_payment()).moved(Status.SUBMITTED, NOW, Cause.POLL)
    assert A.CANCEL in possible(sent, PAYMENTS_WRITE, recallable=True)
    asked = sent.changed(cancel_requested=True)
    assert A.CANCEL not in possible(asked, PAYMENTS_WRITE, recallable=True)


def test_unclaimed_money_is_taken_back_once() -> None:
    payment = stamped(a_payment()).moved(Status.UNCLAIMED, NOW, Cause.POLL)
    assert A.CANCEL in possible(payment, PAYMENTS_WRITE)
    assert possible(payment.changed(cancel_requested=True), PAYMENTS_WRITE) == {}


@pytest.mark.parametrize("status", [Status.FAILED, Status.RETURNED])
def test_what_was_not_paid_is_retried_once(status: Status) -> None:
    payment = stamped(a_payment()).moved(status, NOW, Cause.POLL)
    assert possible(payment, PAYMENTS_WRITE) == {A.RETRY: None}
    assert possible(payment, HOLD) == {A.RETRY: PAYMENTS_WRITE}
    retry = a_payment(payment_id="p2", retry_of=payment.payment_id)
    linked = payment.changed(retried_by="p2")
    assert possible(linked, PAYMENTS_WRITE, retry=retry) == {}
    cancelled = retry.moved(Status.CANCELLED, NOW, Cause.REQUEST)
    assert possible(linked, PAYMENTS_WRITE, retry=cancelled) == {A.RETRY: None}


def test_nothing_is_done_with_what_was_paid() -> None:
    payment = stamped(a_payment()).moved(Status.SUCCEEDED, NOW, Cause.POLL)
    assert possible(payment, PAYMENTS_WRITE, HOLD, APPROVE) == {}
