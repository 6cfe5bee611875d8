"""Approvals over HTTP: approve and reject payments that a rule covers."""

from __future__ import annotations

from typing import Any

from paymentapp.api import error_examples, examples
from paymentapp.api.blueprint import Blueprint, actor, services
from paymentapp.api.payments import shown
from paymentapp.models.actors import APPROVE
from paymentapp.models.payments import PaymentKey
from paymentapp.schemas.approvals import ApprovalNoteSchema
from paymentapp.schemas.holds import ReasonSchema
from paymentapp.schemas.payments import PaymentSchema
from paymentapp.services.payees import ShownPayment

blp = Blueprint(
    "approvals", __name__, description="Approvals: approve and reject payments that need it."
)

_PAYMENT = "/v1/api/payment/<customer_id:customer_id>/<payment_id:payment_id>"


@blp.route(f"{_PAYMENT}/approve", methods=["POST"])
@blp.requires(APPROVE)
@blp.arguments(ApprovalNoteSchema(), required=False, example=examples.APPROVAL_NOTE)
@blp.response(
    200,
    PaymentSchema,
    description="Approved: pending, or still `awaiting_approval` if it needs more approvals",
    example=examples.APPROVED,
)
@blp.documents(*error_examples.APPROVE_PAYMENT)
def approve_payment(body: dict[str, Any], customer_id: str, payment_id: str) -> ShownPayment:
    """Approve a payment that awaits approval.

    With the last approval that it needs it leaves as soon as it can; then the answer to another one
    is 409. Until then an approver counts once. Whoever requested the payment cannot approve it,
    with whichever key or token. Approvals are void once the details of the payee have changed.
    """
    key = PaymentKey(customer_id, payment_id)
    return shown(services().approvals.approve(key, actor(), body.get("note", "")))


@blp.route(f"{_PAYMENT}/reject", methods=["POST"])
@blp.requires(APPROVE)
@blp.arguments(ReasonSchema(), example=examples.REJECTION)
@blp.response(200, PaymentSchema, description="Rejected", example=examples.REJECTED)
@blp.documents(*error_examples.REJECT_PAYMENT)
def reject_payment(body: dict[str, Any], customer_id: str, payment_id: str) -> ShownPayment:
    """Reject a payment that awaits approval.

    It never leaves; a retry requests it again. Whoever requested the payment cancels it instead.
    """
    key = PaymentKey(customer_id, payment_id)
    return shown(services().approvals.reject(key, actor(), body["reason"]))
