"""A payment's response body, which is written by hand, conforms to its schema."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema

from paymentapp.api.json import encode
from paymentapp.api.payment_text import payment_text
from paymentapp.clock import to_text
from paymentapp.models.approvals import Approval, RequiredApproval
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.settled import Exchange, Settled
from paymentapp.schemas.payments import PaymentPageSchema, PaymentSchema
from paymentapp.services.payees import PayeeDisplay, ShownPayment
from paymentapp.services.waiting import Wait, WaitingFor

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCEPTED = Payment(
    customer_id="ann",
    payment_id=to_text(START),
    money=Money(Decimal("12.50"), "USD"),
    payment_method="paypal",
    email="ann@example.com",
    status=Status.PENDING,
    history=(Transition(START, Status.PENDING, Cause.REQUEST, by="payroll"),),
    request_id="r",
    revision="1",
    due_at=START,
)
SUBMITTING = ACCEPTED.moved(
    Status.SUBMITTING, START + timedelta(seconds=1), Cause.DISPATCH, "b", batch_id="b", due_at=None
)
FAILED = SUBMITTING.moved(
    Status.FAILED,
    START + timedelta(microseconds=1000001),
    Cause.POLL,
    "NO_LUCK",
    reason="NO_LUCK",
    provider_item_id="i",
    transaction_id="t",
    provider_status="DENIED",
    retried_by=to_text(START + timedelta(days=1)),
)
RETRY = replace(ACCEPTED, scheduled_at=START + timedelta(hours=1), retry_of=ACCEPTED.payment_id)
APPROVED = replace(
    ACCEPTED,
    approval=RequiredApproval("USD 5..: 2", 2, frozenset({"m"})),
    approvals=(
        Approval(START, "ann", frozenset({"a"}), "v1", "seen", void=True),
        Approval(START, "", frozenset({"b"}), "v2"),
    ),
)
WITH_TEXTS = replace(
    ACCEPTED, texts=CallerTexts("invoice-1007", "For June", (("team", "b"), ("x", "y")))
)
SETTLED = replace(
    ACCEPTED,
    settled=Settled(
        START,
        Money(Decimal("0.25"), "USD"),
        Exchange(
            Money(Decimal("12.50"), "USD"), Money(Decimal("11.50"), "EUR"), Decimal("0.920000")
        ),
    ),
)
ERASED = replace(FAILED, texts=WITH_TEXTS.texts).erased(START)
PAYEE = PayeeDisplay("paypal", "a***@example.com")


@pytest.mark.parametrize(
    "payment", [ACCEPTED, SUBMITTING, FAILED, RETRY, APPROVED, WITH_TEXTS, SETTLED, ERASED]
)
def test_it_is_what_the_fields_say(payment: Payment) -> None:
    schema, shown = PaymentSchema(), ShownPayment(payment, PAYEE)
    by_hand = schema.dump(shown)
    assert by_hand == Schema.dump(schema, shown)
    assert list(by_hand) == list(schema.fields)
    assert schema.dump([shown], many=True) == [by_hand]


@pytest.mark.parametrize("wait", [None, Wait(WaitingFor.HOLD, START)])
@pytest.mark.parametrize(
    "payment", [ACCEPTED, SUBMITTING, FAILED, RETRY, APPROVED, WITH_TEXTS, SETTLED, ERASED]
)
def test_its_text_is_that_of_its_body(payment: Payment, wait: Wait | None) -> None:
    shown = ShownPayment(payment, PAYEE, wait)
    assert payment_text(shown) == encode(PaymentSchema().dump(shown))


@given(st.text(), st.decimals("0.0001", "999999999999999", places=4), st.booleans())
def test_any_text_and_amount_is_written_as_in_its_body(
    text: str, amount: Decimal, recalled: bool
) -> None:
    line = Transition(START, Status.PENDING, Cause.PERSON, text, text)
    payment = replace(
        ACCEPTED,
        money=Money(amount, "USD"),
        history=(line, *ACCEPTED.history),
        cancel_requested=recalled,
        reason=text,
        route=text,
        texts=CallerTexts(text, text, (("key", text),)),
    )
    shown = ShownPayment(payment, PayeeDisplay("paypal", text or None))
    assert payment_text(shown) == encode(PaymentSchema().dump(shown))


def test_an_erased_payment_has_nulls_for_what_was_personal() -> None:
    body = PaymentSchema().dump(ShownPayment(ERASED, PayeeDisplay("paypal", None)))
    gone = ("email", "reference", "description")
    assert [body[name] for name in gone] == [None] * 3
    assert (body["metadata"], body["payee"]) == ({}, {"method": "paypal", "display": None})
    assert (body["reason"], body["erased_at"]) == ("NO_LUCK", to_text(START))


def test_a_page_holds_such_bodies() -> None:
    payments = [ShownPayment(payment, PAYEE) for payment in (ACCEPTED, FAILED)]
    page = {"customer_id": "ann", "payments": payments, "next_cursor": None}
    bodies = [PaymentSchema().dump(payment) for payment in payments]
    assert PaymentPageSchema().dump(page)["payments"] == bodies
