"""Schemas of customers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, post_dump, post_load

from paymentapp.errors import Unprocessable
from paymentapp.models.customers import (
    ATTRIBUTES_MAX,
    ATTRIBUTES_MAX_BYTES,
    ATTRIBUTES_TOO_LARGE,
    Customer,
    CustomerQuery,
    attributes_size,
)
from paymentapp.schemas.common import (
    NUMBER_MAX,
    CustomerCursor,
    Moment,
    Pattern,
    customer_id,
    email,
    page_limit,
    stored_email,
)

PATCH_MAX = 2 * ATTRIBUTES_MAX  # as many removed as set
VALUE_MAX_LENGTH = 200
DECIMALS_MAX = 15
RESERVED = ("customer_id", "email", "created_at", "updated_at")
NAME_PATTERN = rf"^(?!({'|'.join(RESERVED)})$)[A-Za-z][A-Za-z0-9_]{{0,39}}$"
TEXT_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]*$"
LIMITS = (
    f"Up to {ATTRIBUTES_MAX} additional attributes are accepted besides `customer_id` and `email`. "
    f"A name starts with a letter, followed by letters, digits or `_`, at most 40 characters in "
    f"all, and is none of {', '.join(RESERVED[2:])}. A value is a string of at most "
    f"{VALUE_MAX_LENGTH} characters without control characters, a number of at most 18 digits, "
    f"true, false or null. Names and values together have at most {ATTRIBUTES_MAX_BYTES} bytes."
)

_SCALAR = {
    "type": ["string", "number", "boolean", "null"],
    "maxLength": VALUE_MAX_LENGTH,
    "pattern": TEXT_PATTERN,
    "minimum": -NUMBER_MAX,
    "maximum": NUMBER_MAX,
}
_check_name = Pattern(
    NAME_PATTERN,
    error="The name of an attribute must be a letter, then letters, digits or '_', at most 40 in "
    f"all; {', '.join(RESERVED[2:])} are reserved.",
)
_check_text = Pattern(TEXT_PATTERN, error="A value must not contain control characters.")


class NewCustomerSchema(Schema):
    """A customer to register, with any additional attributes."""

    customer_id = customer_id()
    email = email("E-mail address; methods that pay by e-mail send the money there.")

    class Meta:
        unknown = INCLUDE
        json_schema = {
            "description": LIMITS,
            "maxProperties": 2 + ATTRIBUTES_MAX,
            "patternProperties": {NAME_PATTERN: _SCALAR},
            "additionalProperties": False,
        }

    @post_load
    def gather_attributes(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Move the additional attributes into `attributes`.

        Raises ValidationError, Unprocessable.
        """
        attributes = {name: data[name] for name in data if name not in self.fields}
        _check_attributes(attributes)
        own = {name: data[name] for name in self.fields}
        return {**own, "attributes": attributes}


class CustomerPatchSchema(Schema):
    """Changes of a customer's record, as a JSON merge patch (RFC 7396)."""

    email = stored_email("The new e-mail address. It also requires the scope `payees:write`.")

    class Meta:
        unknown = INCLUDE
        json_schema = {
            "description": "Members that are left out stay as they are. An attribute that is null "
            f"is removed; `email` cannot be. {LIMITS}",
            "maxProperties": 1 + PATCH_MAX,
            "patternProperties": {NAME_PATTERN: _SCALAR},
            "additionalProperties": False,
        }

    @post_load
    def gather_attributes(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Move the attributes into `attributes`. Raises ValidationError, Unprocessable."""
        attributes = {name: data[name] for name in data if name not in self.fields}
        _check_each(attributes, PATCH_MAX)
        return {"email": data.get("email"), "attributes": attributes}


class CustomerSchema(Schema):
    """A customer record."""

    customer_id = customer_id()
    email = stored_email("E-mail address of the customer.", required=True)
    created_at = Moment(required=True)

    class Meta:
        json_schema = {
            "description": "The record, with its additional attributes.",
            "additionalProperties": {"type": _SCALAR["type"]},
        }

    @post_dump(pass_original=True)
    def spread_attributes(
        self, data: dict[str, Any], customer: Customer, **_: Any
    ) -> dict[str, Any]:
        """Add the additional attributes as members of their own."""
        return {**data, **customer.attributes}


class CustomerPageSchema(Schema):
    """One page of customers."""

    customers = fields.List(fields.Nested(CustomerSchema), required=True)
    next_cursor = CustomerCursor(required=True, allow_none=True)


class CustomerQuerySchema(Schema):
    """Filter and position of a listing. Loads as a CustomerQuery."""

    limit = page_limit("How many customers to show at most.")
    cursor = CustomerCursor(attribute="after")
    email = stored_email(
        "Only customers with this e-mail address, in the same upper and lower case."
    )

    @post_load
    def make_query(self, data: dict[str, Any], **_: Any) -> CustomerQuery:
        """Return the loaded fields as a CustomerQuery."""
        return CustomerQuery(**data)


def _check_attributes(attributes: Mapping[str, Any]) -> None:
    _check_each(attributes, ATTRIBUTES_MAX)
    if attributes_size(attributes) > ATTRIBUTES_MAX_BYTES:
        raise Unprocessable("", ATTRIBUTES_TOO_LARGE)


def _check_each(attributes: Mapping[str, Any], most: int) -> None:
    """Check the number of attributes, and each by itself. Raises ValidationError, Unprocessable."""
    if len(attributes) > most:
        raise ValidationError(f"At most {most} additional attributes are accepted.")
    errors = {}
    for name, value in attributes.items():
        try:
            _check_name(name)
            _check_value(value)
        except ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ValidationError(errors)
    _check_decimals(attributes)


def _check_value(value: Any) -> None:
    if isinstance(value, str):
        if len(value) > VALUE_MAX_LENGTH:
            raise ValidationError(f"A value must have at most {VALUE_MAX_LENGTH} characters.")
        _check_text(value)
    elif isinstance(value, Decimal):
        if abs(value) > NUMBER_MAX:
            raise ValidationError(f"A number must be between -{NUMBER_MAX} and {NUMBER_MAX}.")
    elif not isinstance(value, (bool, type(None))):
        raise ValidationError("A value must be a string, a number, true, false or null.")


def _check_decimals(attributes: Mapping[str, Any]) -> None:
    """Refuse numbers that their schema allows but that a record cannot hold."""
    for name, value in attributes.items():
        if isinstance(value, Decimal) and -int(value.as_tuple().exponent) > DECIMALS_MAX:
            raise Unprocessable(name, f"A number must have at most {DECIMALS_MAX} decimals.")
