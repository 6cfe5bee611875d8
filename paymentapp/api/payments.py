"""Payments over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response, request

from paymentapp import correlation
from paymentapp.api import error_examples, examples
from paymentapp.api.blueprint import Blueprint, actor, services
from paymentapp.api.payment_text import payment_text
from paymentapp.api.problems import PAYMENT_PATH, InvalidRequest
from paymentapp.api.responses import REPLAY, ApiResponse, replay_header
from paymentapp.api.waiting import with_outcome
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.actors import HOLD, PAYMENTS_READ, PAYMENTS_WRITE
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.schemas.account_payments import AccountPageSchema, AccountQuerySchema
from paymentapp.schemas.headers import KEY_NEEDED, PaymentHeadersSchema, PreferSchema
from paymentapp.schemas.payment_orders import PaymentOrderSchema, RetryOrderSchema
from paymentapp.schemas.payments import (
    PageQuerySchema,
    PaymentPageSchema,
    PaymentSchema,
)
from paymentapp.services.payees import ShownPayment
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Requested
from paymentapp.storage.base import PageQuery

blp = Blueprint("payments", __name__, description="Payments: request, list, show, cancel, retry.")

PREFERENCE_APPLIED = {
    "Preference-Applied": {
        "description": "`wait=N`, if the answer was delayed to wait for an outcome.",
        "schema": {"type": "string", "pattern": "^wait=[0-9]+$"},
    }
}
ACCEPTED_HEADERS = {
    "Location": {"description": "URL of the payment.", "schema": {"type": "string"}},
    **replay_header("created the payment"),
    **PREFERENCE_APPLIED,
}
KEY = {
    "customer_id": "$response.body#/customer_id",
    "payment_id": "$response.body#/payment_id",
}
LINKS = {
    "payment": {"operationId": "get_payment", "parameters": KEY},
    "cancellation": {"operationId": "cancel_payment", "parameters": KEY},
    "approval": {"operationId": "approve_payment", "parameters": KEY},
    "rejection": {"operationId": "reject_payment", "parameters": KEY},
    "retry": {"operationId": "retry_payment", "parameters": KEY},
    "payments": {
        "operationId": "list_payments",
        "parameters": {"customer_id": KEY["customer_id"]},
    },
}


def shown(payment: Payment) -> ShownPayment:
    """Return a payment with its payee, and with why it waits."""
    here = services()
    return here.payees.shown(payment, here.waiting.of(payment))


def shown_all(payments: Sequence[Payment]) -> list[ShownPayment]:
    """Return payments as `shown` does; the batch of several is read once."""
    waits = services().waiting.of_all(payments)
    return list(map(services().payees.shown, payments, waits))


@blp.route("/v1/api/payment", methods=["POST"])
@blp.requires(PAYMENTS_WRITE)
@blp.arguments(PaymentHeadersSchema(), location="headers")
@blp.arguments(PaymentOrderSchema(), example=examples.ORDER)
@blp.response(
    202,
    PaymentSchema,
    description="Accepted: stored, and will be paid",
    example=examples.PENDING,
    headers=ACCEPTED_HEADERS,
)
@blp.documents(*error_examples.REQUEST_PAYMENT, responses={202: {"links": LINKS}})
def request_payment(headers: dict[str, Any], order: PaymentOrder) -> Response:
    """Request a payment to a customer.

    It is accepted once it is stored, and paid afterwards: show it, or list the customer's payments,
    to follow it. One that an approval rule covers awaits approval first. Send an `Idempotency-Key`
    and retry with it when no answer came.
    """
    here = services()
    key = headers.get("idempotency_key")
    if key is None and here.settings.require_idempotency_key:
        raise InvalidRequest([{"header": "Idempotency-Key", "message": KEY_NEEDED}])
    return _accepted(here.payments.request(order, key, actor()), headers.get("wait"))


@blp.route("/v1/api/payment")
@blp.requires(PAYMENTS_READ)
@blp.arguments(AccountQuerySchema(), location="query")
@blp.response(
    200, AccountPageSchema, description="One page, newest first", example=examples.ACCOUNT_PAGE
)
@blp.documents(*error_examples.LIST_ACCOUNT_PAYMENTS)
def list_account_payments(query: AccountQuery) -> dict[str, Any]:
    """List the payments of all customers, newest first.

    A payment that was accepted before the request is in the list. A page has a `next_cursor`, which
    is the `cursor` of the next one, and is null at the end. With filters a page may have fewer
    payments than `limit`, or none, and still have a next one: one request reads a bounded number of
    payments, where the store has no index of the filter.
    """
    payments, last_read = services().payments.list_account(query)
    return {"payments": shown_all(payments), "next_cursor": last_read}


@blp.route("/v1/api/payment/<customer_id:customer_id>")
@blp.requires(PAYMENTS_READ)
@blp.arguments(PageQuerySchema(), location="query")
@blp.response(200, PaymentPageSchema, description="One page, newest first", example=examples.PAGE)
@blp.documents(*error_examples.LIST_PAYMENTS)
def list_payments(query: PageQuery, customer_id: str) -> dict[str, Any]:
    """List a customer's payments, newest first.

    A page has a `next_cursor`, which is the `cursor` of the next one, and is null at the end.
    """
    payments, last_read = services().payments.list(customer_id, query)
    page = shown_all(payments)
    return {"customer_id": customer_id, "payments": page, "next_cursor": last_read}


@blp.route("/v1/api/payment/<customer_id:customer_id>/<payment_id:payment_id>")
@blp.requires(PAYMENTS_READ)
@blp.response(200, PaymentSchema, description="The payment", example=examples.SUCCEEDED)
@blp.documents(error_examples.NO_PAYMENT)
def get_payment(customer_id: str, payment_id: str) -> ShownPayment:
    """Show a payment and its history.

    The status is as this service last learned it from the provider, which is not asked again.
    """
    return shown(services().payments.get(PaymentKey(customer_id, payment_id)))


@blp.route(
    "/v1/api/payment/<customer_id:customer_id>/<payment_id:payment_id>/cancel", methods=["POST"]
)
@blp.requires(PAYMENTS_WRITE, HOLD)
@blp.arguments(PreferSchema(), location="headers")
@blp.response(
    200,
    PaymentSchema,
    description="Cancelled; or, where it was sent, being recalled (`cancel_requested`)",
    example=examples.CANCELLED,
    headers=PREFERENCE_APPLIED,
)
@blp.documents(*error_examples.CANCEL_PAYMENT)
def cancel_payment(
    headers: dict[str, Any], customer_id: str, payment_id: str
) -> tuple[ShownPayment, dict[str, str]]:
    """Cancel a payment that has not been sent, or recall one that nobody claimed.

    One that its provider is still processing can be recalled where the provider allows it; where
    it has left by then, it is `succeeded`. One that awaits approval can be cancelled too, and one
    whose attempts to be sent have certainly had no effect, as where funds are missing. Safe to
    repeat: a payment that is cancelled, or being recalled, is answered as it is.
    `payments:write` cancels payments of the same client, `payments:hold` any.
    """
    payment = services().payments.cancel(PaymentKey(customer_id, payment_id), actor())
    payment, applied = with_outcome(payment, headers.get("wait"))
    return shown(payment), applied


@blp.route(
    "/v1/api/payment/<customer_id:customer_id>/<payment_id:payment_id>/retry", methods=["POST"]
)
@blp.requires(PAYMENTS_WRITE)
@blp.arguments(PaymentHeadersSchema(), location="headers")
@blp.arguments(RetryOrderSchema(), required=False, example={"payment_method": examples.METHOD_NAME})
@blp.response(
    202,
    PaymentSchema,
    description="Accepted: a new payment, with `retry_of`",
    example=examples.RETRY,
    headers=ACCEPTED_HEADERS,
)
@blp.documents(*error_examples.RETRY_PAYMENT, responses={202: {"links": LINKS}})
def retry_payment(
    headers: dict[str, Any], order: dict[str, Any], customer_id: str, payment_id: str
) -> Response:
    """Retry a payment that failed, was returned or was rejected: request a new one in its place.

    It has the same amount and goes to the customer's current details. A payment has one retry at a
    time: while that is open, and once it has succeeded, another one is refused; where it came to
    such an end too, retry the retry. Payments of other clients also take `payments:hold`.
    """
    requested = services().retries.retry(
        PaymentKey(customer_id, payment_id),
        order.get("payment_method"),
        headers.get("idempotency_key"),
        actor(),
    )
    return _accepted(requested, headers.get("wait"))


def _accepted(requested: Requested, wait: int | None) -> Response:
    """Return the answer to a request which has made a payment."""
    correlation.note(payment=requested.payment.payment_id)
    payment, applied = with_outcome(requested.payment, wait)
    path = PAYMENT_PATH.format(*payment.key)
    replay = REPLAY if requested.replayed else {}
    answer = ApiResponse(payment_text(shown(payment)), 202, mimetype="application/json")
    answer.headers.extend({"Location": request.script_root + path, **replay, **applied})
    return answer
