"""Customers over HTTP."""

from __future__ import annotations

from typing import Any

from flask import request

from paymentapp.api import examples
from paymentapp.api.blueprint import Blueprint, services
from paymentapp.models.customers import Customer
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
@blp.documents(409, 413, 415, 422, description=LIMITS, responses={201: {"links": LINKS}})
def add_customer(body: dict[str, Any]) -> tuple[Customer, int, dict[str, str]]:
    """Register a customer."""
    customer, new = services().customers.register(**body)
    location = f"{request.script_root}/v1/api/customer/{customer.customer_id}"
    return customer, 201 if new else 200, {"Location": location}


@blp.route("/v1/api/customer/<customer_id:customer_id>")
@blp.requires("customers:read")
@blp.response(200, CustomerSchema, description="The record", example=examples.CUSTOMER)
@blp.documents(404)
def get_customer(customer_id: str) -> Customer:
    """Show a customer's record."""
    return services().customers.get(customer_id)
