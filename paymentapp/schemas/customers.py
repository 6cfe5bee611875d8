"""The JSON models of customers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, post_dump, post_load

from paymentapp.models.customers import Customer
from paymentapp.schemas.common import (
    NUMBER_MAX,
    Moment,
    Pattern,
    Unprocessable,
    customer_id,
    email,
)

ATTRIBUTES_MAX = 10
VALUE_MAX_LENGTH = 200
DECIMALS_MAX = 15
TOTAL_MAX_BYTES = 600  # of all names and values; the record with its own fields stays below 1 KB
RESERVED = ("customer_id", "email", "created_at", "updated_at")
NAME_PATTERN = rf"^(?!({'|'.join(RESERVED)})$)[A-Za-z][A-Za-z0-9_]{{0,39}}$"
TEXT_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]*$"
LIMITS = (
    f"Up to {ATTRIBUTES_MAX} further attributes may be given beside `customer_id` and `email`. "
    f"A name has a letter first, then letters, digits and `_`, 40 at most, and is none of "
    f"{', '.join(RESERVED[2:])}. A value is a string of at most {VALUE_MAX_LENGTH} characters "
    f"without control characters, a number of at most 18 digits, true, false or null. Names and "
    f"values together take at most {TOTAL_MAX_BYTES} bytes."
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
    error="An attribute's name is a letter, then letters, digits or '_', 40 at most; "
    f"{', '.join(RESERVED[2:])} are taken.",
)
_check_text = Pattern(TEXT_PATTERN, error="A value has no control characters.")


class NewCustomerSchema(Schema):
    """A customer to register, with further attributes of the operator's own."""

    customer_id = customer_id()
    email = email("Where the customer is paid, for methods that pay by e-mail.")

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
        """Move the attributes into a mapping of their own. Raises also Unprocessable."""
        attributes = {name: data[name] for name in data if name not in self.fields}
        _check_attributes(attributes)
        own = {name: data[name] for name in self.fields}
        return {**own, "attributes": attributes}


class CustomerSchema(Schema):
    """A customer's record."""

    customer_id = customer_id()
    email = email("Where the customer is paid.")
    created_at = Moment(required=True)

    class Meta:
        json_schema = {
            "description": "The record, with the further attributes that it was given.",
            "additionalProperties": {"type": _SCALAR["type"]},
        }

    @post_dump(pass_original=True)
    def spread_attributes(
        self, data: dict[str, Any], customer: Customer, **_: Any
    ) -> dict[str, Any]:
        return {**data, **customer.attributes}


def _check_attributes(attributes: Mapping[str, Any]) -> None:
    if len(attributes) > ATTRIBUTES_MAX:
        raise ValidationError(f"At most {ATTRIBUTES_MAX} further attributes may be given.")
    errors = {}
    for name, value in attributes.items():
        try:
            _check_name(name)
            _check_value(value)
        except ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ValidationError(errors)
    _check_record(attributes)


def _check_value(value: Any) -> None:
    if isinstance(value, str):
        if len(value) > VALUE_MAX_LENGTH:
            raise ValidationError(f"A value has at most {VALUE_MAX_LENGTH} characters.")
        _check_text(value)
    elif isinstance(value, Decimal):
        if abs(value) > NUMBER_MAX:
            raise ValidationError(f"A number is at most {NUMBER_MAX}.")
    elif not isinstance(value, (bool, type(None))):
        raise ValidationError("A value is a string, a number, true, false or null.")


def _check_record(attributes: Mapping[str, Any]) -> None:
    """Refuse what each model allows in itself, but a record does not hold."""
    for name, value in attributes.items():
        if isinstance(value, Decimal) and -int(value.as_tuple().exponent) > DECIMALS_MAX:
            raise Unprocessable(name, f"A number has at most {DECIMALS_MAX} decimals.")
    total = sum(len(name) + len(str(value).encode()) for name, value in attributes.items())
    if total > TOTAL_MAX_BYTES:
        raise Unprocessable("", f"All attributes together take at most {TOTAL_MAX_BYTES} bytes.")
