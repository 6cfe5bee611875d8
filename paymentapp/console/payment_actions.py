"""What people do with one payment: a page that asks first, and the form that it sends."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, request
from marshmallow import Schema

from paymentapp.api.blueprint import actor, services
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import filled, loaded
from paymentapp.console.payments import PATH
from paymentapp.errors import Conflict, NotAllowed
from paymentapp.masking import masked
from paymentapp.models.actors import APPROVE, HOLD, PAYMENTS_READ, PAYMENTS_WRITE
from paymentapp.models.approvals import valid
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.models.revisions import new_revision
from paymentapp.schemas.approvals import ApprovalNoteSchema
from paymentapp.schemas.headers import IdempotencyKey
from paymentapp.schemas.holds import ReasonSchema
from paymentapp.schemas.payment_orders import RetryOrderSchema
from paymentapp.services.payment_actions import PaymentAction
from paymentapp.services.payment_cases import PaymentCase
from paymentapp.services.routing import customer_destination

_ANY = f"<any({', '.join(PaymentAction)}):action>"


class RetryFormSchema(RetryOrderSchema):
    """The form of a retry: by which method, and the key that makes a second click harmless."""

    idempotency_key = IdempotencyKey(required=True)


@blp.get(f"{PATH}/{_ANY}")
@requires(PAYMENTS_READ)
def payments_ask(customer_id: str, payment_id: str, action: str) -> Response:
    """Ask before a payment is changed, and say what will happen."""
    case = services().payment_cases.of(PaymentKey(customer_id, payment_id))
    return _asked(case, PaymentAction(action))


@blp.post(f"{PATH}/approve")
@requires(APPROVE)
def payments_approve(customer_id: str, payment_id: str) -> Response:
    """Approve a payment, to the payee that the form has shown."""
    form, refused = _form(customer_id, payment_id, PaymentAction.APPROVE, ApprovalNoteSchema())
    if refused:
        return refused
    key = PaymentKey(customer_id, payment_id)
    seen = request.form.get("seen", "")
    services().approvals.approve(key, actor(), form.get("note", ""), seen)
    return _done(key, "approved")


@blp.post(f"{PATH}/reject")
@requires(APPROVE)
def payments_reject(customer_id: str, payment_id: str) -> Response:
    """Reject a payment, which ends it."""
    form, refused = _form(customer_id, payment_id, PaymentAction.REJECT, ReasonSchema())
    if refused:
        return refused
    key = PaymentKey(customer_id, payment_id)
    services().approvals.reject(key, actor(), form["reason"])
    return _done(key, "rejected")


@blp.post(f"{PATH}/hold")
@requires(HOLD)
def payments_hold(customer_id: str, payment_id: str) -> Response:
    """Hold a payment."""
    form, refused = _form(customer_id, payment_id, PaymentAction.HOLD, ReasonSchema())
    if refused:
        return refused
    key = PaymentKey(customer_id, payment_id)
    services().holds.hold_payment(key, form["reason"], actor())
    return _done(key, "held")


@blp.post(f"{PATH}/release")
@requires(HOLD)
def payments_release(customer_id: str, payment_id: str) -> Response:
    """Release the hold of a payment; it leaves, unless another hold concerns it."""
    key = PaymentKey(customer_id, payment_id)
    services().holds.release_payment(key, actor())
    return _done(key, "released")


@blp.post(f"{PATH}/cancel")
@requires(PAYMENTS_WRITE, HOLD)
def payments_cancel(customer_id: str, payment_id: str) -> Response:
    """Cancel a payment, or have one that nobody claimed taken back."""
    key = PaymentKey(customer_id, payment_id)
    payment = services().payments.cancel(key, actor())
    return _done(key, "recalled" if payment.cancel_requested else "cancelled")


@blp.post(f"{PATH}/retry")
@requires(PAYMENTS_WRITE)
def payments_retry(customer_id: str, payment_id: str) -> Response:
    """Request a new payment in place of one that was not paid; go to the new one."""
    form, refused = _form(customer_id, payment_id, PaymentAction.RETRY, RetryFormSchema())
    if refused:
        return refused
    requested = services().retries.retry(
        PaymentKey(customer_id, payment_id),
        form.get("payment_method"),
        form["idempotency_key"],
        actor(),
    )
    return _done(requested.payment.key, "retried")


def _form(
    customer_id: str, payment_id: str, action: PaymentAction, schema: Schema
) -> tuple[dict[str, Any], Response | None]:
    """Return what a form says, or the page that asks again and says what is wrong."""
    value, errors = loaded(schema, filled(*schema.fields))
    if not errors:
        return value, None
    case = services().payment_cases.of(PaymentKey(customer_id, payment_id))
    return {}, _asked(case, action, errors)


def _asked(case: PaymentCase, action: PaymentAction, errors: Any = None) -> Response:
    _check(case, action)
    here, payment = services(), case.payment
    page = render_template(
        "console/payments_ask.html",
        case=case,
        payment=payment,
        action=action,
        errors=errors or {},
        given=request.form,
        seen=here.approvals.version_of(payment) if action is PaymentAction.APPROVE else "",
        missing=payment.approvals_needed - len(valid(payment.approvals)),
        payee_now=_payee_now(payment) if action is PaymentAction.RETRY else "",
        methods=sorted(here.providers),
        idempotency_key=request.form.get("idempotency_key") or new_revision(),
    )
    return make_response(page, 400 if errors else 200)


def _check(case: PaymentCase, action: PaymentAction) -> None:
    """Raise NotAllowed or Conflict where an action is not possible, or not for this actor."""
    found = {each.action: each for each in case.actions(actor())}.get(action)
    if found is None:
        raise Conflict(f"This cannot be done now: the payment is {case.payment.status}.")
    if found.why_not:
        raise NotAllowed(f"{found.why_not} Somebody else has to decide.")
    if found.scope is not None:
        raise NotAllowed(f"This takes the right {found.scope}.", found.scope)


def _payee_now(payment: Payment) -> str:
    """Return whom the customer's current details for the same method name, masked."""
    here, method = services(), payment.payment_method
    customer = here.customers.get(payment.customer_id)
    destination = customer_destination(customer, method)
    if destination is None:
        return masked(customer.email)
    return here.payees.display(method, customer.customer_id, destination)


def _done(key: PaymentKey, code: str) -> Response:
    return go_to("payments_show", **key._asdict(), done=code)
