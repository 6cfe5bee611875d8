"""Patterns and fields that several schemas share, with their JSON Schema."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from paymentapp.clock import from_text, to_text
from paymentapp.errors import PaymentAppError
from paymentapp.models.customers import CUSTOMER_ID_PATTERN, EMAIL_MAX_LENGTH, EMAIL_PATTERN
from paymentapp.models.money import CURRENCY_PATTERN

PAYMENT_ID_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
METHOD_PATTERN = r"^[a-z][a-z0-9_]{0,31}$"
NUMBER_MAX = 10**15 - 1  # 15 digits before the point: a double keeps them exactly
_DATE_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# RFC 3339, section 5.6, which allows T and Z in lower case.
_MOMENT_PATTERN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Unprocessable(PaymentAppError):
    """The body matches its JSON Schema but breaks a rule that JSON Schema cannot express.

    `field` names the member at fault, and is empty for the whole body.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Pattern(validate.Regexp):
    """A regular expression that the whole text must match.

    In marshmallow's `Regexp`, `$` would accept a trailing line feed.
    """

    def __call__(self, value: Any) -> Any:
        """Return the value. Raises ValidationError."""
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self.error)
        return value


def customer_id() -> fields.String:
    """Return the field of a customer id, which the operator chooses."""
    message = "Must be 1 to 50 letters, digits, '.', '_' or '-', starting with a letter or digit."
    return fields.String(
        required=True,
        validate=Pattern(CUSTOMER_ID_PATTERN, error=message),
        metadata={"description": "Id of the customer, chosen by the operator."},
    )


def email(description: str) -> fields.String:
    """Return the field of an e-mail address that providers accept."""
    return fields.String(
        required=True,
        validate=[
            validate.Length(max=EMAIL_MAX_LENGTH),
            Pattern(EMAIL_PATTERN, error="Not an e-mail address (ASCII, name@host.domain)."),
        ],
        metadata={"format": "email", "description": description},
    )


def currency() -> fields.String:
    """Return the field of a currency code."""
    return fields.String(
        required=True,
        validate=Pattern(CURRENCY_PATTERN, error="Must be three capital letters (ISO 4217)."),
        metadata={
            "description": "ISO 4217 code. Each payment method has its own list of currencies."
        },
    )


class Amount(fields.Decimal):
    """A positive amount, as the Decimal that the JSON decoder made; no other type is accepted."""

    default_error_messages = {
        "invalid": "Must be a number.",
        "positive": "Must be greater than 0.",
        "large": f"Must be at most {NUMBER_MAX}.",
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs["metadata"] = {
            "exclusiveMinimum": 0,
            "maximum": NUMBER_MAX,
            "description": "Exact, with at most the decimals of the currency and 18 digits.",
        }
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Decimal:
        if not isinstance(value, Decimal):
            raise self.make_error("invalid")
        if value <= 0:
            raise self.make_error("positive")
        if value > NUMBER_MAX:
            raise self.make_error("large")
        return value

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return value


class Moment(fields.String):
    """A time in a response: ISO 8601, UTC, with microseconds."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = kwargs.pop("metadata", {})
        super().__init__(metadata={"format": "date-time", **metadata}, **kwargs)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return None if value is None else to_text(value)


class Maker(fields.String):
    """Who did something; stored as an empty text, and shown as null, for the service itself."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return value or None


class Boundary(fields.String):
    """An inclusive bound of a time range. Loads as the payment id of that time.

    A date without a time means the time `at` of that day, in UTC.
    """

    default_error_messages = {
        "invalid": "Must be an ISO 8601 date, or a date and time with an offset (send + as %2B)."
    }

    def __init__(self, at: time, **kwargs: Any) -> None:
        self.at = at
        metadata = kwargs.pop("metadata", {})
        # `type` in each: generated clients take a format without one for "anything".
        formats = {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
            ]
        }
        super().__init__(metadata={**formats, **metadata}, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        try:
            return to_text(self._moment(text))
        except (ValueError, OverflowError) as error:
            raise self.make_error("invalid") from error

    def _moment(self, text: str) -> datetime:
        if _DATE_PATTERN.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), self.at, UTC)
        if _MOMENT_PATTERN.fullmatch(text):
            return from_text(text.upper())
        raise ValueError("neither a date nor a moment")


class Cursor(fields.String):
    """The position of the next page: a payment id in base64url, opaque to the caller."""

    default_error_messages = {"invalid": "Must be a `next_cursor` that this service returned."}

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "cursor", "description": "`next_cursor` of the previous page."}
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return None if value is None else base64.urlsafe_b64encode(value.encode()).decode()

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        try:
            payment_id = base64.b64decode(text.encode(), b"-_", validate=True).decode()
            is_canonical = to_text(from_text(payment_id)) == payment_id
        except (binascii.Error, ValueError, OverflowError) as error:
            raise self.make_error("invalid") from error
        # Base64 has several encodings of one text; only the canonical one is accepted.
        if not is_canonical or self._serialize(payment_id) != text:
            raise self.make_error("invalid")
        return payment_id


class QueryInteger(fields.Integer):
    """An integer in a query string: ASCII digits only, where `int` also accepts other forms."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **kwargs)


class FieldErrorSchema(Schema):
    """One error, and its place in the request."""

    pointer = fields.String(
        metadata={"description": "Place in the body, as a JSON Pointer (RFC 6901)."}
    )
    parameter = fields.String(metadata={"description": "Name of the query parameter."})
    header = fields.String(metadata={"description": "Name of the request header."})
    message = fields.String(
        required=True, metadata={"description": "What is wrong, and what is expected."}
    )


class ProblemSchema(Schema):
    """The body of every error (RFC 9457)."""

    type = fields.String(
        required=True,
        metadata={"format": "uri-reference", "description": "Problem type; stable."},
    )
    title = fields.String(
        required=True, metadata={"description": "Short text of the problem type."}
    )
    status = fields.Integer(required=True, metadata={"description": "The HTTP status."})
    detail = fields.String(
        required=True, metadata={"description": "What is wrong here, or what to do about it."}
    )
    errors = fields.List(
        fields.Nested(FieldErrorSchema),
        metadata={"description": "Each part of the request that is wrong."},
    )


def json_schema_extras(schema: Any) -> Mapping[str, Any]:
    """Return a schema's `Meta.json_schema`: members of its JSON Schema besides its fields."""
    extras: Mapping[str, Any] = getattr(getattr(schema, "Meta", None), "json_schema", {})
    return extras
