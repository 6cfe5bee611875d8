"""Payment methods of a customer over HTTP."""

from __future__ import annotations

from typing import Any

from paymentapp.api import error_examples, examples, method_docs
from paymentapp.api.blueprint import Blueprint, actor, services
from paymentapp.schemas.payment_methods import MethodSchema, MethodsSchema, NewMethodSchema
from paymentapp.services.payment_methods import PaymentMethodView

blp = Blueprint("methods", __name__, description="Payment methods: how a customer is paid.")

_SAME = {
    "customer_id": "$response.body#/customer_id",
    "method": "$response.body#/payment_method",
}
LINKS = {
    "show": {"operationId": "get_payment_method", "parameters": _SAME},
    "forget": {"operationId": "delete_payment_method", "parameters": _SAME},
}

_METHODS = "/v1/api/customer/<customer_id:customer_id>/payment-methods"
_METHOD = f"{_METHODS}/<method:method>"


@blp.route(_METHOD, methods=["PUT"])
@blp.requires("payees:write")
@blp.arguments(NewMethodSchema(), examples=method_docs.EXAMPLES)
@blp.response(201, MethodSchema, description="Set for the first time", example=examples.METHOD)
@blp.alt_response(
    200, schema=MethodSchema, description="Replaced", example=examples.METHOD, success=True
)
@blp.documents(*error_examples.PUT_METHOD, responses={201: {"links": LINKS}, 200: {"links": LINKS}})
def put_payment_method(
    body: dict[str, Any], customer_id: str, method: str
) -> tuple[PaymentMethodView, int]:
    """Set a customer's details for a payment method.

    All of them are replaced. Payments that were accepted before keep the earlier ones.
    """
    details, default = body["details"], body.get("default")
    view, new = services().methods.put(customer_id, method, details, default, actor())
    return view, 201 if new else 200


@blp.route(_METHOD)
@blp.requires("customers:read")
@blp.response(200, MethodSchema, description="The payment method", example=examples.METHOD)
@blp.documents(error_examples.NO_CUSTOMER, error_examples.NO_METHOD)
def get_payment_method(customer_id: str, method: str) -> PaymentMethodView:
    """Show a customer's details for a payment method.

    Of a secret, such as a bank account's number, only the last four characters are shown.
    """
    return services().methods.get(customer_id, method)


@blp.route(_METHODS)
@blp.requires("customers:read")
@blp.response(
    200, MethodsSchema, description="The payment methods, by name", example=examples.METHODS
)
@blp.documents(error_examples.NO_CUSTOMER)
def list_payment_methods(customer_id: str) -> dict[str, Any]:
    """List a customer's payment methods.

    Only those that details were set for: a customer may be payable by e-mail without any.
    """
    return {
        "customer_id": customer_id,
        "payment_methods": services().methods.list(customer_id),
    }


@blp.route(_METHOD, methods=["DELETE"])
@blp.requires("payees:write")
@blp.response(204, description="Deleted")
@blp.documents(error_examples.NO_CUSTOMER, error_examples.NO_METHOD)
def delete_payment_method(customer_id: str, method: str) -> None:
    """Delete a customer's details for a payment method.

    Payments that were accepted before are still made with them.
    """
    services().methods.delete(customer_id, method, actor())
