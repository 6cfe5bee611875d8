"""Customers over HTTP."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from werkzeug.exceptions import PreconditionRequired

from paymentapp.api import error_examples, examples
from paymentapp.api.blueprint import Blueprint, actor, services
from paymentapp.models.actors import CUSTOMERS_WRITE
from paymentapp.models.customers import Customer, CustomerQuery
from paymentapp.schemas.customer_history import CustomerHistorySchema, HistoryQuerySchema
from paymentapp.schemas.customers import (
    LIMITS,
    CustomerPageSchema,
    CustomerPatchSchema,
    CustomerQuerySchema,
    CustomerSchema,
    NewCustomerSchema,
)
from paymentapp.schemas.headers import EraseIfMatchSchema, IfMatchSchema
from paymentapp.services.customers import CustomerPatch

blp = Blueprint("customers", __name__, description="Customers: the people who can be paid.")

LOCATION = {"Location": {"description": "URL of the record.", "schema": {"type": "string"}}}
ETAG = {
    "ETag": {
        "description": "Version of the record, for If-Match. Payment methods do not change it.",
        "schema": {"type": "string"},
    }
}
LINKS = {
    "customer": {
        "operationId": "get_customer",
        "parameters": {"customer_id": "$response.body#/customer_id"},
    },
    "payment_method": {
        "operationId": "put_payment_method",
        "parameters": {
            "customer_id": "$response.body#/customer_id",
            "method": examples.METHOD_NAME,
        },
        "requestBody": examples.NEW_METHOD,
    },
    "payment": {
        "operationId": "request_payment",
        "requestBody": {
            "customer_id": "$response.body#/customer_id",
            "email": "$response.body#/email",
            "amount": examples.ORDER["amount"],
            "currency": examples.ORDER["currency"],
        },
    },
}


@blp.route("/v1/api/customer", methods=["POST"])
@blp.requires(CUSTOMERS_WRITE)
@blp.arguments(NewCustomerSchema(), example=examples.NEW_CUSTOMER)
@blp.response(
    201,
    CustomerSchema,
    description="Registered",
    example=examples.CUSTOMER,
    headers=LOCATION | ETAG,
)
@blp.alt_response(
    200,
    schema=CustomerSchema,
    description="The identical record already existed",
    example=examples.CUSTOMER,
    headers=LOCATION | ETAG,
    success=True,
)
@blp.documents(*error_examples.ADD_CUSTOMER, description=LIMITS, responses={201: {"links": LINKS}})
def add_customer(body: dict[str, Any]) -> tuple[Customer, int, dict[str, str]]:
    """Register a customer."""
    customer, new = services().customers.register(**body, by=actor())
    location = f"{request.script_root}/v1/api/customer/{customer.customer_id}"
    return customer, 201 if new else 200, {"Location": location, **_etag(customer)}


@blp.route("/v1/api/customer")
@blp.requires("customers:read")
@blp.arguments(CustomerQuerySchema(), location="query")
@blp.response(200, CustomerPageSchema, description="One page", example=examples.CUSTOMERS)
@blp.documents(*error_examples.LIST_CUSTOMERS)
def list_customers(query: CustomerQuery) -> dict[str, Any]:
    """List customers, or find those with an e-mail address.

    The order is the store's own, and the same in each listing: whoever was registered before it
    began is listed once. With `email` it is that of the ids, and a customer who was registered or
    changed within the last second may be missing. A page has a `next_cursor`, which is the `cursor`
    of the next one, and is null at the end; a page may be empty and still have a next one.
    """
    customers, last_read = services().customers.list(query)
    return {"customers": customers, "next_cursor": last_read}


@blp.route("/v1/api/customer/<customer_id:customer_id>")
@blp.requires("customers:read")
@blp.response(
    200, CustomerSchema, description="The record", example=examples.CUSTOMER, headers=ETAG
)
@blp.documents(error_examples.NO_CUSTOMER)
def get_customer(customer_id: str) -> tuple[Customer, dict[str, str]]:
    """Show a customer's record.

    It has the additional attributes as they were registered or set. Its `ETag` says which version
    it is: send it as `If-Match` with a change.
    """
    customer = services().customers.get(customer_id)
    return customer, _etag(customer)


@blp.route("/v1/api/customer/<customer_id:customer_id>", methods=["PATCH"])
@blp.requires(CUSTOMERS_WRITE)
@blp.arguments(IfMatchSchema(), location="headers")
@blp.arguments(CustomerPatchSchema(), example=examples.CUSTOMER_PATCH)
@blp.response(
    200, CustomerSchema, description="As it is now", example=examples.CHANGED, headers=ETAG
)
@blp.alt_response(
    204,
    description="Changed; not shown to a client without `customers:read`",
    headers=ETAG,
    success=True,
)
@blp.documents(*error_examples.CHANGE_CUSTOMER)
def change_customer(
    headers: dict[str, Any], body: dict[str, Any], customer_id: str
) -> tuple[Customer, dict[str, str]] | Response:
    """Change a customer's e-mail address and attributes.

    The body is a JSON merge patch (RFC 7396), as `application/json` or
    `application/merge-patch+json`. `If-Match` names the version that it changes; a request that was
    applied before is answered as then. A new e-mail address is where later payments go that no
    details redirect, and also requires the scope `payees:write`; payments that were accepted
    before keep the earlier one.
    """
    if "if_match" not in headers:
        raise PreconditionRequired
    by = actor()
    changed = services().customers.change(
        customer_id, CustomerPatch(**body), headers["if_match"].tag, by
    )
    if not by.may("customers:read"):
        return Response(status=204, headers=_etag(changed))
    return changed, _etag(changed)


@blp.route("/v1/api/customer/<customer_id:customer_id>", methods=["DELETE"])
@blp.requires(CUSTOMERS_WRITE)
@blp.arguments(EraseIfMatchSchema(), location="headers")
@blp.response(204, description="Erased")
@blp.documents(*error_examples.ERASE_CUSTOMER)
def erase_customer(headers: dict[str, Any], customer_id: str) -> None:
    """Erase a customer: e-mail address, attributes and payment methods are gone at once.

    What settled payments, batches, holds and the history hold of the customer, and the callers'
    texts of these payments, are removed within minutes. Amounts, times, statuses, ids and who acted
    stay. It is refused while payments are open. The `customer_id` is never used again.
    """
    condition = headers.get("if_match")
    services().erasures.erase(customer_id, condition.tag if condition else None, actor())


def _etag(customer: Customer) -> dict[str, str]:
    return {"ETag": f'"{customer.version_tag}"'}


@blp.route("/v1/api/customer/<customer_id:customer_id>/history")
@blp.requires("customers:read")
@blp.arguments(HistoryQuerySchema(), location="query")
@blp.response(
    200, CustomerHistorySchema, description="One page, newest first", example=examples.HISTORY
)
@blp.documents(*error_examples.CUSTOMER_HISTORY)
def get_customer_history(query: dict[str, Any], customer_id: str) -> dict[str, Any]:
    """Show what has changed in a customer's record, when and by whom, newest first.

    A page has a `next_cursor`, which is the `cursor` of the next one, and is null at the end.
    """
    entries, last_read = services().history.page(customer_id, **query)
    return {"customer_id": customer_id, "history": entries, "next_cursor": last_read}
