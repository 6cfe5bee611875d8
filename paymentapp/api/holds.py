"""Holds over HTTP: stop sending payments, and go on."""

from __future__ import annotations

from typing import Any

from paymentapp.api import error_examples, examples
from paymentapp.api.blueprint import Blueprint, actor, services
from paymentapp.api.payments import shown
from paymentapp.models.actors import HOLD
from paymentapp.models.holds import Hold
from paymentapp.models.payments import PaymentKey
from paymentapp.schemas.holds import HoldSchema, HoldsSchema, NewHoldSchema, ReasonSchema
from paymentapp.schemas.payments import PaymentSchema
from paymentapp.services.payees import ShownPayment

blp = Blueprint("holds", __name__, description="Holds: stop sending payments, and go on.")

LINKS = {
    "release": {
        "operationId": "release_hold",
        "parameters": {"hold_id": "$response.body#/hold_id"},
    }
}
_PAYMENT = "/v1/api/payment/<customer_id:customer_id>/<payment_id:payment_id>"


@blp.route("/v1/api/holds", methods=["POST"])
@blp.requires(HOLD)
@blp.arguments(NewHoldSchema(), example=examples.NEW_HOLD)
@blp.response(201, HoldSchema, description="In force", example=examples.HOLD)
@blp.alt_response(
    200,
    schema=HoldSchema,
    description="It was in force already: the earlier hold, as it is",
    example=examples.HOLD,
    success=True,
)
@blp.documents(*error_examples.PLACE_HOLD, responses={201: {"links": LINKS}})
def place_hold(body: dict[str, Any]) -> tuple[Hold, int]:
    """Hold everything, the payments of a payment method, customer or bulk run, or one payment.

    In force in every process within two seconds, and until it is released: no held payment is sent,
    and no batch that contains one is sent again. What a provider has already is followed as ever.
    """
    hold, new = services().holds.place(body["scope"], body["value"], body["reason"], actor())
    return hold, 201 if new else 200


@blp.route("/v1/api/holds")
@blp.requires(HOLD)
@blp.response(200, HoldsSchema, description="Oldest first", example=examples.HOLDS)
@blp.documents()
def list_holds() -> dict[str, list[Hold]]:
    """List the holds in force."""
    return {"holds": services().holds.current()}


@blp.route("/v1/api/holds/<hold_id:hold_id>", methods=["DELETE"])
@blp.requires(HOLD)
@blp.response(204, description="Released")
@blp.documents(error_examples.NO_HOLD)
def release_hold(hold_id: str) -> None:
    """Release a hold.

    Its payments are sent within seconds, unless another hold concerns them.
    """
    services().holds.release(hold_id, actor())


@blp.route(f"{_PAYMENT}/hold", methods=["POST"])
@blp.requires(HOLD)
@blp.arguments(ReasonSchema(), example={"reason": examples.NEW_HOLD["reason"]})
@blp.response(200, PaymentSchema, description="Held", example=examples.HELD)
@blp.documents(*error_examples.HOLD_PAYMENT)
def hold_payment(body: dict[str, Any], customer_id: str, payment_id: str) -> ShownPayment:
    """Hold one payment that its provider does not have yet.

    Safe to repeat: the hold that is in force stays as it is. While the status is `submitting`, its
    provider may have it all the same: then the hold only keeps it from being sent again.
    """
    key = PaymentKey(customer_id, payment_id)
    return shown(services().holds.hold_payment(key, body["reason"], actor()))


@blp.route(f"{_PAYMENT}/release", methods=["POST"])
@blp.requires(HOLD)
@blp.response(200, PaymentSchema, description="Released", example=examples.PENDING)
@blp.documents(*error_examples.RELEASE_PAYMENT)
def release_payment(customer_id: str, payment_id: str) -> ShownPayment:
    """Release the hold of one payment.

    Holds of its customer, of its payment method and of everything stay in force.
    """
    return shown(services().holds.release_payment(PaymentKey(customer_id, payment_id), actor()))
