"""Customers over HTTP."""

from __future__ import annotations

from typing import Any

from flask import request

from paymentapp.api import error_examples, examples
from paymentapp.api.blueprint import Blueprint, actor, services
from paymentapp.models.customers import Customer
from paymentapp.schemas.customer_history import CustomerHistorySchema, HistoryQuerySchema
from paymentapp.schemas.customers import LIMITS, CustomerSchema, NewCustomerSchema

blp = Blueprint("customers", __name__, description="Customers: the people who can be paid.")

LOCATION = {"Location": {"description": "URL of the record.", "schema": {"type": "string"}}}
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
@blp.requires("customers:write")
@blp.arguments(NewCustomerSchema(), example=examples.NEW_CUSTOMER)
@blp.response(
    201, CustomerSchema, description="Registered", example=examples.CUSTOMER, headers=LOCATION
)
@blp.alt_response(
    200,
    schema=CustomerSchema,
    description="The identical record already existed",
    example=examples.CUSTOMER,
    headers=LOCATION,
    success=True,
)
@blp.documents(*error_examples.ADD_CUSTOMER, description=LIMITS, responses={201: {"links": LINKS}})
def add_customer(body: dict[str, Any]) -> tuple[Customer, int, dict[str, str]]:
    """Register a customer."""
    customer, new = services().customers.register(**body, by=actor())
    location = f"{request.script_root}/v1/api/customer/{customer.customer_id}"
    return customer, 201 if new else 200, {"Location": location}


@blp.route("/v1/api/customer/<customer_id:customer_id>")
@blp.requires("customers:read")
@blp.response(200, CustomerSchema, description="The record", example=examples.CUSTOMER)
@blp.documents(error_examples.NO_CUSTOMER)
def get_customer(customer_id: str) -> Customer:
    """Show a customer's record.

    It has the additional attributes as they were registered.
    """
    return services().customers.get(customer_id)


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
